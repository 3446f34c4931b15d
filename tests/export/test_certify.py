from __future__ import annotations

import numpy as np
import pytest

from strop.export.certify import Answers, Certificate, Verdict, answers, broken_promises, verdict
from strop.export.graph import Array


def answered(predicted: Array) -> Answers:
    return Answers(predicted=predicted, in_top5=np.ones(len(predicted), bool))


def judged(reference: Array, found: Array, truth: Array | None) -> Verdict:
    return verdict(
        "m.int8.tflite",
        engine="litert 2",
        kernels="xnnpack",
        reference=answered(reference),
        found=answered(found),
        truth=truth,
    )


def certificate(found: Verdict, images: int) -> Certificate:
    return Certificate(
        images=images,
        data="validation",
        overlap=0,
        float_top1=None,
        float_top5=None,
        verdicts=(found,),
    )


def test_a_drop_counts_lost_minus_won() -> None:
    truth = np.arange(100)
    reference, found = truth.copy(), truth.copy()
    reference[:2] = -1  # int8 wins two
    found[10:15] = -1  # and loses five
    made = judged(reference, found, truth)
    assert made.drop == pytest.approx(0.03)
    assert made.drop_interval.low < 0.03 < made.drop_interval.high
    assert made.agreement == pytest.approx(0.93)


def test_top5_finds_the_class_among_five() -> None:
    scores = np.array([[9.0, 8, 7, 6, 5, 4], [9.0, 8, 7, 6, 5, 4]])
    found = answers(scores, np.array([4, 5]))
    assert found.predicted.tolist() == [0, 0]
    assert found.in_top5.tolist() == [True, False]


def test_without_labels_disagreement_bounds_the_drop() -> None:
    reference = np.zeros(200, int)
    found = reference.copy()
    found[:4] = 1
    made = judged(reference, found, None)
    assert made.top1 is None
    assert made.drop == pytest.approx(0.02)
    assert made.drop_interval.high > 0.02


def test_a_promise_is_kept_only_if_the_worse_end_of_the_interval_keeps_it() -> None:
    n = 10_000
    truth = np.zeros(n, int)
    found = truth.copy()
    found[:30] = 1  # 0.30 points
    made = judged(truth, found, truth)
    assert broken_promises(certificate(made, n), 0.5) == ()
    (reason,) = broken_promises(certificate(made, n), 0.35)
    assert "drop +0.30 points [95 %: +0.21, +0.43] on 10000 images, at most 0.35" in reason


def test_too_few_images_promise_nothing_and_it_is_said() -> None:
    truth = np.zeros(400, int)
    made = judged(truth, truth, truth)
    reasons = broken_promises(certificate(made, 400), 0.5)
    assert "400 images cannot promise less than 0.95 points" in reasons[-1]
