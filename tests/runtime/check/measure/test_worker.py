"""The process that runs an artifact: the real one, on tiny artifacts, and its warm-up."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.fake_engines import MS, FakeClock, FakeEngine, tensors
from tests.runtime.several_tensors import several_onnx

from strop.runtime.bench.block_timer import BlockTimer
from strop.runtime.check.measure.pair import (
    Candidate,
    Runner,
    largest_difference,
    measure_pair,
)
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.process import fresh_copy, padded_environment
from strop.runtime.check.measure.samples import ORDERS, Measure, Pair
from strop.runtime.check.measure.worker import has_fine_processor_time, settle
from strop.runtime.errors import MeasurementError, OutputError

SHORT = CheckPlan(
    block_duration_s=0.002,
    lead_in_duration_s=0.001,
    warmup_duration_s=0.01,
    max_warmup_duration_s=0.02,
    seed=3,
)


def measured_pair(old: Path, new: Path, plan: CheckPlan = SHORT, *, slowdown: float = 0.0) -> Pair:
    runner = Runner(plan, rng=random.Random(plan.seed), temperature_limit_c=None)
    new_one = Candidate(artifact=new, slowdown=slowdown)
    return measure_pair(runner, Candidate(artifact=old), new_one)


@pytest.mark.parametrize("num_threads", [1, 2])
def test_a_file_against_itself_gets_the_same_inputs_and_answers(
    tiny_onnx: Path, num_threads: int
) -> None:
    plan = replace(SHORT, num_threads=num_threads)
    measured = measured_pair(tiny_onnx, tiny_onnx, plan)
    assert measured.old.inputs_sha256 == measured.new.inputs_sha256
    assert measured.old.outputs_sha256 == measured.new.outputs_sha256
    assert measured.max_output_diff == 0.0
    assert len(measured.quads) == plan.quads
    assert {quad.order for quad in measured.quads} <= set(ORDERS)
    for quad in measured.quads:
        for block in quad.blocks:
            assert len(block.invoke_ns) >= plan.block_runs
            assert sum(block.invoke_ns) >= plan.block_duration_s * 1e9
            assert block.lead_in_runs >= 1
            assert len(block.invoke_cpu_ns) == len(block.invoke_ns)
            assert sum(block.invoke_cpu_ns) <= block.cpu_ns
            assert block.thread_cpu_ns <= block.cpu_ns
    assert sum(measured.old.warmup_ns) >= plan.warmup_duration_s * 1e9
    assert measured.new.load_ns > 0 < measured.new.peak_rss_bytes


def test_the_two_formats_can_be_held_against_each_other(tiny_onnx: Path, tiny_tflite: Path) -> None:
    measured = measured_pair(tiny_onnx, tiny_tflite)
    assert measured.old.inputs_sha256 == measured.new.inputs_sha256
    assert measured.old.outputs_sha256 != measured.new.outputs_sha256
    assert measured.max_output_diff is not None
    assert measured.max_output_diff > 0


def test_an_output_that_a_run_makes_longer_or_shorter_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "several.onnx"
    path.write_bytes(several_onnx())
    measured = measured_pair(path, path)
    assert measured.max_output_diff == 0.0
    assert measured.old.outputs_sha256 == measured.new.outputs_sha256


def test_only_answers_of_one_shape_are_compared() -> None:
    assert largest_difference(np.zeros((4, 3)), np.ones((4, 3))) == 1
    assert largest_difference(np.zeros((4, 3)), np.zeros((4, 2))) is None
    assert largest_difference(np.zeros((4, 0)), np.zeros((4, 0))) is None


def test_nothing_is_left_in_the_temporary_folder(
    tiny_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    measured_pair(tiny_onnx, tiny_onnx)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_cannot_open_its_file_says_why(tmp_path: Path, tiny_onnx: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"")
    with pytest.raises(MeasurementError, match=r"broken\.onnx: its process ended.*empty, 0 bytes"):
        measured_pair(tiny_onnx, broken)


def test_copies_lie_under_paths_of_different_lengths(tmp_path: Path) -> None:
    artifact = tmp_path / "m.tflite"
    artifact.write_bytes(b"content")
    rng = random.Random(0)
    copies = [fresh_copy(artifact, tmp_path, rng) for _ in range(8)]
    assert len({len(str(copy)) for copy in copies}) > 4
    assert {copy.read_bytes() for copy in copies} == {b"content"}
    assert {copy.suffix for copy in copies} == {".tflite"}


def test_a_copy_that_finds_no_room_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be copied there"):
        fresh_copy(tmp_path / "missing.onnx", tmp_path, random.Random(0))


def test_environments_differ_in_length() -> None:
    rng = random.Random(0)
    sizes = {len(padded_environment(rng)["STROP_CHECK_PADDING"]) for _ in range(8)}
    assert len(sizes) > 4


class SettlingEngine(FakeEngine):
    """Gets faster by a factor with every inference, down to a floor."""

    def __init__(self, clock: FakeClock, factor: float) -> None:
        super().__init__("e", clock, 100 * MS)
        self.factor = factor

    def invoke(self) -> None:
        super().invoke()
        self.invoke_ns = max(MS, int(self.invoke_ns * self.factor))


@pytest.mark.parametrize(
    ("factor", "is_extended"), [(1.0, False), (0.97, True)], ids=["steady", "still getting faster"]
)
def test_a_warm_up_goes_on_while_the_latency_changes(factor: float, is_extended: bool) -> None:
    clock = FakeClock()
    timer = BlockTimer(
        SettlingEngine(clock, factor), tensors(1), block_ns=1, lead_in_ns=1, clock=clock
    )
    taken = settle(timer, min_ns=900 * MS, max_ns=4000 * MS)
    assert sum(taken) >= 900 * MS
    assert (sum(taken) > 1100 * MS) is is_extended
    assert sum(taken) <= 4100 * MS
    assert np.diff(taken).max() <= 0 or factor == 1.0


def test_a_block_has_its_least_number_of_inferences_however_long_they_take() -> None:
    clock = FakeClock()
    engine = FakeEngine("e", clock, 1000 * MS)
    timer = BlockTimer(engine, tensors(1), block_ns=1, lead_in_ns=1, clock=clock, min_runs=5)
    block = timer.run_block(leads_in=True)
    assert (len(block.lead_in_ns), len(block.invoke_ns)) == (1, 5)


def test_processor_time_in_coarse_steps_is_not_used() -> None:
    assert has_fine_processor_time(iter(range(0, 1000, 100)).__next__)
    assert not has_fine_processor_time(iter([i // 3 * 10 * MS for i in range(40)]).__next__)


def test_a_slowed_copy_is_measured_as_slower(tiny_onnx: Path) -> None:
    plan = replace(SHORT, block_duration_s=0.02)
    measured = measured_pair(tiny_onnx, tiny_onnx, plan, slowdown=3.0)
    # Four times as long, and some for the spinning itself.
    assert all(quad.log_ratio(Measure.WALL) > 1.0 for quad in measured.quads)
