"""Which blocks and which records count, from made-up readings of a Pi and of silent machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.runtime.boards import PI_4, recorded

from strop.runtime.bench.block_state import BlockState
from strop.runtime.bench.coldstart import ColdStart
from strop.runtime.bench.energy import EnergySamples
from strop.runtime.bench.figures import figures
from strop.runtime.bench.latency import LatencySamples, MeasurePlan
from strop.runtime.bench.record import ArtifactRecord, BenchRecord
from strop.runtime.bench.sustained import SustainedSamples
from strop.runtime.bench.validity import REPORTS, InvalidBlock, throttled_share, validity
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.machine.board import BoardState, board_state
from strop.runtime.machine.machine import machine

BLOCKS = 20
CALM = BlockState(
    rounds=0,
    elapsed_ns=0,
    cost_ns=1,
    throttled=0,
    arm_clock_hz=1_800_000_000,
    temperature_c=60.0,
    requested_hz=(1_800_000_000,),
    allowed_hz=(1_800_000_000,),
    throttle_events=None,
    busy_ticks=None,
    steal_ticks=None,
    load_average=None,
)
SILENT = replace(
    CALM, throttled=None, arm_clock_hz=None, temperature_c=None, requested_hz=(), allowed_hz=()
)
PC = replace(SILENT, temperature_c=60.0, throttle_events=7)


@pytest.fixture
def pi_4(tmp_path: Path) -> BoardState:
    return replace(board_state(recorded(tmp_path, PI_4)), throttled=0)


def every(rounds: int, *states: BlockState) -> tuple[BlockState, ...]:
    """One reading in so many rounds."""
    return tuple(replace(state, rounds=i * rounds) for i, state in enumerate(states))


def ten_windows(
    joules: float, *, runs: int = 100, idle_w: float = 1.0, states: Sequence[BlockState] = ()
) -> EnergySamples:
    """Windows of one second, of so many inferences that take so much together."""
    return EnergySamples(
        meter="a meter",
        idle_before_w=idle_w,
        idle_after_w=idle_w,
        window_s=(1.0,) * 10,
        window_runs=(runs,) * 10,
        window_j=(joules,) * 10,
        states=tuple(states),
    )


def bench_record(board: BoardState, states: Sequence[BlockState]) -> BenchRecord:
    artifact = ArtifactRecord(
        name="m.tflite",
        sha256="",
        size_bytes=1,
        facts=EngineFacts(engine="", version="", kernels="", partitions=None, num_threads=1),
        cold_start=ColdStart(
            import_ns=1, load_ns=1, first_invoke_ns=1, second_invoke_ns=1, peak_rss_bytes=1
        ),
        samples=LatencySamples(warmup_ns=(), invoke_ns=(1,) * BLOCKS, blocks=(1,) * BLOCKS),
        sustained=None,
    )
    return BenchRecord(
        strop_version="0",
        created_at=None,
        inputs="",
        plan=MeasurePlan(),
        machine=machine(Path("/nowhere")),
        cool_down=None,
        board_before=board,
        board_after=board,
        block_states=tuple(states),
        artifacts=(artifact,),
    )


def test_a_calm_run_is_usable(pi_4: BoardState) -> None:
    found = validity(bench_record(pi_4, every(5, CALM, CALM, CALM, CALM, CALM)))
    assert found.is_usable is True
    assert (found.invalid_blocks, found.not_told, found.blocks) == ((), (), BLOCKS)


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        (replace(CALM, throttled=0x1), ("under-voltage",)),
        (replace(CALM, throttled=0x2), ("clock capped",)),
        (replace(CALM, throttled=0x4), ("throttled",)),
        (replace(CALM, throttled=0x8), ("soft temperature limit",)),
        (replace(CALM, arm_clock_hz=1_745_000_000), ("slow clock",)),
        (replace(CALM, arm_clock_hz=1_747_000_000), None),  # 97 % of 1.8 GHz are 1.746
        (replace(CALM, temperature_c=77.0), ("hot",)),  # the Pi's limit is 80
        (replace(CALM, temperature_c=76.9), None),
        (replace(CALM, allowed_hz=(1_500_000_000,)), ("lowered clock",)),
        (replace(CALM, requested_hz=(600_000_000,)), None),  # the governor, in a pause
        (SILENT, None),
        (replace(CALM, throttled=0x5, temperature_c=90.0), ("under-voltage", "throttled", "hot")),
    ],
)
def test_a_reading_speaks_for_the_blocks_before_and_after_it(
    pi_4: BoardState, state: BlockState, reasons: tuple[str, ...] | None
) -> None:
    readings = every(4, CALM, CALM, state, CALM, CALM, CALM)
    found = validity(bench_record(pi_4, readings))
    numbers = () if reasons is None else range(4, 12)
    assert found.invalid_blocks == tuple(
        InvalidBlock(block=number, reasons=reasons or ()) for number in numbers
    )


def test_throttling_that_came_and_went_between_two_readings_leaves_its_trace(
    pi_4: BoardState,
) -> None:
    since_boot = replace(CALM, throttled=0x10000)
    found = validity(bench_record(pi_4, every(4, CALM, CALM, *[since_boot] * 4)))
    assert [each.block for each in found.invalid_blocks] == [4, 5, 6, 7]
    assert found.counts == {"under-voltage": 4}
    long_ago = validity(bench_record(pi_4, every(4, *[since_boot] * 6)))
    assert long_ago.invalid_blocks == ()


def test_a_quarter_of_the_blocks_may_be_invalid_and_no_more(pi_4: BoardState) -> None:
    hot = replace(CALM, temperature_c=79.0)
    quarter = validity(bench_record(pi_4, every(5, CALM, CALM, CALM, CALM, hot)))
    assert (quarter.invalid_share, quarter.is_usable) == (0.25, True)
    more = validity(bench_record(pi_4, every(4, CALM, CALM, CALM, hot, CALM, CALM)))
    assert (more.invalid_share, more.is_usable) == (0.4, False)
    assert more.counts == {"hot": 8}


def test_the_readings_decide_about_throttling_that_came_and_went(pi_4: BoardState) -> None:
    short, later = replace(CALM, throttled=0x40004), replace(CALM, throttled=0x40000)
    record = bench_record(pi_4, every(2, CALM, short, *[later] * 9))
    record = replace(record, board_after=replace(pi_4, throttled=0x40000))
    found = validity(record)
    assert [each.name for each in found.disturbances] == ["throttled"]
    assert (found.invalid_share, found.is_usable) == (0.2, True)
    silent = replace(record, block_states=every(2, *[replace(CALM, throttled=None)] * 11))
    assert validity(silent).is_usable is False


def test_a_run_that_something_else_disturbed_is_not_usable(pi_4: BoardState) -> None:
    record = bench_record(pi_4, every(5, *[CALM] * 5))
    record = replace(record, board_after=replace(pi_4, quota_stopped_us=5_000))
    record = replace(record, board_before=replace(pi_4, quota_stopped_us=0))
    assert validity(record).is_usable is False


def test_a_machine_that_tells_nothing_is_neither_usable_nor_not(tmp_path: Path) -> None:
    found = validity(bench_record(board_state(tmp_path), every(5, *[SILENT] * 5)))
    assert found.is_usable is None
    assert found.not_told == REPORTS


def test_a_record_without_readings_vouches_for_nothing(pi_4: BoardState) -> None:
    assert validity(bench_record(pi_4, ())).is_usable is None
    throttled = bench_record(replace(pi_4, throttled=0x4), ())
    assert validity(throttled).is_usable is False


def test_an_x86_machine_that_was_slowed_down_in_between_is_seen(tmp_path: Path) -> None:
    again = replace(PC, throttle_events=8)
    record = bench_record(board_state(tmp_path), every(5, PC, PC, again, again, again))
    found = validity(record)
    assert [each.block for each in found.invalid_blocks] == [5, 6, 7, 8, 9]
    assert found.counts == {"throttled": 5}
    assert found.not_told == ("measured clock",)
    assert found.is_usable is True


def sustained(states: Sequence[BlockState]) -> SustainedSamples:
    return SustainedSamples(
        load_s=2.0,
        window_s=0.5,
        block_runs=(1,) * 40,
        block_p50_ns=(1,) * 40,
        window_block=30,
        raw_stride=1,
        invoke_ns=(1,) * 10,
        states=tuple(states),
    )


def test_a_sustained_load_is_compared_with_the_full_speed_before_it(pi_4: BoardState) -> None:
    record = bench_record(pi_4, every(5, *[CALM] * 5))
    slow = replace(CALM, arm_clock_hz=1_000_000_000)
    share = partial(throttled_share, blocks=40, first=30, record=record)
    assert share(every(10, *[slow] * 5)) == 1
    assert share(every(10, *[CALM] * 5)) == 0
    assert share(every(5, *[CALM] * 8, slow)) == 0.5
    assert share(every(10, *[SILENT] * 5)) is None


def test_energy_says_how_long_the_board_was_below_full_speed(pi_4: BoardState) -> None:
    record = bench_record(pi_4, every(5, *[CALM] * 5))
    slow = replace(CALM, arm_clock_hz=1_000_000_000)
    samples = ten_windows(2.0, runs=1, states=every(1, *[CALM] * 8, slow, slow, slow))
    artifact = replace(record.artifacts[0], energy=samples)
    (found, *_) = figures(replace(record, artifacts=(artifact,)))
    assert found.energy is not None
    assert found.energy.throttled_share == 0.3


def test_sustained_throttling_does_not_spoil_the_record(pi_4: BoardState) -> None:
    record = bench_record(pi_4, every(5, *[CALM] * 5))
    (artifact,) = record.artifacts
    throttled = sustained(every(10, *[replace(CALM, throttled=0x4)] * 5))
    record = replace(record, artifacts=(replace(artifact, sustained=throttled),))
    assert validity(record).is_usable is True
