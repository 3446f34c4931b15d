"""`strop inspect` names what keeps a file from running in int8, in one piece."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.emit.one_op import Side, write_one_op
from tests.export.graphs import mobile_steps
from tests.export.inspect.test_audit import with_a_real_detour
from tests.runtime.artifact.foreign_artifacts import metadata_bytes, with_metadata
from tests.runtime.several_tensors import several_onnx, several_tflite, stateful_tflite

from strop.cli import main
from strop.export.emit.tflite import emit_tflite
from strop.runtime.engines.tflite import TfliteEngine


def inspected(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["inspect", str(path), "--json"]) == 0
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    return record


def shown(path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines, with single blanks between words."""
    assert main(["inspect", str(path)]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ours") / "ours.tflite"
    path.write_bytes(emit_tflite(mobile_steps().quantized))
    return path


def test_what_xnnpack_left_is_named_with_layer_and_reason(
    ours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(ours, capsys)
    assert "not delegated 1 QUANTIZE" in lines
    assert any(line.endswith("xnnpack kernels, 1 delegate partition") for line in lines)
    assert lines[-2:] == [
        "operation layer finding",
        "QUANTIZE image/int8 not delegated: XNNPACK does not turn uint8 into int8",
    ]


def test_the_record_has_the_delegation(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = inspected(ours, capsys)
    assert record["engine"]["partitions"] == 1
    assert record["delegation"] == {
        "partitions": 1,
        "undelegated": [
            {
                "kind": "QUANTIZE",
                "layer": "image/int8",
                "reason": "XNNPACK does not turn uint8 into int8",
                "takes_image": True,
            }
        ],
        "is_whole": True,
    }
    assert record["in_float"] == record["transposes"] == []


def test_a_file_of_which_nothing_is_delegated_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_one_op(tmp_path, "RELU", [Side()], Side(), version=2)
    lines = shown(path, capsys)
    assert any(line.endswith("builtin kernels, 0 delegate partitions") for line in lines)
    assert lines[-1] == "RELU side1 not delegated: XNNPACK has no int8 RELU"


def test_an_unknown_reason_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = schema.L2NormOptionsT()
    path = write_one_op(
        *(tmp_path, "L2_NORMALIZATION", [Side()], Side(scale=1 / 128)), options=options, version=2
    )
    assert shown(path, capsys)[-1] == "L2_NORMALIZATION side1 not delegated: reason unknown"


def test_an_onnx_names_what_is_in_float_and_what_only_moves_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "detour.onnx"
    path.write_bytes(with_a_real_detour())
    lines = shown(path, capsys)
    assert "in float 1 Erf" in lines
    assert "transposes 1 Transpose" in lines
    assert not any(line.startswith("not delegated") for line in lines)
    assert lines[-2:] == ["Erf bent computes in float", "Transpose turned only moves values"]
    record = inspected(path, capsys)
    assert record["in_float"] == [{"kind": "Erf", "layer": "bent"}]
    assert record["transposes"] == [{"kind": "Transpose", "layer": "turned"}]
    assert record["delegation"] is None


def test_an_interpreter_that_does_not_tell_is_not_read_as_nothing_left(
    ours: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TfliteEngine, "undelegated", lambda engine: None)
    assert "not delegated unknown; LiteRT does not tell" in shown(ours, capsys)


@pytest.mark.parametrize(
    ("write", "operation"),
    [
        (several_tflite, "1 GATHER"),
        (several_onnx, "1 NonZero"),
        (stateful_tflite, "1 ASSIGN_VARIABLE"),
    ],
)
def test_any_model_is_inspected(
    write: Callable[[], bytes],
    operation: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / f"m.{write.__name__.rpartition('_')[2]}"
    path.write_bytes(write())
    assert main(["inspect", str(path)]) == 0
    assert operation in capsys.readouterr().out


def test_the_metadata_of_others_is_shown(
    ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(with_metadata(ours.read_bytes(), metadata_bytes(mean=(1, 2, 3), std=(4,)), {}))
    assert main(["inspect", str(path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "TFLite metadata Köpfe" in shown
    assert "normalization mean 1, 2, 3, std 4" in shown
    assert "label file labels.txt" in shown
    assert main(["inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tflite_metadata"]["mean"] == [1, 2, 3]
    path.write_bytes(with_metadata(ours.read_bytes(), b"M001", {}))
    assert main(["inspect", str(path), "--json"]) == 0
    shown_then = capsys.readouterr()
    assert json.loads(shown_then.out)["tflite_metadata"] is None
    assert "its TFLite metadata is damaged" in shown_then.err
