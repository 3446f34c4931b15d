"""What ONNX Runtime says of its own time, operation by operation."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.runtime.bench.layer_times import LayerTime, _medians, layer_times
from strop.runtime.engines.onnxruntime import OnnxRuntimeEngine
from strop.runtime.errors import ArtifactError


def event(name: str, kind: str, us: int) -> dict[str, object]:
    return {"name": f"{name}_kernel_time", "dur": us, "args": {"op_name": kind}}


def test_every_operation_that_runs_has_its_time(tiny_onnx: Path) -> None:
    times = layer_times(tiny_onnx)
    found = times.operations
    with OnnxRuntimeEngine(tiny_onnx, num_threads=1) as engine:
        assert [each.kind for each in found] == [each.kind for each in engine.operations()]
    assert all(each.microseconds >= 0 for each in found)
    assert times.whole_microseconds > 0
    assert times.added_microseconds >= 0


def test_the_first_run_does_not_count_and_layers_are_named_as_in_the_network() -> None:
    events = [
        {"name": "session_initialization", "dur": 9999},
        *(event("stem:conv:Conv_token_1", "QLinearConv", us) for us in (500, 30, 10, 20)),
        *(event("", "Reshape", us) for us in (7,)),
        {"name": "stem_fence_before", "dur": 1, "args": {"op_name": "QLinearConv"}},
    ]
    assert _medians(events, where=Path("m.onnx")) == (
        LayerTime(layer="stem", kind="QLinearConv", microseconds=20.0),
        LayerTime(layer="", kind="Reshape", microseconds=7.0),
    )


def test_what_cannot_be_timed_is_said(tiny_tflite: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="only ONNX Runtime tells"):
        layer_times(tiny_tflite)
    (tmp_path / "m.onnx").write_bytes(b"none")
    with pytest.raises(ArtifactError, match=r"m\.onnx: onnxruntime .* cannot load it"):
        layer_times(tmp_path / "m.onnx")
    with pytest.raises(ArtifactError, match="tells of no operation"):
        _medians([], where=tmp_path)
