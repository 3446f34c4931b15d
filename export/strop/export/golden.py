"""Golden vectors for a bundle: what its int8 artifacts answer for a few images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from strop.export.graph import Array
from strop.runtime import Classifier
from strop.runtime import open as open_artifact
from strop.runtime.artifact import sha256_file
from strop.runtime.dataset import batches
from strop.runtime.golden import Golden
from strop.runtime.record import installed_version

IMAGES = 4  # 600 kB at 224 x 224
CANDIDATES = 16


def make_golden(artifacts: Sequence[Path], images: Sequence[Path], *, step: float) -> Golden:
    """Run the artifacts on the clearest of some images, and keep what they say.

    Clear is where the best class is far ahead of the next: other kernels, which round
    otherwise, must come to the same class there.

    Args:
        artifacts: int8 files of one quantization, at least one, their contract inside.
        images: To choose from, at least one.
        step: One code of the scores in real units.

    Returns:
        The codes of the first artifact; all others are within `bound` of them.
    """
    some = images[:: -(-len(images) // CANDIDATES)]
    with ExitStack() as stack:
        opened = [stack.enter_context(open_artifact(path)) for path in artifacts]
        (pixels,) = batches(some, opened[0].contract, batch_size=CANDIDATES)
        clear = pixels[_clearest(_codes(opened[0], pixels, step))]
        codes = [_codes(classifier, clear, step) for classifier in opened]
        kernels = {
            sha256_file(path): classifier.facts.kernels
            for path, classifier in zip(artifacts, opened, strict=True)
        }
    return Golden(
        images=clear,
        codes=codes[0],
        step=step,
        bound=max(int(np.abs(codes[0] - other).max()) for other in codes),
        kernels=kernels,
        strop_version=installed_version(),
    )


def _codes(classifier: Classifier, pixels: Array, step: float) -> Array:
    """int16 [N, classes], steps from the zero point."""
    scores = np.stack([classifier.scores(image) for image in pixels])
    codes: Array = np.rint(scores / step).astype(np.int16)
    return codes


def _clearest(codes: Array) -> Array:
    """Indices of the IMAGES rows whose best class is furthest ahead, one for each class first."""
    ordered = np.sort(codes, axis=1)
    ahead = ordered[:, -1] - ordered[:, -2] if codes.shape[1] > 1 else ordered[:, -1]
    best = np.argsort(-ahead, kind="stable")
    _, first = np.unique(codes.argmax(axis=1)[best], return_index=True)
    of_new_class = np.isin(np.arange(len(best)), first)
    chosen: Array = np.sort(np.concatenate([best[of_new_class], best[~of_new_class]])[:IMAGES])
    return chosen
