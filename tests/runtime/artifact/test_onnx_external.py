"""No .onnx makes an engine read another file: tensors kept outside are refused wherever."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.runtime.tiny_artifacts import onnx_bytes

from strop.runtime.artifact.onnx_external import (
    LOCATION,
    MAX_DEPTH,
    refuse_external_data,
)
from strop.runtime.engines import open_engine
from strop.runtime.errors import ArtifactError


def external(location: str = "../../../etc/passwd", name: str = "elsewhere") -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def constant(**attribute: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["made"], **attribute)


def branch(*nodes: onnx.NodeProto, initializers: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    made = helper.make_tensor_value_info("made", TensorProto.FLOAT, [4])
    return helper.make_graph(list(nodes), "branch", [], [made], list(initializers))


def in_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(external())


def in_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(constant(value=external()))


def in_list_of_tensors(model: onnx.ModelProto) -> None:
    model.graph.node.append(constant(values=[external()]))


def in_subgraph_of_a_subgraph(model: onnx.ModelProto) -> None:
    inner = helper.make_node("If", ["a"], ["made"], then_branch=branch(constant(value=external())))
    outer = helper.make_node("If", ["a"], ["made"], else_branch=branch(inner))
    model.graph.node.append(outer)


def in_list_of_graphs(model: onnx.ModelProto) -> None:
    graphs = [branch(initializers=(external(),))]
    model.graph.node.append(helper.make_node("Odd", [], ["made"], graphs=graphs))


def in_function(model: onnx.ModelProto) -> None:
    opset = helper.make_opsetid("", 13)
    function = helper.make_function(
        "mine", "f", [], ["made"], [constant(value=external())], [opset]
    )
    model.functions.append(function)


def in_default_of_a_function(model: onnx.ModelProto) -> None:
    function = onnx.FunctionProto(name="f", domain="mine")
    function.attribute_proto.append(helper.make_attribute("value", external()))
    model.functions.append(function)


def in_sparse_tensor(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.append(onnx.SparseTensorProto(values=external(), dims=[4]))


def in_sparse_attribute(model: onnx.ModelProto) -> None:
    sparse = onnx.SparseTensorProto(indices=external(), dims=[4])
    model.graph.node.append(constant(sparse_value=sparse))


def in_training_graph(model: onnx.ModelProto) -> None:
    model.training_info.add().initialization.initializer.append(external())


def in_memory_of_the_process(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(external("*/_ORT_MEM_ADDR_/*"))


def only_by_entry(model: onnx.ModelProto) -> None:
    tensor = external()
    tensor.ClearField("data_location")
    model.graph.initializer.append(tensor)


PLACES = (
    in_initializer,
    in_attribute,
    in_list_of_tensors,
    in_subgraph_of_a_subgraph,
    in_list_of_graphs,
    in_function,
    in_default_of_a_function,
    in_sparse_tensor,
    in_sparse_attribute,
    in_training_graph,
    in_memory_of_the_process,
    only_by_entry,
)


def test_every_place_for_tensors_that_onnx_knows_is_tried() -> None:
    """A later release of onnx must not bring one that the walk passes over."""
    from strop.runtime.artifact.onnx_external import MESSAGES

    holding = {"TensorProto", *MESSAGES}
    for name, inner in MESSAGES.items():
        fields = getattr(onnx, name).DESCRIPTOR.fields
        found = {
            field.number: field.message_type.name
            for field in fields
            if field.message_type is not None and field.message_type.name in holding
        }
        assert found == dict(inner), name


@pytest.mark.parametrize("put", PLACES)
def test_a_tensor_kept_in_another_file_is_refused(
    tmp_path: Path, put: Callable[[onnx.ModelProto], None]
) -> None:
    model = onnx.load_from_string(onnx_bytes(None))
    put(model)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(
        ArtifactError, match=r"'elsewhere' is kept in another file.*join them"
    ) as found:
        open_engine(path)
    assert "\n" not in str(found.value)


def test_the_word_alone_is_no_external_tensor(tmp_path: Path) -> None:
    model = onnx.load_from_string(onnx_bytes(None))
    model.doc_string = "location"
    model.graph.node[0].name = "location"
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with open_engine(path) as engine:
        assert engine.output.shape == (1, 4)


@pytest.mark.parametrize("cut", range(1, len(LOCATION)))
def test_the_word_is_found_across_two_pages(tmp_path: Path, cut: int) -> None:
    model = onnx.load_from_string(onnx_bytes(None))
    model.graph.initializer.append(external())
    content = model.SerializeToString()
    # A first field of metadata moves the word to where a page ends.
    for size in range(mmap.PAGESIZE - len(content) - 64, mmap.PAGESIZE):
        text = b"\x32" + varint(size) + bytes(size)  # ModelProto.doc_string
        if (text + content).find(LOCATION) == mmap.PAGESIZE - cut:
            break
    path = tmp_path / "m.onnx"
    path.write_bytes(text + content)
    with pytest.raises(ArtifactError, match="is kept in another file"):
        refuse_external_data(str(path))


def test_graphs_without_an_end_to_their_depth_are_refused(tmp_path: Path) -> None:
    inner = LOCATION
    for _ in range(MAX_DEPTH):
        for key in (b"\x32", b"\x2a", b"\x0a"):  # AttributeProto.g, NodeProto.attribute, .node
            inner = key + varint(len(inner)) + inner
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x08\x3a" + varint(len(inner)) + inner)
    with pytest.raises(ArtifactError, match="nested more than 100 deep"):
        refuse_external_data(str(path))


def varint(value: int) -> bytes:
    made = b""
    while value > 0x7F:
        made += bytes([value & 0x7F | 0x80])
        value >>= 7
    return made + bytes([value])
