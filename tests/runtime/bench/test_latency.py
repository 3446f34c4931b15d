"""The measurement loop on a fake clock and fake engines: exact, no waiting."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.fake_engines import MS, FakeClock, FakeEngine, tensors

from strop.runtime.bench.block_state import MIN_INTERVAL_NS, BoardWatch
from strop.runtime.bench.latency import LatencySamples, MeasurePlan, measure, random_inputs
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.errors import MeasurementError


def measured(
    *invoke_ns: int, plan: MeasurePlan
) -> tuple[tuple[LatencySamples, ...], list[FakeEngine]]:
    clock = FakeClock()
    diary: list[str] = []
    engines = [FakeEngine(chr(65 + i), clock, ns, diary) for i, ns in enumerate(invoke_ns)]
    return measure(engines, [tensors(0)] * len(engines), plan=plan, clock=clock), engines


def test_only_invoke_is_timed() -> None:
    (samples,), _ = measured(3 * MS, plan=MeasurePlan(min_runs=5, min_duration_s=0.0))
    # 1 is what the second reading of the fake clock costs.
    assert set(samples.invoke_ns) == {3 * MS + 1}


def test_runs_until_the_count_is_met_when_the_time_was_met_before() -> None:
    plan = MeasurePlan(min_runs=100, min_duration_s=0.1)
    (samples,), _ = measured(10 * MS, plan=plan)
    assert len(samples.invoke_ns) == 100
    assert samples.meet(plan)


def test_runs_until_the_time_is_met_when_the_count_was_met_before() -> None:
    plan = MeasurePlan(min_runs=10, min_duration_s=2.0)
    (samples,), _ = measured(1 * MS, plan=plan)
    # A block is not cut short: at most one more than the time asks for.
    assert 2000 - 1 <= len(samples.invoke_ns) <= 2000 + 50


def test_warm_up_meets_its_count_and_its_time_and_is_kept_apart() -> None:
    plan = MeasurePlan(min_runs=5, min_duration_s=0.0, warmup_runs=10, warmup_duration_s=0.3)
    (fast,), _ = measured(1 * MS, plan=plan)
    (slow,), _ = measured(100 * MS, plan=plan)
    assert 299 <= len(fast.warmup_ns) <= 300
    assert len(slow.warmup_ns) == 10
    assert len(slow.invoke_ns) == 5


def test_blocks_of_several_engines_alternate_and_their_order_rotates() -> None:
    plan = MeasurePlan(
        min_runs=6,
        min_duration_s=0.0,
        warmup_runs=0,
        warmup_duration_s=0.0,
        block_duration_s=0.02,
        lead_in_duration_s=0.01,
    )
    _, engines = measured(10 * MS, 10 * MS, 10 * MS, plan=plan)
    # Three invokes a block: one lead-in, two timed.
    blocks = "".join(engines[0].diary[::3])
    assert blocks == "ABC" + "BCA" + "CAB"


def test_blocks_last_as_long_for_a_fast_engine_as_for_a_slow_one() -> None:
    plan = MeasurePlan(min_runs=1, min_duration_s=0.5)
    (fast, slow), _ = measured(1 * MS, 20 * MS, plan=plan)
    assert set(fast.blocks) == {50}
    assert set(slow.blocks) == {3}
    assert sum(fast.blocks) == len(fast.invoke_ns)


def test_the_lead_in_of_a_block_counts_as_warm_up_only_beside_other_engines() -> None:
    plan = MeasurePlan(min_runs=20, min_duration_s=0.0, warmup_runs=2, warmup_duration_s=0.0)
    (alone,), _ = measured(10 * MS, plan=plan)
    (first, second), _ = measured(10 * MS, 10 * MS, plan=plan)
    assert len(alone.warmup_ns) == 2
    assert len(first.warmup_ns) == 2 + 2 * len(first.blocks)
    assert len(second.invoke_ns) == 20


def test_the_lead_in_lasts_its_time_and_one_invoke_at_least() -> None:
    plan = MeasurePlan(
        min_runs=1,
        min_duration_s=0.0,
        warmup_runs=0,
        warmup_duration_s=0.0,
        lead_in_duration_s=0.005,
    )
    (fast, slow), _ = measured(1 * MS, 20 * MS, plan=plan)
    assert len(fast.warmup_ns) == 5
    assert len(slow.warmup_ns) == 1


def watched(
    root: Path, *invoke_ns: int, plan: MeasurePlan
) -> tuple[tuple[LatencySamples, ...], BoardWatch]:
    clock = FakeClock()
    watch = BoardWatch(root, clock=clock)
    engines = [FakeEngine(str(ns), clock, ns) for ns in invoke_ns]
    found = measure(engines, [tensors(0)] * len(engines), plan=plan, clock=clock, watch=watch)
    return found, watch


def test_every_block_lies_between_two_readings_of_the_board(tmp_path: Path) -> None:
    plan = MeasurePlan(min_runs=1, min_duration_s=1.0)
    (first, second), watch = watched(tmp_path, 5 * MS, 8 * MS, plan=plan)
    rounds = [state.rounds for state in watch.states]
    assert rounds[0] == 0
    assert rounds == sorted(set(rounds))
    assert rounds[-1] == len(first.blocks) == len(second.blocks)
    between_ns = [
        after.elapsed_ns - before.elapsed_ns
        for before, after in zip(watch.states, watch.states[1:], strict=False)
    ]
    # A round of blocks is not cut short; the last reading comes when it comes.
    assert min(between_ns[:-1]) >= MIN_INTERVAL_NS


def test_after_a_reading_even_an_engine_that_is_alone_leads_in(tmp_path: Path) -> None:
    plan = MeasurePlan(
        min_runs=1,
        min_duration_s=2.0,
        warmup_runs=0,
        warmup_duration_s=0.0,
        lead_in_duration_s=0.015,
    )
    (samples,), watch = watched(tmp_path, 5 * MS, plan=plan)
    before_a_block = len(watch.states) - 1
    assert 1 < before_a_block < len(samples.blocks)
    assert len(samples.warmup_ns) == 3 * before_a_block


def test_every_input_is_written_in_turn() -> None:
    clock = FakeClock()
    engine = FakeEngine("A", clock, MS)
    plan = MeasurePlan(min_runs=4, min_duration_s=0.0, warmup_runs=3, warmup_duration_s=0.0)
    measure([engine], [tensors(1, 2, 3)], plan=plan, clock=clock)
    assert engine.written[:7] == [1, 2, 3, 1, 2, 3, 1]


def test_the_longest_time_ends_a_measurement_that_is_not_complete() -> None:
    plan = MeasurePlan(min_runs=100, min_duration_s=2.0, max_duration_s=10.0)
    (samples,), engines = measured(1000 * MS, plan=plan)
    assert not samples.meet(plan)
    # Half of it is the most that the warm-up may take.
    assert 4 <= len(samples.warmup_ns) <= 5
    assert 4 <= len(samples.invoke_ns) <= 6
    assert engines[0].clock.now < 12_000 * MS


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_garbage_collector_is_off_during_blocks_and_as_before_after(was_enabled: bool) -> None:
    plan = MeasurePlan(min_runs=5, min_duration_s=0.0, warmup_runs=0, warmup_duration_s=0.0)
    if not was_enabled:
        gc.disable()
    try:
        _, (engine,) = measured(MS, plan=plan)
        assert gc.isenabled() is was_enabled
    finally:
        gc.enable()
    assert not engine.collected_during_invoke


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(MeasurementError, match="1 or more engines and 1 or more inputs"):
        measure([], [], plan=MeasurePlan())
    with pytest.raises(MeasurementError, match="1 engines and inputs for 0 of them"):
        measure([FakeEngine("A", FakeClock(), MS)], [[]], plan=MeasurePlan())


def test_a_plan_that_measures_nothing_is_refused() -> None:
    with pytest.raises(MeasurementError, match="0 runs; needed is 1 or more"):
        MeasurePlan(min_runs=0)
    with pytest.raises(MeasurementError, match="min_duration_s is -1"):
        MeasurePlan(min_duration_s=-1)
    with pytest.raises(MeasurementError, match="max_duration_s is 0"):
        MeasurePlan(max_duration_s=0)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_random_input_is_the_same_image_for_every_dtype_and_call(dtype: str) -> None:
    info = TensorInfo(shape=(1, 8, 8, 3), dtype=dtype)
    (tensor,) = random_inputs([info])
    assert (tensor.shape, tensor.dtype) == (info.shape, np.dtype(dtype))
    pixels = tensor.astype(np.int16) + (128 if dtype == "int8" else 0)
    (as_bytes,) = random_inputs([TensorInfo(shape=(1, 8, 8, 3), dtype="uint8")])
    np.testing.assert_array_equal(pixels, as_bytes)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint16", "bool"])
def test_random_integers_are_indices_that_every_table_has(dtype: str) -> None:
    (tensor,) = random_inputs([TensorInfo(shape=(1, 64), dtype=dtype)])
    assert tensor.dtype == dtype
    assert set(tensor.ravel().tolist()) == {0, 1}


def test_random_floats_that_are_no_image_lie_below_one() -> None:
    series, scalar = random_inputs(
        [TensorInfo(shape=(1, 20, 8), dtype="float16"), TensorInfo(shape=(), dtype="float32")]
    )
    assert series.min() >= 0
    assert series.max() <= 1
    assert scalar.shape == ()
    assert scalar.dtype == np.float32
