"""Makes verdicts of the finished artifacts' answers and the float model's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strop.export.certify.certificate import OneAnswer, ScoreFigures, Verdict
from strop.export.certify.score_figures import ScoreRows, score_figures
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.agreement import constant, same
from strop.runtime.classify.comparison import (
    Comparison,
    ModelAnswers,
    Truth,
    classes_of_nearest,
    compare,
)
from strop.runtime.classify.decision import answer_in_words
from strop.runtime.classify.embedding import nearest
from strop.runtime.classify.point_error import PointErrors
from strop.runtime.classify.regression_error import OutputError, output_errors
from strop.runtime.statistics.intervals import Interval, wilson_interval
from strop.runtime.units import PERCENT

FLOAT = "the float model"


def verdict(
    artifact: str,
    *,
    engine: str,
    kernels: str = "",
    reference: ModelAnswers,
    found: ModelAnswers,
    truth: Truth,
    scores: Sequence[ScoreRows | None] = (),
) -> Verdict:
    """Compare an artifact's answers with the float model's, image by image.

    Args:
        artifact: File name.
        engine: What ran it, with its version.
        kernels: What computed.
        reference: The float model's answers.
        found: The artifact's.
        truth: The right ones.
        scores: What is to be known of its scores, batch by batch; empty for nothing.

    Raises:
        MeasurementError: A regression on fewer than two images.
    """
    compared = compare(found, reference, truth)
    own, agreed = compared.found, compared.agreement
    drop, drop_interval = _drop(compared)
    reasons = [_why_error_says_nothing(each) for each in compared.errors if not each.is_telling]
    if compared.points is not None and not compared.points.is_telling:
        reasons.append(_why_points_say_nothing(compared.points))
    return Verdict(
        artifact=artifact,
        engine=engine,
        kernels=kernels,
        top1=None if own.top1 is None else own.top1.share,
        top5=None if own.top5 is None else own.top5.share,
        drop=drop,
        drop_interval=drop_interval,
        agreement=None if agreed is None else agreed.share,
        agreement_interval=None if agreed is None else agreed.interval,
        label_agreement=compared.label_agreement,
        label_agreement_interval=compared.label_agreement_interval,
        mean_average_precision=own.mean_average_precision,
        errors=compared.errors,
        embedding=compared.embedding,
        points=compared.points,
        not_certified="; ".join(reasons) or compared.why_it_says_nothing(truth, reference=FLOAT),
        scores=_score_figures(scores, reference, found, truth),
    )


def _score_figures(
    parts: Sequence[ScoreRows | None], reference: ModelAnswers, found: ModelAnswers, truth: Truth
) -> ScoreFigures | None:
    # Only classes have rows to compare: of numbers they are empty, and their truth's are not.
    if not parts or any(part is None for part in parts):
        return None
    right = [
        None if truth.rows is None else same(each.rows, truth.rows) for each in (found, reference)
    ]
    return score_figures(parts, *right)


def _drop(compared: Comparison) -> tuple[float, Interval]:
    """Return the drop; without truth its bound, of a regression that of the worst number."""
    if compared.drop is not None:
        return compared.drop.drop, compared.drop.interval
    if compared.agreement is not None:
        hits, images = compared.agreement.hits, compared.agreement.images
        return 1 - hits / images, wilson_interval(images - hits, images)
    if compared.points is not None:
        return compared.points.drop, compared.points.drop_interval
    worst = max(compared.errors, key=lambda error: error.drop_interval.high)
    return worst.drop, worst.drop_interval


def _why_error_says_nothing(error: OutputError) -> str:
    if error.spread == 0:
        return f"{FLOAT} gives {error.output} the same number for all images"
    return (
        f"one number for all images, {FLOAT}'s mean, would be {error.constant:.4g} off from it at"
        f" {error.output}, and {error.mean:.4g} is not clearly less"
    )


def _why_points_say_nothing(errors: PointErrors) -> str:
    if errors.constant == 0:
        return f"{FLOAT} gives every image the same points"
    return (
        f"each point in one place for all images, {FLOAT}'s mean, would be"
        f" {PERCENT * errors.constant:.3g} % of the input off from it, and"
        f" {PERCENT * errors.found.mean:.3g} % is not clearly less"
    )


def one_answer(reference: ModelAnswers, truth: Truth) -> OneAnswer:
    """Return the worth of a file that always gives the float model's most common answer."""
    if truth.task is Task.REGRESS:
        exact = output_errors(reference.outputs, reference.outputs, truth.rows, truth.names)
        return OneAnswer(
            answer="the mean of float's numbers",
            agreement=None,
            agreement_interval=None,
            drop=max(error.constant_drop for error in exact),
            is_beatable=all(error.is_telling for error in exact),
        )
    if truth.task is Task.EMBED:
        return _one_vector(reference, truth)
    if truth.task is Task.LANDMARKS:
        return _one_place(reference, truth)
    always = constant(reference.rows, truth.rows)
    lost = 1 - always.agreement.share
    if truth.rows is not None and always.right is not None:
        lost = float(same(reference.rows, truth.rows).mean()) - always.right
    return OneAnswer(
        answer=answer_in_words(truth.task, truth.names, always.answer),
        agreement=always.agreement.share,
        agreement_interval=always.agreement.interval,
        drop=lost,
        is_beatable=always.is_beatable,
    )


def _one_place(reference: ModelAnswers, truth: Truth) -> OneAnswer:
    """Return the worth of a file that has each point where the float model has it in the mean."""
    errors = compare(reference, reference, truth).points
    return OneAnswer(
        answer="the mean of float's points",
        agreement=None,
        agreement_interval=None,
        drop=0.0 if errors is None else errors.constant_drop,
        is_beatable=errors is not None and errors.is_telling,
    )


def _one_vector(reference: ModelAnswers, truth: Truth) -> OneAnswer:
    """Return the worth of a file that finds one image nearest to all others."""
    found = nearest(reference.outputs)
    always = constant(found)
    lost = 1 - always.agreement.share
    if truth.rows is not None:
        own, right = classes_of_nearest(found, truth.rows)
        _, counts = np.unique(right, return_counts=True)
        if len(right):
            lost = float(same(own, right).mean()) - float(counts.max()) / len(right)
    return OneAnswer(
        answer=f"image {always.answer[0] + 1} is the nearest",
        agreement=always.agreement.share,
        agreement_interval=always.agreement.interval,
        drop=lost,
        is_beatable=always.is_beatable,
    )
