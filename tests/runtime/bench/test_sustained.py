"""Sustained speed on a fake clock: of the end of the load, from a bounded number of samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.fake_engines import MS, FakeClock, FakeEngine, tensors

from strop.runtime.bench.block_state import BoardWatch
from strop.runtime.bench.sustained import SustainedSamples, measure_sustained
from strop.runtime.errors import MeasurementError

S = 1000 * MS


class TiringEngine(FakeEngine):
    """Takes 5 ms, from half a minute of load on 9 ms; writing is as quick as in life."""

    def write(self, *tensors: object) -> None:
        self.clock.now += MS // 100

    def invoke(self) -> None:
        self.clock.now += 5 * MS if self.clock.now < 30 * S else 9 * MS


def sustained(
    root: Path, engine: FakeEngine, *, load_s: float, max_raw_samples: int = 10**6
) -> SustainedSamples:
    return measure_sustained(
        engine,
        [tensors(0)[0]],
        load_s=load_s,
        watch=BoardWatch(root, clock=engine.clock),
        clock=engine.clock,
        max_raw_samples=max_raw_samples,
    )


def test_only_the_end_of_the_load_counts_and_all_of_it_is_told(tmp_path: Path) -> None:
    found = sustained(tmp_path, TiringEngine("A", FakeClock(), 0), load_s=50.0)
    assert found.window_s == 10
    assert set(found.invoke_ns) == {9 * MS + 1}
    assert len(found.invoke_ns) == found.window_runs
    # 10 s less the lead-ins, and less what writing takes.
    assert 9 * S < sum(found.invoke_ns) <= 10 * S
    assert found.block_p50_ns[0] == 5 * MS + 1
    assert found.block_p50_ns[-1] == 9 * MS + 1
    assert found.raw_stride == 1


def test_after_5_minutes_the_last_minute_counts(tmp_path: Path) -> None:
    found = sustained(tmp_path, TiringEngine("A", FakeClock(), 0), load_s=300.0)
    assert found.window_s == 60
    assert 54 * S < sum(found.invoke_ns) <= 60 * S


def test_where_samples_are_too_many_whole_blocks_are_kept_evenly(tmp_path: Path) -> None:
    found = sustained(
        tmp_path, TiringEngine("A", FakeClock(), 0), load_s=300.0, max_raw_samples=1000
    )
    in_window = found.block_runs[found.window_block :]
    assert found.raw_stride > 1
    assert len(found.invoke_ns) == sum(in_window[:: found.raw_stride]) <= 1000
    assert found.window_runs == sum(in_window) > 6000


def test_the_last_inference_counts_however_long_it_takes(tmp_path: Path) -> None:
    found = sustained(tmp_path, FakeEngine("A", FakeClock(), 3 * S), load_s=8.0)
    assert found.block_runs == (1, 1)
    assert found.window_block == 1
    assert found.invoke_ns == (3 * S + 1,)


def test_every_block_lies_between_two_readings_of_the_board(tmp_path: Path) -> None:
    found = sustained(tmp_path, TiringEngine("A", FakeClock(), 0), load_s=10.0)
    rounds = [state.rounds for state in found.states]
    assert (rounds[0], rounds[-1]) == (0, len(found.block_runs))
    assert 30 <= len(rounds) <= 41  # one in a quarter of a second at most


def test_no_load_is_refused(tmp_path: Path) -> None:
    engine = FakeEngine("A", FakeClock(), MS)
    with pytest.raises(MeasurementError, match=r"1 inputs and 0\.0 s; needed are"):
        sustained(tmp_path, engine, load_s=0.0)


def test_a_window_outside_of_the_blocks_is_refused(tmp_path: Path) -> None:
    found = sustained(tmp_path, FakeEngine("A", FakeClock(), MS), load_s=1.0)
    with pytest.raises(MeasurementError, match=r"window_block is 999 of \d+ blocks"):
        replace(found, window_block=999)
