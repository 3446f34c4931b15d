"""Translates an island into ONNX nodes, and compares both on random values."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import onnx
from onnx import helper

from strop.export.emit.float_nodes.nodes import UnwritableError
from strop.export.emit.float_nodes.write import as_onnx
from strop.export.emit.onnx_conventions import IR_VERSION, OPSET, TO_NCHW
from strop.export.ir.graph import Array, Op
from strop.export.ir.island import Island
from strop.export.ir.layer_sessions import opened_island
from strop.export.ir.quiet_session import quiet_options
from strop.runtime.engines.silent_onnxruntime import onnxruntime
from strop.runtime.errors import QuantizationError

MOST_KEPT = 256  # translations
SPREAD = 3.0  # of drawn values, about as an activation's
SAME = 1e-4  # of the largest value; a wrong attribute makes a hundred times as much


def translated(island: Island, layer: str) -> Any:
    """Translate an island into an onnx.GraphProto, images in NCHW on both sides.

    Args:
        island: The operations.
        layer: Name of a result, for the error.

    Raises:
        QuantizationError: An operation is not written in ONNX here.
    """
    try:
        return _translated(island)
    except UnwritableError as err:
        raise QuantizationError(
            f"{layer}: has {err}, which strop cannot write in float in the .onnx; export with"
            " --format tflite, or replace the layer"
        ) from err


@lru_cache(maxsize=MOST_KEPT)
def _translated(island: Island) -> Any:
    try:
        graph = as_onnx(island.model)
    # What operators raise where a model says things that do not fit together.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as err:
        raise UnwritableError(f"{_kinds(island)} ({type(err).__name__})") from err
    if not _is_same(island, graph):
        raise UnwritableError(f"{_kinds(island)} (ONNX computes something else)")
    return graph


def _kinds(island: Island) -> str:
    return ", ".join(dict.fromkeys(island.kinds))


def _is_same(island: Island, graph: Any) -> bool:
    """Whether both give the same for random values: engines differ where one reads no manual."""
    random = np.random.default_rng(0)
    opened = opened_island(island.model)
    drawn = [random.normal(0, SPREAD, shape).astype(np.float32) for shape in opened.shapes]
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    feeds = {value.name: to_nchw(one) for value, one in zip(graph.input, drawn, strict=True)}
    for found, result in zip(_results(island, model, feeds), opened.run(drawn), strict=True):
        expected = to_nchw(result)
        largest = float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected)))
        if found.shape != expected.shape or not np.allclose(
            found, expected, rtol=SAME, atol=SAME * largest, equal_nan=True
        ):
            return False
    return True


def _results(island: Island, model: Any, feeds: dict[str, Array]) -> list[Array]:
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), quiet_options(), providers=["CPUExecutionProvider"]
        )
        results: list[Array] = session.run(None, feeds)
    except Exception as err:  # its errors have no base class of their own
        line = " ".join(str(err).split())[:200]
        raise UnwritableError(f"{_kinds(island)} (ONNX Runtime: {line})") from err
    return results


def to_nchw(values: Array) -> Array:
    """Transpose an image to NCHW; other ranks stay as they are."""
    return values.transpose(TO_NCHW) if values.ndim == 4 else values


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
