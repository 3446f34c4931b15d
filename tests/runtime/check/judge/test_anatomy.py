"""What an artifact consists of: told by its engine, held against TensorFlow's and onnx' readers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strop.runtime.artifact.onnx_graph import (
    OnnxGraph,
    OnnxNode,
    computes_in_float,
    read_onnx_graph,
)
from strop.runtime.artifact.onnx_macs import macs
from strop.runtime.check.judge.anatomy import OpCount, structure
from strop.runtime.engines import open_engine
from strop.runtime.errors import ArtifactError


def test_a_tflites_operations_and_their_work_are_told(tiny_tflite: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    with open_engine(tiny_tflite) as engine:
        found = structure(engine)
    assert found is not None
    counts = {op.kind: op.count for op in found.ops}
    assert counts["CONV_2D"] == counts["MEAN"] == counts["FULLY_CONNECTED"] == 1
    # 16 x 16 pixels of 3 channels from 3, and 4 scores of 3 means.
    assert found.macs == 16 * 16 * 3 * 3 + 4 * 3
    assert found.float_ops == ()


def test_a_tflites_operations_are_those_that_the_export_half_reads(tiny_tflite: Path) -> None:
    audit = pytest.importorskip("strop.export.inspect.audit").audit(tiny_tflite)
    with open_engine(tiny_tflite) as engine:
        found = structure(engine)
    assert found is not None
    assert {(op.kind, op.count) for op in found.ops} == set(audit.ops)


def test_an_onnx_files_operations_are_those_that_onnx_reads(tiny_onnx: Path) -> None:
    onnx = pytest.importorskip("onnx")
    graph = read_onnx_graph(tiny_onnx)
    expected = onnx.load(tiny_onnx).graph.node
    assert [node.kind for node in graph.nodes] == [node.op_type for node in expected]
    assert [node.inputs for node in graph.nodes] == [tuple(node.input) for node in expected]
    assert [node.outputs for node in graph.nodes] == [tuple(node.output) for node in expected]
    initializers = onnx.load(tiny_onnx).graph.initializer
    assert graph.constants == {each.name: tuple(each.dims) for each in initializers}
    # Cast, ReduceMean, Gemm: the cast makes floats, the others compute in them.
    assert computes_in_float(graph) == (False, True, True)


def test_an_onnx_is_counted_as_onnx_runtime_runs_it(tiny_onnx: Path) -> None:
    pytest.importorskip("onnxruntime")
    with open_engine(tiny_onnx) as engine:
        found = structure(engine)
    assert found is not None
    assert OpCount(kind="ReduceMean", count=1) in found.float_ops
    # 4 scores of 3 means.
    assert (found.undelegated, found.macs) == (None, 12)


@pytest.mark.parametrize(("group", "taken"), [(1, 8), (8, 1)])
def test_a_convolutions_work_is_told(tmp_path: Path, group: int, taken: int) -> None:
    pytest.importorskip("onnxruntime")
    helper = pytest.importorskip("onnx.helper")
    weights = helper.make_tensor("w", 1, [8, taken, 3, 3], [0.5] * (8 * taken * 9))
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], group=group, strides=[2, 2]),
            helper.make_node("GlobalAveragePool", ["c"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", 1, [1, 8, 9, 9])],
        [helper.make_tensor_value_info("y", 1, [1, 8, 1, 1])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "conv.onnx"
    path.write_bytes(model.SerializeToString())
    assert read_onnx_graph(path).constants == {"w": (8, taken, 3, 3)}
    with open_engine(path) as engine:
        found = structure(engine)
    assert found is not None
    # 4 x 4 places of 8 channels; ONNX Runtime's blocks of 8 or 16 channels may add zeros.
    least = 4 * 4 * 8 * taken * 9
    assert found.macs in (least, 2 * least, 4 * least)


def test_work_of_which_nothing_is_told_has_no_number() -> None:
    node = OnnxNode(name="n", kind="Conv", inputs=("x", "w"), outputs=("y",), casts_to=None)
    graph = OnnxGraph(nodes=(node,), float_inputs=(), constants={"w": (8, 3, 3, 3)})
    assert macs(node, graph, (1, 8, 4, 4)) == 4 * 4 * 8 * 27
    assert macs(node, graph, None) is None
    assert macs(replace(node, inputs=("x", "computed")), graph, (1, 8, 4, 4)) is None
    assert macs(replace(node, kind="ConvTranspose"), graph, (1, 8, 4, 4)) is None
    assert macs(replace(node, kind="Relu"), graph, None) == 0


def test_a_float_input_is_float_without_a_cast(tmp_path: Path) -> None:
    helper = pytest.importorskip("onnx.helper")
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", 1, [1])],
        [helper.make_tensor_value_info("y", 1, [1])],
    )
    path = tmp_path / "float.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    found = read_onnx_graph(path)
    assert found.float_inputs == ("x",)
    assert computes_in_float(found) == (True,)


@pytest.mark.parametrize("cut", [1, 7, 40, 200])
def test_a_graph_that_is_cut_off_is_refused(tiny_onnx: Path, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(tiny_onnx.read_bytes()[:-cut])
    with pytest.raises(ArtifactError, match=r"cut\.onnx: its graph cannot be read"):
        read_onnx_graph(path)


@pytest.mark.parametrize("content", [b"", b"\x0f", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
def test_what_has_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="its graph cannot be read"):
        read_onnx_graph(path)
