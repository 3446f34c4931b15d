"""Hold the finished artifacts against the float model, on validation images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strop.export.graph import Array
from strop.runtime.statistics import Interval, paired_drop_interval, wilson_interval

TOP = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What one model said about every validation image.

    Attributes:
        predicted: int64 [N], the class with the highest score.
        in_top5: bool [N], whether the true class is among the five highest; all False
            without labels.
    """

    predicted: Array
    in_top5: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One artifact against the float model, over the same images.

    Attributes:
        artifact: File name.
        engine: Engine and version that ran it.
        kernels: What computed: "xnnpack", "builtin" or "mlas". It holds for these.
        top1: Share of images with the right class first; None without labels.
        top5: Share of images with the right class among five; None without labels.
        drop: Float top-1 minus the artifact's, a share; without labels the share of
            images with another class than float's, which bounds it.
        drop_interval: 95 % interval of `drop` (paired, Tango 1998; Wilson without labels).
        agreement: Share of images with the same class as the float model.
        agreement_interval: 95 % interval of `agreement` (Wilson).
    """

    artifact: str
    engine: str
    kernels: str
    top1: float | None
    top5: float | None
    drop: float
    drop_interval: Interval
    agreement: float
    agreement_interval: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What the export is worth.

    Attributes:
        images: How many, > 0.
        data: "validation", or "calibration" where there were no others: what the ranges
            were chosen on flatters.
        overlap: How many of them are calibration images as well, by content; they flatter.
        float_top1: The float model's share right; None without labels.
        float_top5: The same among five.
        verdicts: One an artifact.
    """

    images: int
    data: str
    overlap: int
    float_top1: float | None
    float_top5: float | None
    verdicts: tuple[Verdict, ...]


def answers(scores: Array, truth: Array | None) -> Answers:
    """Classes from scores, float [N, classes]; `truth` is int [N], or None without labels."""
    if truth is None:
        in_top5 = np.zeros(len(scores), bool)
    else:
        best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        in_top5 = (best == truth[:, None]).any(axis=1)
    return Answers(predicted=scores.argmax(axis=1), in_top5=in_top5)


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of consecutive batches as one."""
    return Answers(
        predicted=np.concatenate([part.predicted for part in parts]),
        in_top5=np.concatenate([part.in_top5 for part in parts]),
    )


def verdict(
    artifact: str,
    *,
    engine: str,
    kernels: str,
    reference: Answers,
    found: Answers,
    truth: Array | None,
) -> Verdict:
    """Compare an artifact's answers with the float model's, image by image."""
    n = len(reference.predicted)
    same = int(np.count_nonzero(found.predicted == reference.predicted))
    top1 = top5 = None
    if truth is None:
        drop, drop_interval = 1 - same / n, wilson_interval(n - same, n)
    else:
        right_before = reference.predicted == truth
        right_now = found.predicted == truth
        lost = int(np.count_nonzero(right_before & ~right_now))
        won = int(np.count_nonzero(right_now & ~right_before))
        drop, drop_interval = (lost - won) / n, paired_drop_interval(lost, won, n)
        top1, top5 = float(right_now.mean()), float(found.in_top5.mean())
    return Verdict(
        artifact=artifact,
        engine=engine,
        kernels=kernels,
        top1=top1,
        top5=top5,
        drop=drop,
        drop_interval=drop_interval,
        agreement=same / n,
        agreement_interval=wilson_interval(same, n),
    )


def broken_promises(certificate: Certificate, max_drop: float) -> tuple[str, ...]:
    """Why the certificate cannot promise a drop of at most `max_drop` points; empty if it can.

    It promises what the worse end of the 95 % interval says, so that few images
    promise little.
    """
    broken = []
    for found in certificate.verdicts:
        low, worst = 100 * found.drop_interval.low, 100 * found.drop_interval.high
        if worst > max_drop:
            broken.append(
                f"{found.artifact}: drop {100 * found.drop:+.2f} points [95 %: {low:+.2f},"
                f" {worst:+.2f}] on {certificate.images} images, at most {max_drop:g} was asked for"
            )
    if broken and not can_promise(certificate, max_drop):
        broken.append(
            f"{certificate.images} images cannot promise less than"
            f" {_best_promise(certificate):.2f} points even where no class changes; add validation"
            " images"
        )
    return tuple(broken)


def can_promise(certificate: Certificate, max_drop: float) -> bool:
    """Whether there are images enough to promise a drop of at most `max_drop` points at all."""
    return _best_promise(certificate) <= max_drop


def _best_promise(certificate: Certificate) -> float:
    """Points that so many images can promise if no class changes."""
    n = certificate.images
    best = (
        wilson_interval(0, n) if certificate.float_top1 is None else paired_drop_interval(0, 0, n)
    )
    return 100 * best.high
