"""Which quads count, from made-up readings and blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.runtime.bench.test_validity import CALM, SILENT, every
from tests.runtime.check.pairs import MS, block, quad

from strop.runtime.bench.block_state import BlockState
from strop.runtime.check.measure.invalid_blocks import reasons
from strop.runtime.check.measure.samples import Quad


def found(states: Sequence[BlockState], quads: Sequence[Quad]) -> list[tuple[str, ...]]:
    return list(reasons(quads, first=0, states=states, temperature_limit_c=85.0))


def test_on_a_calm_board_every_quad_counts() -> None:
    assert found(every(1, CALM, CALM, CALM), [quad(), quad()]) == [(), ()]


def test_a_throttled_reading_spoils_the_quads_on_both_sides() -> None:
    throttled = replace(CALM, throttled=0b100)
    states = every(1, CALM, CALM, throttled, CALM, CALM)
    spoiled = found(states, [quad()] * 4)
    assert spoiled == [(), ("throttled",), ("throttled",), ()]


def test_stolen_time_spoils_the_quads_between_two_readings() -> None:
    calm, stolen = replace(SILENT, busy_ticks=0, steal_ticks=0), 3
    states = every(
        2, calm, replace(calm, busy_ticks=100, steal_ticks=stolen), replace(calm, busy_ticks=200)
    )
    states = (*states[:2], replace(states[2], steal_ticks=stolen))
    assert found(states, [quad()] * 4) == [("stolen time",), ("stolen time",), (), ()]


def test_one_stolen_tick_is_the_counters_grain() -> None:
    calm = replace(SILENT, busy_ticks=0, steal_ticks=0)
    states = every(1, calm, replace(calm, busy_ticks=10, steal_ticks=1))
    assert found(states, [quad()]) == [()]


def test_a_block_whose_inferences_were_often_interrupted_spoils_its_quad() -> None:
    # 41 inferences, a quarter of which may be interrupted.
    calm, busy = block(runs=40, switches=10), block(runs=40, switches=11)
    states = every(1, SILENT, SILENT, SILENT)
    quads = [
        Quad(order="ABBA", blocks=(calm,) * 4),
        Quad(order="ABBA", blocks=(calm, calm, busy, calm)),
    ]
    assert found(states, quads) == [(), ("other tasks",)]


def test_what_is_slow_does_not_decide_what_counts() -> None:
    """Else equal files would be judged differently by their labels."""
    states = every(1, SILENT, SILENT)
    assert found(states, [quad(MS, 50 * MS)]) == found(states, [quad(50 * MS, MS)])


def test_quads_are_numbered_through_all_pairs() -> None:
    throttled = replace(CALM, throttled=0b100)
    states = every(1, CALM, CALM, CALM, CALM, throttled)
    later = reasons([quad(), quad()], first=2, states=states, temperature_limit_c=None)
    assert later == ((), ("throttled",))
