"""What is really in an artifact: its operations, what stayed float, its inputs and outputs."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from ai_edge_litert import schema_py_generated as schema
from google.protobuf.message import DecodeError
from onnx import TensorProto

from strop.export.read_tflite import operator_name
from strop.runtime.errors import ArtifactError

TFLITE_TYPES = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)
}

DTYPE_NAMES = {"float": "float32"}  # ONNX's word for it, and everybody else's
ERRORS_ONLY = 3  # of ONNX Runtime's log severities


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The contents of one artifact.

    Attributes:
        size_bytes: Of the file.
        ops: How often each operation occurs, the most frequent first.
        float_ops: Operations that compute in float, with their count, quantizers aside. For
            .onnx these are counted in the graph that ONNX Runtime makes of the file on this
            machine, after its own fusions.
        inputs: "name dtype shape" each.
        outputs: "name dtype shape" each.
    """

    size_bytes: int
    ops: tuple[tuple[str, int], ...]
    float_ops: tuple[tuple[str, int], ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


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
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        subgraph = model.subgraphs[0]
        ops, float_ops = Counter[str](), Counter[str]()
        for operator in subgraph.operators:
            name = operator_name(model, operator)
            ops[name] += 1
            written = {_tflite_type(subgraph.tensors[index]) for index in operator.outputs}
            if written & {"float32", "float16"} and name != "DEQUANTIZE":
                float_ops[name] += 1
        inputs = tuple(_describe(subgraph.tensors[index]) for index in subgraph.inputs)
        outputs = tuple(_describe(subgraph.tensors[index]) for index in subgraph.outputs)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as err:
        raise ArtifactError(
            f"{path}: not a readable .tflite ({err}); export it again, or copy it again"
        ) from err
    return Audit(
        size_bytes=len(content),
        ops=tuple(ops.most_common()),
        float_ops=tuple(float_ops.most_common()),
        inputs=inputs,
        outputs=outputs,
    )


def _tflite_type(tensor: Any) -> str:
    name: str = TFLITE_TYPES[tensor.type]
    return name


def _describe(tensor: Any) -> str:
    shape = "x".join(str(side) for side in tensor.shape)
    return f"{tensor.name.decode('utf-8', 'replace')} {_tflite_type(tensor)} {shape}"


def _audit_onnx(path: Path) -> Audit:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as err:
        raise ArtifactError(
            f"{path}: not a readable .onnx ({str(err).splitlines()[0]}); export it again,"
            " or copy it again"
        ) from err
    graph = model.graph
    return Audit(
        size_bytes=path.stat().st_size,
        ops=tuple(Counter(node.op_type for node in graph.node).most_common()),
        float_ops=tuple(_float_ops(_optimized(path)).most_common()),
        inputs=tuple(_describe_value(value) for value in graph.input),
        outputs=tuple(_describe_value(value) for value in graph.output),
    )


def _optimized(path: Path) -> Any:
    """The graph that ONNX Runtime makes of the file on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath).graph


def _float_ops(graph: Any) -> Counter[str]:
    """Operations on what a DequantizeLinear, or a float input, feeds; quantizers aside."""
    reals = {
        value.name for value in graph.input if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    found = Counter[str]()
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            reals.update(node.output)
        elif node.op_type != "QuantizeLinear" and not reals.isdisjoint(node.input):
            found[node.op_type] += 1
            reals.update(node.output)
    return found


def _describe_value(value: Any) -> str:
    tensor = value.type.tensor_type
    dtype = TensorProto.DataType.Name(tensor.elem_type).lower()
    shape = "x".join(str(side.dim_value) for side in tensor.shape.dim)
    return f"{value.name} {DTYPE_NAMES.get(dtype, dtype)} {shape}"
