"""Translates an island into ONNX nodes, with tf2onnx, which reads .tflite."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array, Op
from strop.export.ir.island import Island
from strop.export.ir.run_island import opened_island
from strop.export.tensorflow_logs import native_stderr_held
from strop.runtime.engines.silent_onnxruntime import onnxruntime
from strop.runtime.errors import QuantizationError

OPSET = 17
MOST_KEPT = 256  # translations
TO_NCHW = (0, 3, 1, 2)
SPREAD = 3.0  # of drawn values, about as an activation's
SAME = 1e-4  # of the largest value; what is left out makes a hundred times as much


def translated(island: Island, layer: str) -> Any:
    """Translate an island into an onnx.GraphProto, images in NCHW on both sides.

    Args:
        island: The operations.
        layer: Name of a result, for the error.

    Raises:
        QuantizationError: tf2onnx does not know an operation.
    """
    try:
        return _translated(island)
    except _UnknownError as err:
        raise QuantizationError(
            f"{layer}: has {err}, which tf2onnx cannot write in float in the .onnx; export with"
            " --format tflite, or replace the layer"
        ) from err


class _UnknownError(Exception):
    """What tf2onnx left as it is."""


@lru_cache(maxsize=MOST_KEPT)
def _translated(island: Island) -> Any:
    try:
        import tf2onnx  # loads TensorFlow, which an export without islands does without

        from strop.export.emit.gelu_onnx import teach_gelu
    except ModuleNotFoundError as err:
        reason = f"{err.name} is not installed here; run: pip install 'strop[export]'"
        raise _UnknownError(f"{_kinds(island)} ({reason})") from err
    inputs, outputs, read = _images(island)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder, "island.tflite")
        path.write_bytes(island.model)
        teach_gelu()
        try:
            model, _ = tf2onnx.convert.from_tflite(
                str(path), opset=OPSET, inputs_as_nchw=inputs, outputs_as_nchw=outputs
            )
        except Exception as err:  # tf2onnx's have no base class of their own
            raise _UnknownError(f"{_kinds(island)} ({type(err).__name__})") from err
    known = {each.name for each in onnx.defs.get_all_schemas()}
    nodes = model.graph.node
    unknown = {node.op_type for node in nodes if node.domain or node.op_type not in known}
    if unknown:
        raise _UnknownError(", ".join(sorted(name.removeprefix("TFL_") for name in unknown)))
    for name in read:
        _give_in_nchw(model.graph, name)
    if not _is_same(island, model):
        raise _UnknownError(f"{_kinds(island)} (what it writes computes something else)")
    return model.graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the messages of tf2onnx, and of the interpreter that it uses, off the terminal."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), native_stderr_held():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _kinds(island: Island) -> str:
    return ", ".join(dict.fromkeys(island.kinds))


def _is_same(island: Island, model: Any) -> bool:
    """Whether both give the same for random values: tf2onnx leaves out what it does not know."""
    random = np.random.default_rng(0)
    opened = opened_island(island.model)
    drawn = [random.normal(0, SPREAD, shape).astype(np.float32) for shape in opened.shapes]
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    feeds = {name: to_nchw(one) for name, one in zip(names, drawn, strict=True)}
    for result, found in enumerate(session.run(None, feeds)):
        expected = to_nchw(opened.run(result, drawn))
        largest = float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected)))
        if found.shape != expected.shape or not np.allclose(
            found, expected, rtol=SAME, atol=SAME * largest, equal_nan=True
        ):
            return False
    return True


def to_nchw(values: Array) -> Array:
    """Transpose an image to NCHW; other ranks stay as they are."""
    return values.transpose(TO_NCHW) if values.ndim == 4 else values


def _images(island: Island) -> tuple[list[str], list[str], list[str]]:
    """Name what has four dimensions: inputs, results, and results that the island reads itself.

    These last tf2onnx would give in NCHW to their readers inside, too, which expect NHWC.
    Source: tf2onnx 1.17, tf2onnx/tfonnx.py, transpose_outputs.
    """
    (subgraph,) = schema.ModelT.InitFromPackedBuf(island.model, 0).subgraphs
    read = {int(index) for operator in subgraph.operators for index in operator.inputs}
    outputs = [int(index) for index in subgraph.outputs]
    sides = (
        subgraph.inputs,
        [index for index in outputs if index not in read],
        [index for index in outputs if index in read],
    )
    inputs, unread, also_read = (
        [
            subgraph.tensors[index].name.decode()
            for index in indices
            if len(subgraph.tensors[index].shape) == 4
        ]
        for indices in sides
    )
    return inputs, unread, also_read


def _give_in_nchw(graph: Any, name: str) -> None:
    """Put a Transpose behind a result, which keeps its place among the results."""
    (result,) = (value for value in graph.output if value.name == name)
    result.name = f"{name}/nchw"
    dims = result.type.tensor_type.shape.dim
    sides = [dims[axis].dim_value for axis in TO_NCHW]
    for dim, side in zip(dims, sides, strict=True):
        dim.dim_value = side
    graph.node.append(
        onnx.helper.make_node("Transpose", [name], [result.name], result.name, perm=TO_NCHW)
    )


def inlined(graph: Any, op: Op, inputs: list[str]) -> tuple[list[Any], list[Any], list[str]]:
    """Nodes and constants under names of their own, and what the results are called.

    Args:
        graph: As `translated` gives it; not changed.
        op: The operation, whose result's name makes names unique.
        inputs: What to read in the place of the graph's inputs, in their order.
    """
    names: dict[str, str] = dict(zip((value.name for value in graph.input), inputs, strict=True))

    def renamed(name: str) -> str:
        return names.get(name, f"{op.output}:float/{name}" if name else "")

    nodes, constants = [], []
    for node in graph.node:
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        copied.name = renamed(node.name)
        copied.input[:] = [renamed(name) for name in node.input]
        copied.output[:] = [renamed(name) for name in node.output]
        nodes.append(copied)
    for constant in graph.initializer:
        taken = onnx.TensorProto()
        taken.CopyFrom(constant)
        taken.name = renamed(constant.name)
        constants.append(taken)
    return nodes, constants, [renamed(value.name) for value in graph.output]
