from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.export.fake_manifest import certificate

from strop.export.bundle.score_notes import score_notes
from strop.export.certify.certificate import ScoreFigures
from strop.export.certify.score_figures import calibration_error, score_figures, score_rows
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.scores import softmax

RANDOM = np.random.default_rng(5)
FLOAT = RANDOM.normal(0, 3, (40, 7)).astype(np.float32)
NEAR = FLOAT + RANDOM.normal(0, 0.03, FLOAT.shape).astype(np.float32)
BEHIND = Decision(task=Task.CLASSIFY, scores=7, activation=Activation.SOFTMAX)
AS_SOURCE = Decision(task=Task.CLASSIFY, scores=7, activation=Activation.NONE)


def figures(reference: np.ndarray, found: np.ndarray, decision: Decision) -> ScoreFigures:
    made = score_figures([score_rows(reference, found, decision)], None, None)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("reference", "found", "decision"),
    [
        (FLOAT, NEAR, AS_SOURCE),
        (softmax(FLOAT).astype(np.float32), NEAR, BEHIND),
        (softmax(FLOAT).astype(np.float32), softmax(NEAR).astype(np.float32), AS_SOURCE),
        (FLOAT, NEAR + 17, AS_SOURCE),  # what all scores have in common changes no probability
    ],
)
def test_figures_are_the_same_before_and_behind_a_softmax(
    reference: np.ndarray, found: np.ndarray, decision: Decision
) -> None:
    # Noise of a hundredth of the scores' spread, to within what 280 draws can say.
    assert figures(reference, found, decision).signal_to_noise_db == pytest.approx(40, abs=1.5)
    expected = figures(FLOAT, NEAR, AS_SOURCE)
    assert figures(reference, found, decision).divergence == pytest.approx(
        expected.divergence, rel=1e-3, abs=1e-6
    )


def test_batches_add_up_to_the_whole() -> None:
    parts = [score_rows(FLOAT[at : at + 10], NEAR[at : at + 10], BEHIND) for at in range(0, 40, 10)]
    joined = score_figures(parts, None, None)
    assert joined is not None
    assert joined.signal_to_noise_db == pytest.approx(
        figures(FLOAT, NEAR, BEHIND).signal_to_noise_db
    )


def test_nothing_is_said_of_probabilities_in_int8_and_of_other_tasks() -> None:
    coarse = np.rint(softmax(FLOAT) * 256).clip(0, 255) / 256
    numbers = Decision(task=Task.REGRESS, scores=7, activation=Activation.NONE)
    assert score_rows(softmax(FLOAT), coarse, AS_SOURCE) is None
    assert score_rows(FLOAT, NEAR, numbers) is None
    assert score_figures([None], None, None) is None


def test_calibration_error_is_the_distance_of_confidence_from_right_answers() -> None:
    confidence = np.array([0.95] * 10 + [0.55] * 10)
    is_right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    # 0.95 where 9 of 10 are right, 0.55 where 3 of 10 are: half of the images each.
    assert calibration_error(confidence, is_right) == pytest.approx((0.05 + 0.25) / 2)
    assert calibration_error(np.ones(4), np.ones(4, np.bool_)) == 0


def test_a_note_says_when_scores_are_of_no_use_but_for_the_highest() -> None:
    one = certificate()
    figures = ScoreFigures(
        signal_to_noise_db=12.34,
        divergence=0.0042,
        calibration_error=0.031,
        float_calibration_error=0.025,
    )
    verdicts = tuple(replace(each, scores=figures) for each in one.verdicts)
    said = score_notes(replace(one, verdicts=verdicts))
    assert "12.3 dB signal to noise, probabilities 0.00420 nats from float's" in said[0]
    assert "calibration error 3.10 % (float 2.50 %)" in said[0]
    assert "set no thresholds on them" in said[1]
    assert score_notes(one) == []
