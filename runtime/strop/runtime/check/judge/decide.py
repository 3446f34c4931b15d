"""Decides from pairs if an artifact is slower: two thresholds, and no claim between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from statistics import median, stdev
from types import MappingProxyType

from strop.runtime.check.measure.plan import CheckPlan, Metric
from strop.runtime.check.measure.samples import Measure, Pair, Quad
from strop.runtime.statistics.hodges_lehmann import Estimate, detectable_increase, estimate
from strop.runtime.statistics.holm import holm
from strop.runtime.statistics.signed_rank import p_above


class Verdict(str, Enum):
    """What a check says of one artifact's latency."""

    PASS = "pass"
    REGRESSION = "regression"
    IMPROVED = "improved"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """A verdict with what it rests on; numbers are None where no pair, or only one, counts.

    Attributes:
        verdict: In one word.
        reasons: Why, in words.
        stage: 1 where the first pairs were enough for a pass, else 2.
        pairs: How many count.
        dropped_quads: How many of all quads do not.
        disturbed_quads: In how many of all quads other tasks or machines took the processors.
        quads: All quads.
        measure: What the artifacts were compared by.
        ratio: p50 of the new artifact over the old one's, Hodges-Lehmann.
        low: Its lower bound.
        high: Its upper bound.
        confidence: Of each bound alone, at least, 0..1.
        p_value: Of a slowdown by no more than the tolerance, one-sided.
        detectable_increase: The slowdown that would have been found 95 times in 100.
        pair_deviation: Standard deviation of the pairs' logarithms.
        cpu_ratio: As `ratio`, of processor time; a diagnosis, and no part of the verdict.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    stage: int
    pairs: int
    dropped_quads: int
    disturbed_quads: int
    quads: int
    measure: Measure
    ratio: float | None
    low: float | None
    high: float | None
    confidence: float | None
    p_value: float | None
    detectable_increase: float | None
    pair_deviation: float | None
    cpu_ratio: float | None


# Of decisions in older records.
BY_WALL_TIME = MappingProxyType({"measure": Measure.WALL.value, "disturbed_quads": 0})


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The logarithms that count.

    Attributes:
        measure: What they are of.
        first: Of the first stage's pairs.
        fresh: Of those after them.
    """

    measure: Measure
    first: tuple[float, ...]
    fresh: tuple[float, ...]

    @property
    def all(self) -> tuple[float, ...]:
        """Both, in order."""
        return self.first + self.fresh


def passes_early(pairs: Sequence[Pair], plan: CheckPlan) -> bool:
    """Whether the first stage is enough for a pass; it is never enough for a regression.

    All of its pairs have to count and to lie below the limit, which has probability
    2^-pairs at the limit itself; and their centre within the tolerance, or a slowdown
    between the two would always pass on a quiet machine.
    """
    found = evidence(pairs, plan).first
    if len(pairs) != plan.stage1_pairs or len(found) < plan.stage1_pairs:
        return False
    bounds = estimate(found, alpha=plan.alpha)
    is_below_limit = bounds.high < math.log1p(plan.limit)
    return is_below_limit and bounds.centre <= math.log1p(plan.tolerance)


def decide(artifacts: Sequence[Sequence[Pair]], plan: CheckPlan) -> tuple[Decision, ...]:
    """Judge each artifact's pairs.

    Args:
        artifacts: The pairs of each, as `passes_early` and the plan ended them.
        plan: Thresholds.
    """
    found = [evidence(pairs, plan) for pairs in artifacts]
    p_values = [_p_value(each, plan) for each in found]
    rejected = holm(p_values, alpha=plan.alpha)
    return tuple(
        _decision(pairs, each, plan, p_value=p_value, is_rejected=is_rejected)
        for pairs, each, p_value, is_rejected in zip(
            artifacts, found, p_values, rejected, strict=True
        )
    )


def evidence(pairs: Sequence[Pair], plan: CheckPlan) -> Evidence:
    """The logarithms of the pairs that count, by stage."""
    measure = measure_of(pairs, plan)
    ratios = [pair.log_ratio(measure, min_quads=plan.min_valid_quads) for pair in pairs]
    counted = [[each for each in part if each is not None] for part in _stages(ratios, plan)]
    return Evidence(measure=measure, first=tuple(counted[0]), fresh=tuple(counted[1]))


def measure_of(pairs: Sequence[Pair], plan: CheckPlan) -> Measure:
    """What the pairs are compared by: the plan's metric, as far as all of them allow it."""
    if plan.metric is Metric.INSTRUCTIONS:
        return Measure.INSTRUCTIONS
    is_known = {
        Metric.LATENCY: all(pair.is_work_of_one_thread for pair in pairs),
        Metric.PROCESSOR: all(pair.has_processor_time for pair in pairs),
    }
    return Measure.PROCESSOR if is_known.get(plan.metric) else Measure.WALL


def is_spoiled(pairs: Sequence[Pair], plan: CheckPlan, *, planned_pairs: int) -> bool:
    """Whether the board was slowed down in too many quads, even if in none of those to come."""
    allowed = plan.max_invalid_share * planned_pairs * plan.quads
    return len(_spoiled_quads(pairs)) > allowed


def _stages(
    ratios: list[float | None], plan: CheckPlan
) -> tuple[list[float | None], list[float | None]]:
    return ratios[: plan.stage1_pairs], ratios[plan.stage1_pairs :]


def _p_value(found: Evidence, plan: CheckPlan) -> float:
    return p_above(found.all, math.log1p(plan.tolerance)) if found.all else 1.0


def _spoiled_quads(pairs: Sequence[Pair]) -> list[Quad]:
    return [quad for pair in pairs for quad in pair.quads if quad.is_spoiled]


def _counted(pairs: Sequence[Pair], measure: Measure, plan: CheckPlan) -> list[Quad]:
    counted = (pair.counted_quads(measure, min_quads=plan.min_valid_quads) for pair in pairs)
    return list(chain.from_iterable(counted))


def _decision(
    pairs: Sequence[Pair],
    found: Evidence,
    plan: CheckPlan,
    *,
    p_value: float,
    is_rejected: bool,
) -> Decision:
    values = found.all
    bounds = estimate(values, alpha=plan.alpha) if values else None
    stage = 1 if passes_early(pairs, plan) else 2
    detectable = (
        detectable_increase(
            bounds,
            pairs=len(values),
            planned=plan.planned_pairs(pairs[0].duration_s) if stage == 1 else len(values),
            tolerance=plan.tolerance,
            alpha=plan.alpha,
        )
        if bounds is not None and len(values) > 1
        else None
    )
    verdict, why = _verdict(pairs, found, bounds, plan, is_rejected=is_rejected)
    quads, counted = (
        [quad for pair in pairs for quad in pair.quads],
        _counted(pairs, found.measure, plan),
    )
    return Decision(
        verdict=verdict,
        reasons=why,
        stage=stage,
        pairs=len(values),
        dropped_quads=len(quads) - len(counted),
        disturbed_quads=sum(bool(quad.reasons) and not quad.is_spoiled for quad in quads),
        quads=len(quads),
        measure=found.measure,
        ratio=None if bounds is None else math.exp(bounds.centre),
        low=None if bounds is None else math.exp(bounds.low),
        high=None if bounds is None else math.exp(bounds.high),
        confidence=None if bounds is None else min(bounds.confidence, 1 - plan.alpha),
        p_value=p_value if values else None,
        detectable_increase=detectable,
        pair_deviation=stdev(values) if len(values) > 1 else None,
        cpu_ratio=math.exp(median(quad.cpu_log_ratio for quad in counted)) if counted else None,
    )


def _verdict(
    pairs: Sequence[Pair],
    found: Evidence,
    bounds: Estimate | None,
    plan: CheckPlan,
    *,
    is_rejected: bool,
) -> tuple[Verdict, tuple[str, ...]]:
    quads, spoiled = sum(len(pair.quads) for pair in pairs), _spoiled_quads(pairs)
    if bounds is None or len(spoiled) > plan.max_invalid_share * quads:
        return Verdict.INVALID, _spoiled(spoiled, quads, plan)
    n = len(found.all)
    if n < plan.stage1_pairs:
        return Verdict.INCONCLUSIVE, (f"{n} pairs count, needed are {plan.stage1_pairs}",)
    if is_rejected:
        return _confirmed(found, bounds, plan)
    if bounds.high < math.log1p(-plan.tolerance):
        return Verdict.IMPROVED, (f"faster by more than {plan.tolerance:.1%}",)
    if bounds.high < math.log1p(plan.limit):
        return Verdict.PASS, (f"slower by less than {plan.limit:.1%}, if at all",)
    return Verdict.INCONCLUSIVE, (
        f"neither a slowdown above {plan.tolerance:.1%} nor one below {plan.limit:.1%} is shown",
    )


def _confirmed(
    found: Evidence, bounds: Estimate, plan: CheckPlan
) -> tuple[Verdict, tuple[str, ...]]:
    """A regression has to show in the second stage alone, too."""
    tolerance = math.log1p(plan.tolerance)
    if found.fresh and estimate(found.fresh, alpha=plan.alpha).centre > tolerance:
        return Verdict.REGRESSION, (f"slower by more than {plan.tolerance:.1%}",)
    return Verdict.INCONCLUSIVE, (
        f"slower by more than {plan.tolerance:.1%}, but not in the pairs after the first"
        f" {plan.stage1_pairs}",
    )


def _spoiled(dropped: Sequence[Quad], quads: int, plan: CheckPlan) -> tuple[str, ...]:
    counted: dict[str, int] = {}
    for reason in chain.from_iterable(quad.reasons for quad in dropped):
        counted[reason] = counted.get(reason, 0) + 1
    causes = ", ".join(f"{name}: {count}" for name, count in counted.items())
    allowed = f"{plan.max_invalid_share:.0%} may be"
    return (f"{len(dropped)} of {quads} quads of blocks do not count ({causes}); {allowed}",)
