"""Damages an .onnx by its meaning: operations, attributes, dimensions, files outside of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError, EncodeError
from onnx import TensorProto, helper
from tests.fuzz.damage import REALS, damaged, edge, hostile_text, one_of
from tests.fuzz.wire import damaged_message

INT64 = 2**63
PLACES = ("/etc/passwd", "../../canary/kept", "kept", "/proc/self/mem", "/dev/zero", "")
OPERATIONS = (
    *("Loop", "If", "Scan", "Expand", "Tile", "Resize", "ConstantOfShape", "Range", "Pad"),
    *("Gather", "GatherND", "ScatterND", "Slice", "Reshape", "Concat", "Split", "MatMul"),
    *(
        "QLinearConv",
        "QLinearMatMul",
        "DequantizeLinear",
        "QuantizeLinear",
        "Conv",
        "ConvTranspose",
    ),
    *("NonMaxSuppression", "TopK", "StringNormalizer", "Einsum", "MaxUnpool", "RoiAlign", "LSTM"),
    *("OptionalGetElement", "SequenceAt", "GridSample", "DFT", "BitShift", "OneHot", "Unknown"),
)


def damaged_onnx(random: np.random.Generator, content: bytes) -> bytes:
    """The model, damaged in its bytes, its fields or its meaning."""
    kind = random.random()
    if kind < 0.15:
        return damaged(random, content, most=20)
    if kind < 0.5:
        return damaged_message(random, content)
    model = onnx.ModelProto.FromString(content)
    for _ in range(1 + int(random.integers(4) * random.random())):
        one_of(random, EDITS)(random, model)
    try:
        serialized: bytes = model.SerializeToString()
    except (DecodeError, EncodeError, ValueError):
        return damaged_message(random, content)
    return serialized


def _int64(random: np.random.Generator) -> int:
    return (edge(random) + INT64) % (2 * INT64) - INT64


def _tensor(random: np.random.Generator, model: Any) -> Any:
    held = [attribute.t for node in model.graph.node for attribute in node.attribute]
    return one_of(random, [*model.graph.initializer, *held, model.graph.initializer.add()])


def _set_outside(random: np.random.Generator, model: Any) -> None:
    tensor = _tensor(random, model)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    values = {
        "location": one_of(random, PLACES),
        "offset": str(one_of(random, (0, 1, edge(random)))),
        "length": str(one_of(random, (4, 64, edge(random)))),
    }
    for key in values if random.random() < 0.8 else ("location",):
        tensor.external_data.add(key=key, value=values[key])


def _change_dims(random: np.random.Generator, model: Any) -> None:
    tensor = _tensor(random, model)
    if random.random() < 0.4 or not tensor.dims:
        tensor.dims.append(one_of(random, (0, 1, _int64(random))))
    else:
        tensor.dims[int(random.integers(len(tensor.dims)))] = _int64(random)


def _change_data(random: np.random.Generator, model: Any) -> None:
    tensor = _tensor(random, model)
    choice = int(random.integers(4))
    if choice == 0:
        tensor.data_type = int(random.integers(-1, 30))
    elif choice == 1:
        tensor.raw_data = damaged(random, tensor.raw_data or b"\x00\x00\x80\x3f", most=4)
    elif choice == 2:
        tensor.float_data.extend([one_of(random, REALS), float("nan")])
    else:
        count = max(1, len(tensor.raw_data) // 4)
        tensor.raw_data = np.full(count, one_of(random, REALS), np.float64).astype("<f4").tobytes()


def _change_side(random: np.random.Generator, model: Any) -> None:
    graph = model.graph
    info = one_of(random, [*graph.input, *graph.output, *graph.value_info, *graph.input])
    dims = info.type.tensor_type.shape.dim
    choice = int(random.integers(5))
    if choice == 0 or not dims:
        dims.add(dim_value=_int64(random))
    elif choice == 1:
        one_of(random, dims).dim_param = hostile_text(random)
    elif choice == 2:
        one_of(random, dims).dim_value = one_of(random, (10**5, 2**31, -1, 0, 4096))
    elif choice == 3:
        info.type.tensor_type.elem_type = int(random.integers(30))
    else:
        one_of(random, dims).dim_value = _int64(random)


def _change_operation(random: np.random.Generator, model: Any) -> None:
    node = one_of(random, model.graph.node)
    choice = int(random.integers(4))
    if choice == 0:
        node.op_type = one_of(random, OPERATIONS)
    elif choice == 1:
        node.domain = one_of(random, ("com.microsoft", "ai.onnx.ml", hostile_text(random)))
    elif choice == 2:
        names = node.input if random.random() < 0.5 else node.output
        others = [name for other in model.graph.node for name in (*other.input, *other.output)]
        names.append(one_of(random, [*others, "", "nothing"]))
    else:
        node.name = hostile_text(random)


def _change_attribute(random: np.random.Generator, model: Any) -> None:
    node = one_of(random, model.graph.node)
    attributes = {
        "axis": _int64(random),
        "axes": [_int64(random)],
        "pads": [_int64(random)] * 4,
        "strides": [one_of(random, (0, -1, 1, edge(random) % INT64))] * 2,
        "dilations": [one_of(random, (0, -1, 10**9))] * 2,
        "kernel_shape": [one_of(random, (0, -1, 10**6))] * 2,
        "group": one_of(random, (0, -1, 10**6)),
        "to": int(random.integers(30)),
        "perm": [3, 3, 3, 3],
    }
    held = [each.name for each in node.attribute]
    name = one_of(random, [*(name for name in held if name in attributes), *attributes])
    kept = [each for each in node.attribute if each.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, attributes[name])])


def _add_branch(random: np.random.Generator, model: Any) -> None:
    """An If that is always true in front of the output, with the weights in its branch."""
    result = model.graph.output[0].name
    if any(result in node.input for node in model.graph.node):
        return
    for node in model.graph.node:
        outputs = ["before" if name == result else name for name in node.output]
        del node.output[:]
        node.output.extend(outputs)
    inner = TensorProto(name="inner", dims=[1], data_type=1, raw_data=b"\x00\x00\x80\x3f")
    branch = helper.make_graph(
        [helper.make_node("Add", ["before", "inner"], ["sum"])],
        hostile_text(random),
        [],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, None)],
        [inner],
    )
    if random.random() < 0.7:
        tensor = branch.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        tensor.external_data.add(key="location", value=one_of(random, PLACES))
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    model.graph.initializer.append(true)
    model.graph.node.append(
        helper.make_node("If", ["true"], [result], then_branch=branch, else_branch=branch)
    )


def _add_growth(random: np.random.Generator, model: Any) -> None:
    """An Expand, a Tile or a Loop of sizes that no image has."""
    size = one_of(random, (10**4, 10**6, 10**9, 2**31, INT64 - 1))
    sizes = helper.make_tensor("sizes", TensorProto.INT64, [1], [size])
    one = helper.make_tensor("one_more", TensorProto.FLOAT, [1], [1.0])
    model.graph.initializer.extend([sizes, one])
    nodes = {
        "Expand": helper.make_node("Expand", ["one_more", "sizes"], ["grown"]),
        "Tile": helper.make_node("Tile", ["one_more", "sizes"], ["grown"]),
        "ConstantOfShape": helper.make_node("ConstantOfShape", ["sizes"], ["grown"]),
    }
    model.graph.node.append(nodes[one_of(random, tuple(nodes))])
    reduced = helper.make_node("ReduceSum", ["grown"], ["sum_of_grown"], keepdims=0)
    model.graph.node.append(reduced)


def _change_properties(random: np.random.Generator, model: Any) -> None:
    choice = int(random.integers(4))
    if choice == 0:
        model.metadata_props.add(key=hostile_text(random), value=hostile_text(random))
    elif choice == 1 and model.metadata_props:
        model.metadata_props.append(one_of(random, model.metadata_props))
    elif choice == 2:
        model.ir_version = _int64(random)
    elif model.opset_import:
        one_of(random, model.opset_import).version = one_of(random, (0, 1, 7, 30, _int64(random)))


EDITS: tuple[Callable[[np.random.Generator, Any], None], ...] = (
    *(_set_outside, _change_dims, _change_data, _change_side, _change_side, _change_operation),
    *(_change_operation, _change_attribute, _change_attribute, _add_branch, _add_growth),
    _change_properties,
)
