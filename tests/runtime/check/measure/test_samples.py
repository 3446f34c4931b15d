"""The number that a pair stands for."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from tests.runtime.check.pairs import MS, block, pair, quad

from strop.runtime.check.measure.samples import BlockSamples, Measure, Quad, draw_orders

WALL, PROCESSOR = Measure.WALL, Measure.PROCESSOR


@pytest.mark.parametrize("order", ["ABBA", "BAAB"])
def test_a_slower_new_artifact_has_a_positive_ratio_in_either_order(order: str) -> None:
    assert quad(100 * MS, 110 * MS, order=order).log_ratio(WALL) == pytest.approx(math.log(1.1))
    assert quad(100 * MS, 110 * MS, order=order).cpu_log_ratio == pytest.approx(math.log(1.1))


def test_a_steady_drift_cancels_out() -> None:
    # Whole nanoseconds of a millisecond.
    drift = [[block(round(MS * 1.1 ** (4 * q + i))) for i in range(4)] for q in range(4)]
    for seed in range(6):
        orders = draw_orders(4, random.Random(seed))
        quads = tuple(
            Quad(order=order, blocks=tuple(blocks))
            for order, blocks in zip(orders, drift, strict=True)
        )
        drifting = replace(pair(), quads=quads)
        assert drifting.log_ratio(WALL, min_quads=4) == pytest.approx(0.0, abs=1e-6)
        assert [quad.cpu_log_ratio for quad in quads] == pytest.approx([0.0] * 4, abs=1e-6)


@pytest.mark.parametrize("order", ["ABBA", "BAAB"])
@pytest.mark.parametrize("disturbed", range(4))
def test_a_disturbed_block_does_not_change_a_quad(order: str, disturbed: int) -> None:
    times = [MS] * 4
    times[disturbed] = 3 * MS
    assert Quad(order=order, blocks=tuple(map(block, times))).log_ratio(WALL) == 0


@pytest.mark.parametrize(("quads", "fewest"), [(4, 2), (5, 2), (1, 0)])
def test_orders_are_drawn_as_often_one_as_the_other(quads: int, fewest: int) -> None:
    drawn = [draw_orders(quads, random.Random(seed)) for seed in range(64)]
    assert all(len(orders) == quads for orders in drawn)
    assert all(orders.count("ABBA") in (fewest, quads - fewest) for orders in drawn)
    first = [orders[0] for orders in drawn].count("ABBA")
    assert 16 < first < 48


def test_a_blocks_median_does_not_see_one_interrupted_inference() -> None:
    interrupted = replace(block(MS), invoke_ns=(MS, MS, 90 * MS, MS, MS))
    assert interrupted.p50_ns == MS


def test_a_pair_is_the_median_of_its_valid_quads() -> None:
    quads = (quad(100, 100), quad(100, 110), quad(100, 300), quad(100, 900, reason="hot"))
    measured = replace(pair(), quads=quads)
    assert measured.log_ratio(WALL, min_quads=3) == pytest.approx(math.log(1.1))


def test_a_pair_with_too_few_valid_quads_does_not_count() -> None:
    assert pair(0.1, valid=2).log_ratio(WALL, min_quads=3) is None
    assert pair(0.1, valid=3).log_ratio(WALL, min_quads=3) is not None


def test_other_tasks_do_not_change_a_ratio_of_processor_time() -> None:
    interrupted = block(60 * MS, cpu_ns=MS)
    quads = tuple(
        Quad(order="ABBA", blocks=(block(cpu_ns=MS), *[slow] * 2, interrupted))
        for slow in (block(cpu_ns=MS), interrupted, interrupted, interrupted)
    )
    measured = replace(pair(), quads=quads)
    assert measured.is_work_of_one_thread
    assert measured.log_ratio(PROCESSOR, min_quads=4) == 0
    assert measured.log_ratio(WALL, min_quads=4) == pytest.approx(math.log(60))


def test_disturbed_quads_count_unless_the_board_was_slow_in_them() -> None:
    quads = (
        quad(100, 110),
        quad(100, 120, reason="stolen time"),
        quad(100, 130, reason="other tasks"),
        quad(100, 900, reason="hot"),
    )
    measured = replace(pair(), quads=quads)
    assert measured.counted_quads(WALL, min_quads=3) == quads[:3]
    assert measured.log_ratio(WALL, min_quads=3) == pytest.approx(math.log(1.2))


def test_by_the_wall_clock_undisturbed_quads_are_preferred() -> None:
    quads = (*[quad(100, 110)] * 3, quad(100, 300, reason="other tasks"))
    measured = replace(pair(), quads=quads)
    assert measured.counted_quads(WALL, min_quads=3) == quads[:3]
    assert measured.counted_quads(PROCESSOR, min_quads=3) == quads


@pytest.mark.parametrize(
    ("odd", "is_own"),
    [
        (block(cpu_ns=MS), True),
        (replace(block(cpu_ns=MS), waits=1), True),  # for a page of a file
        (replace(block(cpu_ns=MS), waits=6), False),  # for an accelerator
        (replace(block(cpu_ns=MS), cpu_ns=9 * MS), False),  # another thread works
        (block(), False),  # nobody knows
    ],
)
def test_processor_time_is_of_an_inference_that_one_thread_does(
    odd: BlockSamples, *, is_own: bool
) -> None:
    calm = block(cpu_ns=MS)
    for blocks in ((odd, calm, calm, odd), (calm, odd, odd, calm)):
        measured = replace(pair(), quads=(Quad(order="ABBA", blocks=blocks),) * 4)
        assert measured.is_work_of_one_thread is is_own
