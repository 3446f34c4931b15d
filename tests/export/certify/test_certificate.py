from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strop.export.certify.certificate import Certificate, Verdict, drop_units
from strop.export.certify.drop_limit import broken_promises, can_promise
from strop.export.certify.verdicts import one_answer, verdict
from strop.export.ir.graph import Array
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.comparison import ModelAnswers, Truth, model_answers
from strop.runtime.classify.decision import Decision, answers, decide
from strop.runtime.engines import EngineFacts

CLASSES = decide(10, Activation.NONE, where="a test")
BINARY = decide(1, Activation.SIGMOID, where="a test")
LABELS = decide(3, Activation.SIGMOID, where="a test")
NUMBERS = decide(2, Activation.NONE, task=Task.REGRESS, where="a test")
NAMES = {
    Task.CLASSIFY: (),
    Task.BINARY: ("shut", "open"),
    Task.MULTILABEL: ("a", "b", "c"),
    Task.REGRESS: ("x", "y"),
}
SEEDS = range(15)
FACTS = EngineFacts(engine="litert", version="2", kernels="xnnpack", partitions=None, num_threads=1)


def answered(predicted: Array) -> ModelAnswers:
    return ModelAnswers(
        rows=predicted[:, None],
        best=predicted[:, None],
        outputs=np.zeros((len(predicted), 0)),
    )


def judged(reference: Array, found: Array, truth: Array | None) -> Verdict:
    return by(
        answered(reference),
        answered(found),
        Truth(task=Task.CLASSIFY, rows=None if truth is None else truth[:, None]),
    )


def by(reference: ModelAnswers, found: ModelAnswers, truth: Truth) -> Verdict:
    return verdict(
        "m.int8.tflite",
        engine=FACTS.engine,
        kernels=FACTS.kernels,
        reference=reference,
        found=found,
        truth=truth,
    )


def certificate(found: Verdict, reference: ModelAnswers, truth: Truth) -> Certificate:
    return Certificate(
        images=len(reference.rows),
        data="validation",
        overlap=0,
        task=truth.task,
        thresholds=(),
        names=(),
        float_top1=None,
        float_top5=None,
        float_mean_average_precision=None,
        one_answer=one_answer(reference, truth),
        verdicts=(found,),
    )


def of_scores(
    decision: Decision, reference: Array, found: Array, right: Array | None = None
) -> Certificate:
    """A certificate of scores, as the export makes it."""
    truth = Truth(task=decision.task, names=NAMES[decision.task], rows=right)
    said, other = (model_answers(decision, scores) for scores in (reference, found))
    return certificate(by(said, other, truth), said, truth)


def test_a_drop_counts_lost_minus_won() -> None:
    truth = np.arange(100)
    reference, found = truth.copy(), truth.copy()
    reference[:2] = -1  # int8 wins two
    found[10:15] = -1  # and loses five
    made = judged(reference, found, truth)
    assert made.drop == pytest.approx(0.03)
    assert made.drop_interval.low < 0.03 < made.drop_interval.high
    assert made.agreement == pytest.approx(0.93)


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
    truth = np.arange(n) % 10
    found = truth.copy()
    found[:30] = -1  # 0.30 points
    about = Truth(task=Task.CLASSIFY, rows=truth[:, None])
    made = certificate(judged(truth, found, truth), answered(truth), about)
    assert broken_promises(made, 0.5) == ()
    (reason,) = broken_promises(made, 0.35)
    assert "drop +0.30 points [95 %: +0.21, +0.43] on 10000 images, at most 0.35" in reason


def test_too_few_images_promise_nothing_and_it_is_said() -> None:
    truth = np.arange(400) % 10
    about = Truth(task=Task.CLASSIFY, rows=truth[:, None])
    made = certificate(judged(truth, truth, truth), answered(truth), about)
    reasons = broken_promises(made, 0.5)
    assert "400 images cannot promise less than 0.95 points" in reasons[-1]
    assert not can_promise(made, 0.5)


def test_one_score_is_held_against_its_threshold() -> None:
    # The real case: float answers half and half, int8 always the same, by a calibration that
    # is far too dark.
    scores = np.linspace(-4, 4, 500)[:, None]
    made = of_scores(BINARY, scores, np.full_like(scores, 2.0))
    (found,) = made.verdicts
    assert found.agreement == pytest.approx(0.5)
    assert "answers 'shut' to 250 of 500 images" in found.not_certified
    reasons = broken_promises(made, 1.0)
    assert "drop +50.00 points" in reasons[0]
    assert "not certified: the float model" in reasons[1]
    assert of_scores(BINARY, scores, scores + 1e-3).verdicts[0].not_certified == ""


def drawn(decision: Decision, seed: int, count: int = 120) -> Array:
    scores: Array = np.random.default_rng(seed).normal(0, 2, (count, decision.scores))
    return scores


@pytest.mark.parametrize("decision", [CLASSES, BINARY, LABELS, NUMBERS], ids=lambda d: d.task.value)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_with_one_answer_for_all_images_never_passes(decision: Decision, seed: int) -> None:
    scores = drawn(decision, seed)
    # Every fifth model answers nearly all images alike, as an untrained one does.
    if seed % 5 == 0:
        scores = scores[:1] + 1e-4 * scores
    constant = np.broadcast_to(scores.mean(axis=0), scores.shape)
    for one in (constant, np.broadcast_to(scores[0], scores.shape)):
        made = of_scores(decision, scores, one)
        assert made.verdicts[0].not_certified
        for max_drop in (0.1, 5.0, 50.0, 99.0):
            assert broken_promises(made, max_drop)


@pytest.mark.parametrize("decision", [CLASSES, BINARY, LABELS], ids=lambda d: d.task.value)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_shares_are_what_a_count_by_hand_gives(decision: Decision, seed: int) -> None:
    reference = drawn(decision, seed)
    found = reference + drawn(decision, seed + 100) / 3
    right = answers(decision, reference + drawn(decision, seed + 200) / 2)
    made = of_scores(decision, reference, found, right).verdicts[0]

    def answer(scores: Array) -> list[int]:
        if decision.task is Task.CLASSIFY:
            return [int(scores.argmax())]
        return [int(1 / (1 + np.exp(-score)) >= 0.5) for score in scores]

    rows = [
        (answer(a), answer(b), truth)
        for a, b, truth in zip(reference, found, right.tolist(), strict=True)
    ]
    n = len(rows)
    assert made.agreement == sum(a == b for a, b, _ in rows) / n
    assert made.top1 == sum(b == truth for _, b, truth in rows) / n
    assert made.drop == pytest.approx(sum((a == t) - (b == t) for a, b, t in rows) / n)
    if decision.task is Task.MULTILABEL:
        assert made.label_agreement == tuple(
            sum(a[i] == b[i] for a, b, _ in rows) / n for i in range(3)
        )
        assert made.mean_average_precision is not None
    assert (made.top5 is None) == (decision.task is not Task.CLASSIFY)


def test_a_regression_is_worth_its_worst_number() -> None:
    numbers = np.stack([np.linspace(0, 10, 100), np.linspace(0, 1000, 100)], axis=1)
    made = of_scores(NUMBERS, numbers, numbers + np.array([0.1, 1.0]))
    (found,) = made.verdicts
    assert (found.agreement, found.top1) == (None, None)
    assert [error.output for error in found.errors] == ["x", "y"]
    spread = float(numbers[:, 0].std(ddof=1))
    assert found.drop == pytest.approx(0.1 / spread)
    assert broken_promises(made, 4.0) == ()
    assert "drop +3.41 % of float's spread" in broken_promises(made, 3.0)[0]


def test_a_model_that_hardly_varies_certifies_nothing() -> None:
    scores = np.full((500, 1), 3.0)
    scores[:3] = -3.0
    made = of_scores(BINARY, scores, scores)
    assert made.verdicts[0].agreement == 1
    assert "answers 'open' to 497 of 500 images" in made.verdicts[0].not_certified
    assert not can_promise(made, 1.0)
    assert (
        "a file that always answers 'open' would have a drop of +0.60 points"
        in (broken_promises(made, 1.0)[-1])
    )


def test_a_promise_that_one_answer_would_keep_too_proves_nothing() -> None:
    # One image in a hundred is open: always saying shut costs one point.
    scores = np.full((5000, 1), -3.0)
    scores[::100] = 3.0
    made = of_scores(BINARY, scores, scores)
    assert made.verdicts[0].not_certified == ""
    assert broken_promises(made, 0.5) == ()
    assert "at most 2 proves nothing" in broken_promises(made, 2.0)[0]


def test_an_untrained_model_is_beaten_by_one_answer() -> None:
    right = (np.arange(1000) % 10)[:, None]
    random = np.random.default_rng(0)
    scores = random.normal(size=(1000, 10))
    made = of_scores(CLASSES, scores, scores, right)
    # Its answers vary, and they are right as often as one answer for all.
    made = replace(made, float_top1=made.verdicts[0].top1)
    assert made.verdicts[0].not_certified == ""
    assert "proves nothing" in broken_promises(made, 5.0)[-1]


def test_drops_of_several_outputs_are_counted_in_the_units_of_all() -> None:
    tasks = (Task.CLASSIFY, Task.REGRESS, Task.EMBED)
    assert drop_units(tasks) == "points or % of float's spread"
    assert drop_units([Task.REGRESS]) == "% of float's spread"
