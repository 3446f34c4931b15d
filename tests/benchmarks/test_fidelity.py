from __future__ import annotations

import numpy as np
import pytest
from fidelity import COLUMNS, measured, ratio, shown

from strop.export.certify.score_figures import score_rows
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import Decision

RANDOM = np.random.default_rng(1)
DECISION = Decision(task=Task.CLASSIFY, scores=5, activation=Activation.NONE)


def test_a_ratio_is_of_the_same_images() -> None:
    first = RANDOM.lognormal(0, 2, 300)
    # Half of it on every image: a wide spread over the images says nothing against that.
    assert ratio(first, first / 2) == pytest.approx([0.5, 0.5, 0.5])
    found, low, high = ratio(first, RANDOM.permutation(first))
    assert found == pytest.approx(1)
    assert low < 0.9 < 1.1 < high


def test_batches_are_summed_up_over_all_images() -> None:
    reference = RANDOM.normal(0, 2, (60, 5)).astype(np.float32)
    found = reference + RANDOM.normal(0, 0.2, reference.shape).astype(np.float32)
    parts = [
        score_rows(reference[at : at + 20], found[at : at + 20], DECISION) for at in (0, 20, 40)
    ]
    flips = reference.argmax(1) != found.argmax(1)
    figures, nats = measured([part for part in parts if part is not None], flips)
    assert figures["images"] == len(nats) == 60
    assert figures["flips"] == int(flips.sum())
    assert figures["divergence"] == pytest.approx(nats.mean())
    # Noise of a tenth of the scores' spread, to within what 300 draws can say.
    assert figures["signal_to_noise_db"] == pytest.approx(20, abs=1.5)
    first = {"name": "a.tflite", "folder": "images", **figures}
    cells = shown({**first, "divergence_ratio": [0.5, 0.4, 0.625]})
    assert len(cells) == len(shown(first)) == len(COLUMNS)
    assert cells[-1] == "0.50 [0.40, 0.62]"
