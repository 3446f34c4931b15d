"""Hold the finished artifacts' answers against the float model's, image by image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strop.export.certify.certificate import Answers, OneAnswer, Truth, Verdict
from strop.export.ir.graph import Array
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.agreement import (
    agreement,
    constant,
    drop,
    label_agreement,
    mean_average_precision,
    mean_label_interval,
    same,
    share_of,
    why_it_says_nothing,
)
from strop.runtime.classify.decision import Decision, answer_in_words, outputs
from strop.runtime.classify.decision import answers as decided
from strop.runtime.classify.regression_error import OutputError, output_errors
from strop.runtime.statistics.intervals import wilson_interval

TOP = 5
FLOAT = "the float model"


def answers(decision: Decision, scores: Array, right: Array | None) -> Answers:
    """Answers from scores, float [N, scores]; `right` is [N, K], or None where it is unknown."""
    n, task = len(scores), decision.task
    in_top5 = np.zeros(n, bool)
    if right is not None and task is Task.CLASSIFY:
        best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        in_top5 = (best == right).any(axis=1)
    is_table = task in (Task.MULTILABEL, Task.REGRESS)
    return Answers(
        rows=decided(decision, scores) if decision.has_classes else np.zeros((n, 0), np.int64),
        in_top5=in_top5,
        outputs=outputs(decision, scores) if is_table else np.zeros((n, 0)),
    )


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of consecutive batches as one."""
    return Answers(
        rows=np.concatenate([part.rows for part in parts]),
        in_top5=np.concatenate([part.in_top5 for part in parts]),
        outputs=np.concatenate([part.outputs for part in parts]),
    )


def verdict(
    artifact: str,
    *,
    engine: str,
    kernels: str,
    reference: Answers,
    found: Answers,
    truth: Truth,
) -> Verdict:
    """Compare an artifact's answers with the float model's, image by image."""
    if truth.decision.task is Task.REGRESS:
        return _error_verdict(artifact, engine, kernels, reference, found, truth)
    n = len(reference.rows)
    agreed = agreement(reference.rows, found.rows)
    hits = int(np.count_nonzero(same(reference.rows, found.rows)))
    lost, interval = 1 - hits / n, wilson_interval(n - hits, n)
    top1 = top5 = precision = None
    if truth.rows is not None:
        dropped = drop(reference.rows, found.rows, truth.rows)
        lost, interval = dropped.drop, dropped.interval
        top1 = float(same(found.rows, truth.rows).mean())
        if truth.decision.task is Task.CLASSIFY:
            top5 = float(found.in_top5.mean())
        if truth.decision.task is Task.MULTILABEL:
            precision = mean_average_precision(found.outputs, truth.rows)
    by_label: tuple[float, ...] = ()
    if truth.decision.task is Task.MULTILABEL:
        by_label = label_agreement(reference.rows, found.rows)
    always = constant(reference.rows)
    answer = answer_in_words(truth.decision.task, truth.names, always.answer)
    return Verdict(
        artifact=artifact,
        engine=engine,
        kernels=kernels,
        top1=top1,
        top5=top5,
        drop=lost,
        drop_interval=interval,
        agreement=agreed.share,
        agreement_interval=agreed.interval,
        label_agreement=by_label,
        label_agreement_interval=mean_label_interval(by_label, n) if by_label else None,
        mean_average_precision=precision,
        not_certified=why_it_says_nothing(always, hits, answer=answer, reference=FLOAT),
    )


def _error_verdict(
    artifact: str,
    engine: str,
    kernels: str,
    reference: Answers,
    found: Answers,
    truth: Truth,
) -> Verdict:
    errors = output_errors(reference.outputs, found.outputs, truth.rows, truth.names)
    worst = max(errors, key=lambda error: error.drop_interval.high)
    reasons = [_why_error_says_nothing(error) for error in errors if not error.is_telling]
    return Verdict(
        artifact=artifact,
        engine=engine,
        kernels=kernels,
        top1=None,
        top5=None,
        drop=worst.drop,
        drop_interval=worst.drop_interval,
        agreement=None,
        agreement_interval=None,
        errors=errors,
        not_certified="; ".join(reasons),
    )


def _why_error_says_nothing(error: OutputError) -> str:
    if error.spread == 0:
        return f"{FLOAT} gives {error.output} the same number for all images"
    return (
        f"one number for all images, {FLOAT}'s mean, would be {error.constant:.4g} off from it at"
        f" {error.output}, and {error.mean:.4g} is not clearly less"
    )


def one_answer(reference: Answers, truth: Truth) -> OneAnswer:
    """What a file would be worth that always gives the float model's most common answer."""
    if truth.decision.task is Task.REGRESS:
        exact = output_errors(reference.outputs, reference.outputs, truth.rows, truth.names)
        return OneAnswer(
            answer="the mean of float's numbers",
            agreement=None,
            agreement_interval=None,
            drop=max(error.constant_drop for error in exact),
            is_beatable=all(error.is_telling for error in exact),
        )
    always = constant(reference.rows, truth.rows)
    lost = 1 - always.agreement.share
    if truth.rows is not None and always.right is not None:
        lost = float(same(reference.rows, truth.rows).mean()) - always.right
    return OneAnswer(
        answer=answer_in_words(truth.decision.task, truth.names, always.answer),
        agreement=always.agreement.share,
        agreement_interval=always.agreement.interval,
        drop=lost,
        is_beatable=always.is_beaten_by(share_of(always.images, always.images)),
    )
