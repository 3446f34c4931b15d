"""Benches in a fresh process of this machine: the record, and what goes wrong there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import strop.runtime
from strop.runtime import ArtifactError, MeasurementError, PlanError
from strop.runtime.bench.latency import plan_lasting
from strop.runtime.bench.run import BenchRequest
from strop.runtime.remote import bench

PLAN = plan_lasting(0.01)


def test_the_record_is_of_the_file_and_images_of_this_machine(
    tiny_onnx: Path, image_folder: Path
) -> None:
    record = strop.runtime.bench(tiny_onnx, plan=PLAN, images=image_folder)
    assert [artifact.name for artifact in record.artifacts] == [tiny_onnx.name]
    assert record.artifacts[0].samples.meet(PLAN)
    assert record.inputs == f"6 images of {image_folder.name}"
    assert repr(record).startswith("<BenchRecord: tiny.int8.onnx p50 0.")


def test_an_error_is_raised_here_with_the_path_that_was_given(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match=f"^{damaged}: neither a .tflite nor an ONNX model"):
        strop.runtime.bench(damaged, plan=PLAN)
    with pytest.raises(ArtifactError, match=r"missing\.onnx: "):
        strop.runtime.bench(tmp_path / "missing.onnx", plan=PLAN)
    with pytest.raises(PlanError, match="no artifact; needed is one"):
        strop.runtime.bench()


def test_a_process_without_a_record_is_no_measurement(
    tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "PERFORM", "this")
    request = BenchRequest(artifacts=(tiny_onnx,), plan=PLAN)
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(MeasurementError, match="ended with code 1 and no record: no word"):
        bench.bench_apart(request)


def test_a_plan_for_longer_has_the_time_for_it() -> None:
    assert plan_lasting(1.0).max_duration_s == 120
    assert plan_lasting(60.0, artifacts=2).max_duration_s == 480
