"""Measures pairs one after the other until they are enough, or as many as planned."""

from __future__ import annotations

from collections.abc import Callable

from strop.runtime.check.judge.decide import is_spoiled, passes_early
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.samples import Pair
from strop.runtime.errors import MeasurementError, PlanError

SPARE = 1.1  # of the time that the first pair took; pairs differ


def measure_pairs(
    run: Callable[[], Pair],
    plan: CheckPlan,
    *,
    artifacts: int = 1,
    on_pair: Callable[[int, int], None] = lambda done, planned: None,
) -> tuple[Pair, ...]:
    """Run pairs: the first stage, and the second unless the first is enough for a pass.

    How many there may be is fixed after the first one, by its duration only: what it
    measured has no part in it. Nothing but a pass, or blocks that do not count, ends them
    earlier, so that looking at them in between makes no false alarm.

    Args:
        run: Measures one pair.
        plan: How many.
        artifacts: How many are tested together.
        on_pair: Gets how many are done, and how many are planned.

    Raises:
        PlanError: `pairs` are too few to show anything.
        MeasurementError: The budget allows too few.
    """
    require_pairs(plan, artifacts)
    pairs = [run()]
    planned = _planned(pairs[0], plan, artifacts)
    on_pair(1, planned)
    while (
        len(pairs) < planned
        and not passes_early(pairs, plan)
        and not is_spoiled(pairs, plan, planned_pairs=planned)
    ):
        pairs.append(run())
        on_pair(len(pairs), planned)
    return tuple(pairs)


def require_pairs(plan: CheckPlan, artifacts: int) -> None:
    """Raise PlanError for `pairs` that are too few to show anything of so many artifacts."""
    least = plan.least_pairs(artifacts)
    if plan.pairs is not None and plan.pairs < least:
        raise PlanError(f"--pairs {plan.pairs}: {_too_few(least, artifacts)}")


def _planned(first: Pair, plan: CheckPlan, artifacts: int) -> int:
    planned = plan.planned_pairs(first.duration_s)
    least = plan.least_pairs(artifacts)
    if plan.pairs is None and planned < least:
        raise MeasurementError(
            f"a pair takes {first.duration_s:.1f} s, so --budget {plan.budget_s:g} is enough for"
            f" {planned}: {_too_few(least, artifacts)}; give --budget"
            f" {least * first.duration_s * SPARE:.0f}"
        )
    return planned


def _too_few(least: int, artifacts: int) -> str:
    of = "an artifact" if artifacts == 1 else f"{artifacts} artifacts together"
    return f"fewer than {least} pairs cannot show a regression of {of}, whatever it is"
