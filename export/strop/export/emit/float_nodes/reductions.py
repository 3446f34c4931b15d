"""Writes float operations that compute over a dimension: sums, means, softmax, norms."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from strop.export.emit.float_nodes.elementwise import Write
from strop.export.emit.float_nodes.nodes import FloatNodes, FloatOp
from strop.export.emit.onnx_conventions import NCHW_AXES

LEAST_NORM = 1e-6  # tensorflow/lite/kernels/l2norm.cc divides by no less


def _reduce(kind: str) -> Write:
    def write(nodes: FloatNodes, op: FloatOp) -> None:
        source, rank = op.inputs[0], nodes.rank(op.inputs[0])
        axes = sorted({int(axis) % rank for axis in nodes.fixed(op.inputs[1]).reshape(-1)})
        keeps = bool(op.options.keepDims)
        nchw = nodes.in_nchw([source]) and (keeps or _stays_in_order(axes))
        name = nodes.name(source, nchw=nchw)
        found = _reduced(nodes, kind, name, sorted(NCHW_AXES[a] for a in axes) if nchw else axes)
        if not keeps:
            shape = nodes.integers(*nodes.shape(op.outputs[0]))
            found = nodes.node("Reshape", [found, shape])
        nodes.put(op, found, nchw=nchw and keeps)

    return write


def _stays_in_order(axes: list[int]) -> bool:
    """Whether what is left of NCHW is what is left of NHWC."""
    return 3 in axes or {1, 2} <= set(axes)


def _reduced(nodes: FloatNodes, kind: str, name: str, axes: list[int]) -> str:
    if kind == "ReduceSum":  # the axes are an input since opset 13
        return nodes.node(kind, [name, nodes.integers(*axes)], keepdims=1)
    return nodes.node(kind, [name], axes=axes, keepdims=1)


def _reduce_booleans(kind: str) -> Write:
    """Write any and all as the maximum and the minimum of 0 and 1."""

    def write(nodes: FloatNodes, op: FloatOp) -> None:
        rank = nodes.rank(op.inputs[0])
        axes = sorted({int(axis) % rank for axis in nodes.fixed(op.inputs[1]).reshape(-1)})
        number = nodes.node("Cast", [nodes.name(op.inputs[0])], to=TensorProto.INT32)
        shape = nodes.integers(*nodes.shape(op.outputs[0]))
        found = nodes.node("Reshape", [_reduced(nodes, kind, number, axes), shape])
        nodes.put(op, nodes.node("Cast", [found], to=TensorProto.BOOL))

    return write


def _along_last(kind: str) -> Write:
    """Softmax or its logarithm, over the channels."""

    def write(nodes: FloatNodes, op: FloatOp) -> None:
        nchw = nodes.in_nchw(op.inputs)
        name = nodes.name(op.inputs[0], nchw=nchw)
        beta = float(getattr(op.options, "beta", 1.0))
        if beta != 1.0:
            name = nodes.node("Mul", [name, nodes.number(beta)])
        nodes.put(op, nodes.node(kind, [name], axis=1 if nchw else -1), nchw=nchw)

    return write


def _unit_norm(nodes: FloatNodes, op: FloatOp) -> None:
    nchw = nodes.in_nchw(op.inputs)
    name = nodes.name(op.inputs[0], nchw=nchw)
    norm = nodes.node("ReduceL2", [name], axes=[1 if nchw else -1], keepdims=1)
    norm = nodes.node("Max", [norm, nodes.number(LEAST_NORM)])
    nodes.put(op, nodes.node("Div", [name, norm]), nchw=nchw)


def _local_response(nodes: FloatNodes, op: FloatOp) -> None:
    """Write LRN, whose alpha is for the mean and not for the sum."""
    size = 2 * int(op.options.radius) + 1
    found = nodes.node(
        "LRN",
        [nodes.name(op.inputs[0], nchw=True)],
        size=size,
        alpha=float(op.options.alpha) * size,
        beta=float(op.options.beta),
        bias=float(op.options.bias),
    )
    nodes.put(op, found, nchw=True)


def _cumulative(nodes: FloatNodes, op: FloatOp) -> None:
    axis = nodes.constant(np.array(int(nodes.fixed(op.inputs[1]).item()), np.int64))
    settings = {"exclusive": int(op.options.exclusive), "reverse": int(op.options.reverse)}
    nodes.put(op, nodes.node("CumSum", [nodes.name(op.inputs[0]), axis], **settings))


def _place_of(kind: str) -> Write:
    """The place of the largest or smallest value."""

    def write(nodes: FloatNodes, op: FloatOp) -> None:
        axis = int(nodes.fixed(op.inputs[1]).item())
        found = nodes.node(kind, [nodes.name(op.inputs[0])], axis=axis, keepdims=0)
        nodes.put(op, nodes.node("Cast", [found], to=nodes.dtype(op.outputs[0])[1]))

    return write


def _largest(nodes: FloatNodes, op: FloatOp) -> None:
    count = nodes.integers(int(nodes.fixed(op.inputs[1]).item()))
    values, places = nodes.node_of_many("TopK", [nodes.name(op.inputs[0]), count], 2, axis=-1)
    nodes.put(op, values)
    nodes.put(op, nodes.node("Cast", [places], to=nodes.dtype(op.outputs[1])[1]), place=1)


REDUCTIONS: dict[str, Write] = {
    "MEAN": _reduce("ReduceMean"),
    "SUM": _reduce("ReduceSum"),
    "REDUCE_MAX": _reduce("ReduceMax"),
    "REDUCE_MIN": _reduce("ReduceMin"),
    "REDUCE_PROD": _reduce("ReduceProd"),
    "REDUCE_ANY": _reduce_booleans("ReduceMax"),
    "REDUCE_ALL": _reduce_booleans("ReduceMin"),
    "SOFTMAX": _along_last("Softmax"),
    "LOG_SOFTMAX": _along_last("LogSoftmax"),
    "L2_NORMALIZATION": _unit_norm,
    "LOCAL_RESPONSE_NORMALIZATION": _local_response,
    "CUMSUM": _cumulative,
    "ARG_MAX": _place_of("ArgMax"),
    "ARG_MIN": _place_of("ArgMin"),
    "TOPK_V2": _largest,
}
