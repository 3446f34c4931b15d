"""Operations are counted and named as they are in the file, or as ONNX Runtime makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.export.emit.one_op import Side, write_one_op
from tests.export.graphs import mobile_block, steps
from tests.runtime.tiny_artifacts import onnx_bytes

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.frontend.convert import convert
from strop.export.inspect.audit import audit
from strop.export.inspect.contents import NamedOp
from strop.export.options.choices import Precision
from strop.export.source.source import from_keras_model
from strop.runtime.errors import ArtifactError

SHAPE = [1, 4, 6]


def with_a_real_detour() -> bytes:
    """Codes, transposed; then Erf, for which ONNX Runtime has no integer kernel; codes again."""
    nodes = [
        helper.make_node("Transpose", ["codes"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("DequantizeLinear", ["turned", "step", "zero"], ["reals"]),
        helper.make_node("Erf", ["reals"], ["bent"]),
        helper.make_node("QuantizeLinear", ["bent", "step", "zero"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "detour",
        [helper.make_tensor_value_info("codes", TensorProto.UINT8, SHAPE)],
        [helper.make_tensor_value_info("scores", TensorProto.UINT8, [1, 6, 4])],
        [
            numpy_helper.from_array(np.array(0.02, np.float32), "step"),
            numpy_helper.from_array(np.array(128, np.uint8), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    serialized: bytes = model.SerializeToString()
    return serialized


def test_what_onnxruntime_computes_in_float_and_moves_is_named(tmp_path: Path) -> None:
    path = tmp_path / "detour.onnx"
    path.write_bytes(with_a_real_detour())
    found = audit(path)
    assert found.in_float == (NamedOp(kind="Erf", layer="bent"),)
    assert found.float_ops == (("Erf", 1),)
    assert found.transposes == (NamedOp(kind="Transpose", layer="turned"),)
    assert found.is_quantized
    assert found.size_bytes == path.stat().st_size
    assert found.inputs == ("codes uint8 1x4x6",)


def test_a_cast_to_float_is_not_taken_for_codes(tmp_path: Path) -> None:
    path = tmp_path / "cast.onnx"
    path.write_bytes(onnx_bytes(None))
    found = audit(path)
    assert [op.kind for op in found.in_float] == ["ReduceMean", "Gemm"]
    assert not found.is_quantized


def test_our_int8_files_compute_nothing_in_float(tmp_path: Path) -> None:
    quantized = steps(mobile_block(activation="hard_swish")).quantized
    (tmp_path / "m.tflite").write_bytes(emit_tflite(quantized))
    (tmp_path / "m.onnx").write_bytes(emit_onnx(quantized, {}))
    tflite, in_onnx = audit(tmp_path / "m.tflite"), audit(tmp_path / "m.onnx")
    assert tflite.in_float == in_onnx.in_float == ()
    assert tflite.is_quantized
    assert in_onnx.is_quantized
    assert tflite.transposes == ()
    # In front of the scores, where height and width are 1: from NCHW.
    assert len(in_onnx.transposes) <= 1


def test_every_operation_of_a_float_tflite_is_in_float(tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(convert(from_keras_model(mobile_block(), name="small"), Precision.FLOAT32))
    found = audit(path)
    assert found.float_ops == found.ops
    assert not found.is_quantized


def test_a_dequantizer_by_itself_computes_nothing_in_float(tmp_path: Path) -> None:
    path = write_one_op(tmp_path, "DEQUANTIZE", [Side()], Side(dtype="float32"), version=2)
    assert audit(path).in_float == ()


@pytest.mark.parametrize("name", ["half.tflite", "half.onnx"])
def test_half_a_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x08\x00\x00\x00TFL3" if name == "half.tflite" else b"\xff")
    with pytest.raises(ArtifactError, match=r"not a readable .*; export it again, or copy it"):
        audit(tmp_path / name)
