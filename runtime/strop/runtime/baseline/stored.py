"""Judges an artifact by sessions of its baseline, of which only numbers are there.

They may fail a build only where nothing but the artifact is new: on the same hardware with
the same software, that the user calls dedicated, against MIN_SESSIONS separate occasions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median

from strop.runtime.baseline.session import BaselineSession, MachineClass
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.machine.environment import Occasion
from strop.runtime.machine.reference_load import ReferenceLoad
from strop.runtime.statistics.prediction_interval import Prediction, prediction
from strop.runtime.units import PERCENT

MIN_SESSIONS = 5
POWER = 0.95
# What has to be the same in two plans for their numbers to meet.
MEASURING = (
    "block_runs",
    "block_duration_s",
    "lead_in_duration_s",
    "warmup_duration_s",
    "max_warmup_duration_s",
    "inputs",
    "num_threads",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredDecision:
    """A verdict with what it rests on; numbers are None with fewer than two sessions.

    Attributes:
        verdict: In one word.
        reasons: Why, in words.
        sessions: How many of the baseline count.
        ratio: p50 of the new artifact over the baseline's sessions.
        low: Its lower bound.
        high: Its upper bound.
        confidence: Of each bound alone, 0..1.
        detectable_increase: The slowdown that would have been found 95 times in 100.
        session_deviation: Standard deviation of the sessions' logarithms.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    sessions: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float
    detectable_increase: float | None = None
    session_deviation: float | None = None


def decide_stored(
    new: BaselineSession,
    olds: Sequence[BaselineSession],
    plan: CheckPlan,
    *,
    artifacts: int = 1,
) -> StoredDecision:
    """Judge one new session by the prediction interval of the baseline's.

    Args:
        new: Of the new artifact, measured now.
        olds: Of the baseline, any.
        plan: Thresholds.
        artifacts: How many are tested together; each gets its share of alpha.
    """
    kept, excluded = matching(new, olds)
    alpha = plan.alpha / artifacts
    found = [math.log(each.p50_ns) for each in kept if each.p50_ns is not None]
    if new.p50_ns is None or not new.is_valid:
        why = (
            f"{new.invalid_share:.0%} of the blocks do not count;"
            f" {new.plan.max_invalid_share:.0%} may be"
        )
        return StoredDecision(
            verdict=Verdict.INVALID, reasons=(why,), sessions=len(found), confidence=1 - alpha
        )
    few = _too_few(len(found), excluded)
    if len(found) < 2:
        return StoredDecision(
            verdict=Verdict.INCONCLUSIVE, reasons=few, sessions=len(found), confidence=1 - alpha
        )
    expected = prediction(found)
    change, half = math.log(new.p50_ns) - expected.centre, expected.half_width(1 - alpha)
    verdict, reasons = _verdict(change - half, change + half, plan)
    doubts = few + moved(new, kept, plan)
    if doubts:
        verdict, reasons = Verdict.INCONCLUSIVE, doubts
    return StoredDecision(
        verdict=verdict,
        reasons=reasons,
        sessions=len(found),
        ratio=math.exp(change),
        low=math.exp(change - half),
        high=math.exp(change + half),
        confidence=1 - alpha,
        detectable_increase=_detectable(expected, plan, alpha),
        session_deviation=expected.scale / math.sqrt(1 + 1 / len(found)),
    )


def matching(
    new: BaselineSession, olds: Sequence[BaselineSession]
) -> tuple[tuple[BaselineSession, ...], Counter[str]]:
    """The sessions that may be compared with, and how many are left out for what."""
    kept: list[BaselineSession] = []
    excluded: Counter[str] = Counter()
    for old in olds:
        why = _mismatch(new, old, [each.occasion for each in kept])
        if why:
            excluded[why] += 1
        else:
            kept.append(old)
    return tuple(kept), excluded


def _mismatch(new: BaselineSession, old: BaselineSession, kept: Sequence[Occasion]) -> str:
    """Why a session does not count; empty where it does."""
    if not old.is_valid:
        return "invalid"
    if old.machine_class is not MachineClass.DEDICATED:
        return "recorded without --machine dedicated"
    if old.place.hardware.id != new.place.hardware.id:
        return "of other hardware"
    if old.stack_id != new.stack_id:
        return "of other software"
    if _measuring(old) != _measuring(new):
        return "measured for another time"
    if not all(old.occasion.is_apart_from(other) for other in kept):
        return "within an hour of another"
    return ""


def _measuring(session: BaselineSession) -> tuple[object, ...]:
    return len(session.processes), *(getattr(session.plan, name) for name in MEASURING)


def _verdict(low: float, high: float, plan: CheckPlan) -> tuple[Verdict, tuple[str, ...]]:
    if low > math.log1p(plan.tolerance):
        return Verdict.REGRESSION, (f"slower by more than {plan.tolerance:.1%}",)
    if high < math.log1p(-plan.tolerance):
        return Verdict.IMPROVED, (f"faster by more than {plan.tolerance:.1%}",)
    if high < math.log1p(plan.limit):
        return Verdict.PASS, (f"slower by less than {plan.limit:.1%}, if at all",)
    return Verdict.INCONCLUSIVE, (
        f"neither a slowdown above {plan.tolerance:.1%} nor one below {plan.limit:.1%} is shown",
    )


def moved(
    new: BaselineSession, kept: Sequence[BaselineSession], plan: CheckPlan
) -> tuple[str, ...]:
    """Say which reference load takes another time than before: then the machine has changed."""
    texts = []
    for name in (field.name for field in fields(ReferenceLoad)):
        expected = prediction([math.log(_yardstick_ns(each, name)) for each in kept])
        # Both sides of all of them together miss alpha at most.
        p = 1 - plan.alpha / (2 * len(fields(ReferenceLoad)))
        allowed = math.log1p(plan.tolerance) + expected.half_width(p)
        change = math.log(_yardstick_ns(new, name)) - expected.centre
        if abs(change) > allowed:
            texts.append(
                f"the machine has changed: {name.removesuffix('_ns')}"
                f" {math.expm1(change) * PERCENT:+.1f} %, where {math.expm1(allowed) * PERCENT:.1f}"
                " % is usual"
            )
    return tuple(texts)


def _yardstick_ns(session: BaselineSession, name: str) -> float:
    found: float = median(getattr(process.yardstick, name) for process in session.processes)
    return found


def _detectable(expected: Prediction, plan: CheckPlan, alpha: float) -> float:
    """By the t-test's power."""
    needed = expected.half_width(1 - alpha) + expected.half_width(POWER)
    return math.expm1(math.log1p(plan.tolerance) + needed)


def _too_few(count: int, excluded: Counter[str]) -> tuple[str, ...]:
    if count >= MIN_SESSIONS:
        return ()
    others = ", ".join(f"{why}: {n}" for why, n in excluded.items())
    not_counted = f" (not counted: {others})" if others else ""
    return (f"{count} sessions of the baseline count, needed are {MIN_SESSIONS}{not_counted}",)
