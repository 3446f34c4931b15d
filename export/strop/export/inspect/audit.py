"""Reads what is in an artifact: operations, which of them are float, inputs and outputs."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import onnx
from ai_edge_litert import schema_py_generated as schema
from google.protobuf.message import DecodeError
from onnx import TensorProto

from strop.engine_watch import folder_prefix
from strop.export.inspect.contents import Audit, NamedOp, counted
from strop.export.ir.quiet_session import quiet_options
from strop.export.ir.tflite_bytes import unpacked
from strop.export.ir.tflite_names import layer_name, operator_name, result_name, results_of
from strop.export.kernels.xnnpack import CODES
from strop.runtime.engines.onnxruntime import open_session
from strop.runtime.errors import ArtifactError

TFLITE_TYPES = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)
}

# What only moves values: to and from NCHW, and ONNX Runtime's own blocks of channels.
TRANSPOSES = frozenset({"TRANSPOSE", "Transpose", "ReorderInput", "ReorderOutput"})
QUANTIZED = ("QLinear", "Quantize", "Integer")  # in the names of ONNX's operations on codes
REALS = frozenset({"float16", "float32"})
DTYPE_NAMES = {"float": "float32"}  # ONNX's word for it, and everybody else's
# What flatbuffers' own code runs into in a file that is cut off or none of its kind.
UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError, struct.error)


def audit(path: Path) -> Audit:
    """Read an artifact's operations without running it.

    Args:
        path: A .tflite or .onnx file.

    Raises:
        ArtifactError: The file cannot be parsed.
    """
    if path.suffix == ".onnx":
        return _audit_onnx(path)
    return _audit_tflite(path)


def _audit_tflite(path: Path) -> Audit:
    content = path.read_bytes()
    try:
        model = unpacked(content)
        subgraph = model.subgraphs[0]
        written = [
            (
                NamedOp(
                    kind=operator_name(model, operator),
                    layer=layer_name(result_name(subgraph, operator)),
                ),
                {_tflite_type(subgraph.tensors[index]) for index in results_of(operator)},
            )
            for operator in subgraph.operators
        ]
        inputs = tuple(_describe(subgraph.tensors[index]) for index in subgraph.inputs)
        outputs = tuple(_describe(subgraph.tensors[index]) for index in subgraph.outputs)
    except UNREADABLE as err:
        raise ArtifactError(
            f"{path}: not a readable .tflite ({err}); export it again, or copy it again"
        ) from err
    return Audit(
        size_bytes=len(content),
        ops=counted(op.kind for op, _ in written),
        in_float=tuple(op for op, types in written if types & REALS and op.kind != "DEQUANTIZE"),
        transposes=tuple(op for op, _ in written if op.kind in TRANSPOSES),
        is_quantized=any(types & CODES for _, types in written),
        inputs=inputs,
        outputs=outputs,
    )


def _tflite_type(tensor: Any) -> str:
    name: str = TFLITE_TYPES[tensor.type]
    return name


def _describe(tensor: Any) -> str:
    shape = "x".join(str(side) for side in _sides(tensor))
    return f"{(tensor.name or b'').decode('utf-8', 'replace')} {_tflite_type(tensor)} {shape}"


def _sides(tensor: Any) -> list[int]:
    """Return the sides, -1 for an open one; none of a scalar."""
    given = (tensor.shapeSignature, tensor.shape)
    return next(([int(side) for side in sides] for sides in given if sides is not None), [])


def _audit_onnx(path: Path) -> Audit:
    try:
        # The engine has refused a file that keeps tensors elsewhere.
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as err:
        raise ArtifactError(
            f"{path}: not a readable .onnx ({str(err).splitlines()[0]}); export it again,"
            " or copy it again"
        ) from err
    graph = model.graph
    nodes = _optimized(path).node
    reals = {
        value.name for value in graph.input if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    return Audit(
        size_bytes=path.stat().st_size,
        ops=counted(node.op_type for node in graph.node),
        in_float=tuple(_in_float(nodes, reals)),
        transposes=tuple(_named(node) for node in nodes if node.op_type in TRANSPOSES),
        is_quantized=any(word in node.op_type for node in nodes for word in QUANTIZED),
        inputs=tuple(_describe_value(value) for value in graph.input),
        outputs=tuple(_describe_value(value) for value in graph.output),
    )


def _optimized(path: Path) -> Any:
    """Return the graph that ONNX Runtime makes of the file on this machine."""
    with tempfile.TemporaryDirectory(prefix=folder_prefix("onnx")) as folder:
        options = quiet_options()
        options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
        open_session(str(path), options)
        return onnx.load(options.optimized_model_filepath, load_external_data=False).graph


def _in_float(nodes: Iterable[Any], inputs: Iterable[str]) -> Iterator[NamedOp]:
    """Return the operations that read floats: inputs, dequantized values, casts; no quantizers."""
    reals = set(inputs)
    for node in nodes:
        if node.op_type == "DequantizeLinear" or _casts_to_float(node):
            reals.update(node.output)
        elif node.op_type != "QuantizeLinear" and not reals.isdisjoint(node.input):
            yield _named(node)
            reals.update(node.output)


def _casts_to_float(node: Any) -> bool:
    return node.op_type == "Cast" and any(
        given.name == "to" and given.i == TensorProto.FLOAT for given in node.attribute
    )


def _named(node: Any) -> NamedOp:
    return NamedOp(kind=node.op_type, layer=next(iter(node.output), ""))


def _describe_value(value: Any) -> str:
    tensor = value.type.tensor_type
    dtype = TensorProto.DataType.Name(tensor.elem_type).lower()
    # An open side has a name, or nothing.
    shape = "x".join(str(side.dim_value or side.dim_param or "?") for side in tensor.shape.dim)
    return f"{value.name} {DTYPE_NAMES.get(dtype, dtype)} {shape}"
