"""Writes a float .tflite, all of whose shapes are known, as an ONNX graph."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from strop.export.emit.float_nodes.elementwise import ELEMENTWISE, Write
from strop.export.emit.float_nodes.layer_norm import LayerNorm, layer_norms
from strop.export.emit.float_nodes.moves import MOVES
from strop.export.emit.float_nodes.nodes import RANK, FloatNodes, FloatOp, UnwritableError
from strop.export.emit.float_nodes.products import PRODUCTS
from strop.export.emit.float_nodes.reductions import REDUCTIONS
from strop.export.emit.onnx_conventions import TO_NCHW

WRITERS: dict[str, Write] = {**ELEMENTWISE, **REDUCTIONS, **MOVES, **PRODUCTS}


def as_onnx(model: bytes) -> onnx.GraphProto:
    """Write float operations as ONNX nodes.

    Args:
        model: A .tflite of one subgraph, its inputs and results float32.

    Returns:
        The same function; what has four dimensions comes in and goes out as NCHW.

    Raises:
        UnwritableError: An operation is not written here; the text names it.
    """
    nodes = FloatNodes(model)
    norms = layer_norms(nodes)
    for op in _in_use(nodes, norms):
        _write(nodes, op, norms)
    images, results = (
        [_info(nodes, index, nodes.name(index, nchw=nodes.rank(index) == RANK)) for index in side]
        for side in (nodes.inputs, nodes.outputs)
    )
    return helper.make_graph(nodes.nodes, "island", images, results, nodes.constants)


def _in_use(nodes: FloatNodes, norms: dict[int, LayerNorm]) -> list[FloatOp]:
    """The operations that results are computed by, without the inside of a normalization."""
    wanted, kept = set(nodes.outputs), []
    for op in reversed(nodes.ops):
        if wanted.isdisjoint(op.outputs):
            continue
        kept.append(op)
        norm = norms.get(op.outputs[0])
        wanted.update(op.inputs if norm is None else (norm.image,))
    return kept[::-1]


def _write(nodes: FloatNodes, op: FloatOp, norms: dict[int, LayerNorm]) -> None:
    norm = norms.get(op.outputs[0])
    if norm is not None:
        _write_norm(nodes, op, norm)
        return
    write = WRITERS.get(op.kind)
    if write is None:
        raise UnwritableError(op.kind)
    write(nodes, op)


def _write_norm(nodes: FloatNodes, op: FloatOp, norm: LayerNorm) -> None:
    inputs = [nodes.name(norm.image), nodes.constant(norm.scale), nodes.constant(norm.offset)]
    nodes.put(op, nodes.node("LayerNormalization", inputs, axis=-1, epsilon=norm.epsilon))


def _info(nodes: FloatNodes, index: int, name: str) -> onnx.ValueInfoProto:
    shape = nodes.shape(index)
    if len(shape) == RANK:
        shape = tuple(shape[axis] for axis in TO_NCHW)
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
