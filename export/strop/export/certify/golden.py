"""Makes a bundle's golden vectors: the answers of its int8 artifacts to a few images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from strop.export.ir.graph import Array
from strop.runtime import Classifier
from strop.runtime import open as open_artifact
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.golden import Golden
from strop.runtime.classify.decision import Decision, answers, margins, of_each
from strop.runtime.classify.golden_columns import golden_columns, golden_decision
from strop.runtime.images.dataset import batches
from strop.runtime.records.version import installed_version

IMAGES = 4  # 600 kB at 224 x 224
CANDIDATES = 16


def make_golden(
    artifacts: Sequence[Path],
    images: Sequence[Path],
    *,
    steps: Sequence[float],
    least_bound: int = 0,
) -> Golden:
    """Run the artifacts on the clearest of some images, and keep their answers.

    Clear is where the scores are far from another answer: other kernels, which round
    otherwise, must come to the same answer there.

    Args:
        artifacts: int8 files of one quantization, at least one, their contract inside.
        images: To choose from, at least one.
        steps: One code of the scores of each output, in real units.
        least_bound: Codes that kernels may differ by in any case; of scores that are computed in
            float 1, since another order of sums rounds some number otherwise.

    Returns:
        The codes of the first artifact, of a map those of some pixels; all others are within
        `bound` of them.
    """
    some = images[:: -(-len(images) // CANDIDATES)]
    with ExitStack() as stack:
        opened = [stack.enter_context(open_artifact(path)) for path in artifacts]
        (pixels,) = batches(some, opened[0].contract, batch_size=CANDIDATES)
        columns = golden_columns(opened[0].known_decisions())
        decisions = [golden_decision(each) for each in opened[0].known_decisions()]
        step = np.concatenate(
            [np.full(one.scores, each) for one, each in zip(decisions, steps, strict=True)]
        )
        clear = pixels[_clearest(_codes(opened[0], pixels, columns, step), decisions, step)]
        codes = [_codes(classifier, clear, columns, step) for classifier in opened]
        kernels = {
            sha256_file(path): classifier.facts.kernels
            for path, classifier in zip(artifacts, opened, strict=True)
        }
    return Golden(
        images=clear,
        codes=codes[0],
        steps=tuple(steps) if len(steps) == 1 else tuple(step.tolist()),
        bound=max(least_bound, *(int(np.abs(codes[0] - other).max()) for other in codes)),
        kernels=kernels,
        strop_version=installed_version(),
    )


def _codes(classifier: Classifier, pixels: Array, columns: Array, step: Array) -> Array:
    """Return the scores in these columns in steps from the zero point, int16 [N, columns]."""
    scores = np.stack([classifier.scores(image)[columns] for image in pixels])
    codes: Array = np.rint(scores / step).astype(np.int16)
    return codes


def _clearest(codes: Array, decisions: Sequence[Decision], step: Array) -> Array:
    """Return indices of the IMAGES rows furthest from another answer, one for each answer first.

    Of several outputs the one nearest to another answer counts. Of a REGRESS task they are the
    first ones: any number is as clear as any other.
    """
    parts = zip(decisions, of_each(decisions, codes * step), of_each(decisions, step), strict=True)
    judged = [each for each in parts if each[0].has_classes or each[0].is_map]
    # Whole codes: a product's last digit is no difference.
    clear = [np.rint(margins(decision, scores) / size[0]) for decision, scores, size in judged]
    nearest = np.min(clear, axis=0) if clear else np.zeros(len(codes))
    best = np.argsort(-nearest, kind="stable")
    first: Array = np.zeros(0, np.int64)
    if judged and not any(decision.is_map for decision, _, _ in judged):
        rows = np.concatenate([answers(decision, scores) for decision, scores, _ in judged], axis=1)
        _, first = np.unique(rows[best], axis=0, return_index=True)
    of_new_answer = np.isin(np.arange(len(best)), first)
    chosen: Array = np.sort(np.concatenate([best[of_new_answer], best[~of_new_answer]])[:IMAGES])
    return chosen
