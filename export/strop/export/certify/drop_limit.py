"""Decides whether a certificate can promise `--max-drop` and `--max-flips`, and says why not."""

from __future__ import annotations

from strop.export.certify.certificate import Certificate, named
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.task_words import WORDS
from strop.runtime.statistics.intervals import paired_drop_interval, wilson_interval


def broken_promises(certificate: Certificate, max_drop: float) -> tuple[str, ...]:
    """Say why the certificate cannot promise a drop of at most `max_drop` points, if it cannot.

    Each output has to keep it, in its own measure. It promises what the worse end of the 95 %
    interval says, so that few images promise little; and nothing that a file would keep as well
    which gives every image the same answer.
    """
    return tuple(
        f"output {one.output}: {reason}" if one.output else reason
        for one in certificate.each_output
        for reason in _of_output(one, max_drop)
    )


def broken_flips(certificate: Certificate, max_flips: float) -> tuple[str, ...]:
    """Say why it cannot promise that at most this share of answers are others than float's.

    As of a drop the worse end of the 95 % interval counts.
    """
    broken = []
    for found in certificate.all_verdicts:
        kept = found.agreement_interval
        most = 1.0 if kept is None else 1 - kept.low
        if most > max_flips or found.not_certified:
            broken.append(
                f"{named(found)}: up to {most:.2%} of the answers are others than float has [95 %],"
                f" on {certificate.images} images; at most {max_flips:.2%} was asked for"
                + (f"; not certified: {found.not_certified}" if found.not_certified else "")
            )
    least = least_flips(certificate.images)
    if broken and least > max_flips:
        broken.append(
            f"{certificate.images} images cannot promise less than {least:.2%} even where no answer"
            " changes; add validation images"
        )
    return tuple(broken)


def least_flips(images: int) -> float:
    """Return the share of changed answers that so many images can promise if none changes."""
    return wilson_interval(0, images).high


def _of_output(certificate: Certificate, max_drop: float) -> list[str]:
    broken = []
    points = WORDS[certificate.task].unit
    for found in certificate.all_verdicts:
        name = named(found)
        low, worst = 100 * found.drop_interval.low, 100 * found.drop_interval.high
        if worst > max_drop:
            broken.append(
                f"{name}: drop {100 * found.drop:+.2f} {points} [95 %: {low:+.2f},"
                f" {worst:+.2f}] on {certificate.images} images, at most {max_drop:g} was asked for"
            )
        if found.not_certified:
            broken.append(f"{name}: not certified: {found.not_certified}")
    if _is_kept_by_one_answer(certificate, max_drop):
        always = certificate.one_answer
        broken.append(
            f"a file that always answers {always.answer!r} would have a drop of"
            f" {100 * always.drop:+.2f} {points}, so that at most {max_drop:g} proves nothing; give"
            " validation images of all kinds of answers, and check that the model is trained"
        )
    if broken and _best_promise(certificate) > max_drop:
        broken.append(
            f"{certificate.images} images cannot promise less than"
            f" {_best_promise(certificate):.2f} {points} even where no answer changes; add"
            " validation images"
        )
    return broken


def can_promise(certificate: Certificate, max_drop: float) -> bool:
    """Whether any file could promise a drop of at most `max_drop` points on these images.

    That takes images enough, and answers of the float model that vary.
    """
    return all(
        _best_promise(one) <= max_drop
        and one.one_answer.is_beatable
        and not _is_kept_by_one_answer(one, max_drop)
        for one in certificate.each_output
    )


def foretold_drop(certificate: Certificate, share: float) -> float:
    """Foretell the worse end of the drop, in points, where a share of the changes is left."""
    found = []
    for one in certificate.each_output:
        worst, best = (
            max(100 * each.drop_interval.high for each in one.all_verdicts),
            _best_promise(one),
        )
        found.append(best + (worst - best) * share)
    return max(found)


def foretold_flips(certificate: Certificate, share: float) -> float:
    """Foretell the worse end of the share of changed answers, where a share of them is left."""
    n = certificate.images
    flips = max(1 - (found.agreement or 0.0) for found in certificate.all_verdicts)
    return wilson_interval(round(share * flips * n), n).high


def _is_kept_by_one_answer(certificate: Certificate, max_drop: float) -> bool:
    return 100 * certificate.one_answer.drop <= max_drop


def _best_promise(certificate: Certificate) -> float:
    """Return the points that so many images can promise if no answer changes."""
    n = certificate.images
    if WORDS[certificate.task].is_error or certificate.task in (Task.SEGMENT, Task.DETECT):
        return 0.0  # their intervals are over numbers, which vary within an image
    best = (
        wilson_interval(0, n) if certificate.float_top1 is None else paired_drop_interval(0, 0, n)
    )
    return 100 * best.high
