"""Writes float operations that move values: shapes, slices, concatenation, padding, lookups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto

from strop.export.emit.float_nodes.elementwise import Write
from strop.export.emit.float_nodes.nodes import FloatNodes, FloatOp, UnwritableError
from strop.export.emit.onnx_conventions import NCHW_AXES
from strop.export.ir.graph import Array


def _reshape(nodes: FloatNodes, op: FloatOp) -> None:
    nodes.put(op, _reshaped(nodes, nodes.name(op.inputs[0]), nodes.shape(op.outputs[0])))


def _reshaped(nodes: FloatNodes, name: str, shape: Sequence[int]) -> str:
    return nodes.node("Reshape", [name, nodes.integers(*shape)])


def _transpose(nodes: FloatNodes, op: FloatOp) -> None:
    perm = [int(axis) for axis in nodes.fixed(op.inputs[1])]
    nodes.put(op, nodes.node("Transpose", [nodes.name(op.inputs[0])], perm=perm))


def _concatenation(nodes: FloatNodes, op: FloatOp) -> None:
    nchw = nodes.in_nchw(op.inputs)
    axis = op.options.axis % nodes.rank(op.outputs[0])
    names = [nodes.name(index, nchw=nchw) for index in op.inputs]
    found = nodes.node("Concat", names, axis=NCHW_AXES[axis] if nchw else axis)
    nodes.put(op, found, nchw=nchw)


def _pack(nodes: FloatNodes, op: FloatOp) -> None:
    axis = op.options.axis % nodes.rank(op.outputs[0])
    names = [
        nodes.node("Unsqueeze", [nodes.name(index), nodes.integers(axis)]) for index in op.inputs
    ]
    nodes.put(op, nodes.node("Concat", names, axis=axis))


def _unpack(nodes: FloatNodes, op: FloatOp) -> None:
    axis = op.options.axis % nodes.rank(op.inputs[0])
    parts = _parts(nodes, nodes.name(op.inputs[0]), axis, [1] * len(op.outputs))
    for place, part in enumerate(parts):
        nodes.put(op, nodes.node("Squeeze", [part, nodes.integers(axis)]), place=place)


def _parts(nodes: FloatNodes, name: str, axis: int, sizes: list[int]) -> list[str]:
    inputs = [name, nodes.integers(*sizes)]
    return nodes.node_of_many("Split", inputs, len(sizes), axis=axis)


def _split(source: int, axis: int) -> Write:
    """Split, whose tensor and axis stand at these places of the inputs."""

    def write(nodes: FloatNodes, op: FloatOp) -> None:
        index = op.inputs[source]
        nchw = nodes.in_nchw([index])
        along = int(nodes.fixed(op.inputs[axis]).item()) % nodes.rank(index)
        sizes = [nodes.shape(result)[along] for result in op.outputs]
        name = nodes.name(index, nchw=nchw)
        parts = _parts(nodes, name, NCHW_AXES[along] if nchw else along, sizes)
        for place, part in enumerate(parts):
            nodes.put(op, part, nchw=nchw, place=place)

    return write


def _slice(nodes: FloatNodes, op: FloatOp) -> None:
    begins = nodes.fixed(op.inputs[1])
    sides = nodes.shape(op.outputs[0])
    ends = [int(begin) + side for begin, side in zip(begins, sides, strict=True)]
    bounds = [nodes.integers(*map(int, begins)), nodes.integers(*ends)]
    nodes.put(op, nodes.node("Slice", [nodes.name(op.inputs[0]), *bounds]))


def _strided_slice(nodes: FloatNodes, op: FloatOp) -> None:
    """Slice, and drop the dimensions of which one place was taken."""
    options = op.options
    if options.newAxisMask or options.ellipsisMask or getattr(options, "offset", False):
        raise UnwritableError("STRIDED_SLICE that adds dimensions")
    begins, ends, strides = (nodes.fixed(index).astype(np.int64).copy() for index in op.inputs[1:4])
    for axis, side in enumerate(nodes.shape(op.inputs[0])[: len(begins)]):
        begin, end, stride = _bounds(options, axis, side, (begins[axis], ends[axis], strides[axis]))
        begins[axis], ends[axis], strides[axis] = begin, end, stride
    axes = nodes.integers(*range(len(begins)))
    bounds = [nodes.constant(begins), nodes.constant(ends), axes, nodes.constant(strides)]
    found = nodes.node("Slice", [nodes.name(op.inputs[0]), *bounds])
    if options.shrinkAxisMask:
        found = _reshaped(nodes, found, nodes.shape(op.outputs[0]))
    nodes.put(op, found)


def _bounds(
    options: schema.StridedSliceOptionsT, axis: int, side: int, given: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Begin, end and stride of one dimension, with what the masks leave open."""
    begin, end, stride = given
    if options.shrinkAxisMask >> axis & 1:
        begin %= side
        return begin, begin + 1, 1
    if options.beginMask >> axis & 1:
        begin = 0 if stride > 0 else side
    if options.endMask >> axis & 1:
        end = side if stride > 0 else -side - 1
    return begin, end, stride


def _gather(nodes: FloatNodes, op: FloatOp) -> None:
    if op.options.batchDims:
        raise UnwritableError("GATHER by a list for each image")
    axis = op.options.axis % nodes.rank(op.inputs[0])
    names = [nodes.name(index) for index in op.inputs]
    nodes.put(op, nodes.node("Gather", names, axis=axis))


def _gather_of_many(nodes: FloatNodes, op: FloatOp) -> None:
    places = nodes.node("Cast", [nodes.name(op.inputs[1])], to=TensorProto.INT64)
    nodes.put(op, nodes.node("GatherND", [nodes.name(op.inputs[0]), places]))


def _reverse(nodes: FloatNodes, op: FloatOp) -> None:
    axes = [int(axis) for axis in nodes.fixed(op.inputs[1]).reshape(-1)]
    name, shape = nodes.name(op.inputs[0]), nodes.shape(op.inputs[0])
    for axis in axes:
        places = np.arange(shape[axis], dtype=np.int64)[::-1]
        name = nodes.node("Gather", [name, nodes.constant(places)], axis=axis)
    nodes.put(op, name)


def _pad(nodes: FloatNodes, op: FloatOp) -> None:
    nchw = nodes.in_nchw(op.inputs[:1])
    amounts = nodes.fixed(op.inputs[1])
    if nchw:
        amounts = amounts[[NCHW_AXES.index(axis) for axis in range(4)]]
    inputs = [nodes.name(op.inputs[0], nchw=nchw), nodes.integers(*map(int, amounts.T.reshape(-1)))]
    if op.kind == "PADV2":
        inputs.append(nodes.name(op.inputs[2]))
    nodes.put(op, nodes.node("Pad", inputs), nchw=nchw)


def _mirror_pad(nodes: FloatNodes, op: FloatOp) -> None:
    """Look up each place of the result, dimension by dimension: ONNX mirrors in one way only."""
    is_symmetric = op.options.mode == schema.MirrorPadMode.SYMMETRIC
    name = nodes.name(op.inputs[0])
    for axis, (before, after) in enumerate(nodes.fixed(op.inputs[1]).tolist()):
        if (before, after) == (0, 0):
            continue
        side = nodes.shape(op.inputs[0])[axis]
        if not 0 <= min(before, after) <= max(before, after) <= side:
            raise UnwritableError(f"MIRROR_PAD of {side} places by {before} and {after}")
        places = np.arange(side)
        mode = "symmetric" if is_symmetric else "reflect"
        found = np.pad(places, (before, after), mode=mode)  # type: ignore[call-overload]
        name = nodes.node("Gather", [name, nodes.constant(found.astype(np.int64))], axis=axis)
    nodes.put(op, name)


def _tile(nodes: FloatNodes, op: FloatOp) -> None:
    times = nodes.integers(*map(int, nodes.fixed(op.inputs[1])))
    nodes.put(op, nodes.node("Tile", [nodes.name(op.inputs[0]), times]))


def _broadcast(source: int) -> Write:
    """Repeat what stands at this place of the inputs until it has the result's shape."""

    def write(nodes: FloatNodes, op: FloatOp) -> None:
        shape = nodes.integers(*nodes.shape(op.outputs[0]))
        nodes.put(op, nodes.node("Expand", [nodes.name(op.inputs[source]), shape]))

    return write


def _known(values: Array, nodes: FloatNodes, op: FloatOp) -> None:
    nodes.put(op, nodes.constant(values.astype(nodes.dtype(op.outputs[0])[0])))


def _shape(nodes: FloatNodes, op: FloatOp) -> None:
    _known(np.array(nodes.shape(op.inputs[0])), nodes, op)


def _zeros(nodes: FloatNodes, op: FloatOp) -> None:
    _known(np.zeros(nodes.shape(op.outputs[0])), nodes, op)


def _one_hot(nodes: FloatNodes, op: FloatOp) -> None:
    places, depth = (
        nodes.node("Cast", [nodes.name(index)], to=TensorProto.INT64) for index in op.inputs[:2]
    )
    on, off = (_reshaped(nodes, nodes.name(index), [1]) for index in op.inputs[2:4])
    pair = nodes.node("Concat", [off, on], axis=0)
    nodes.put(op, nodes.node("OneHot", [places, depth, pair], axis=op.options.axis))


def _blocks(kind: str) -> Write:
    """Depth to space and back; ONNX has both in TensorFlow's order."""

    def write(nodes: FloatNodes, op: FloatOp) -> None:
        name = nodes.name(op.inputs[0], nchw=True)
        nodes.put(op, nodes.node(kind, [name], blocksize=op.options.blockSize), nchw=True)

    return write


def _space_to_batch(nodes: FloatNodes, op: FloatOp) -> None:
    """Pad, and take the places of each phase as an image of its own."""
    blocks, amounts = nodes.fixed(op.inputs[1]), nodes.fixed(op.inputs[2])
    count, rank = len(blocks), nodes.rank(op.inputs[0])
    around = np.zeros((rank, 2), np.int64)
    around[1 : count + 1] = amounts
    padded = nodes.node("Pad", [nodes.name(op.inputs[0]), nodes.constant(around.T.reshape(-1))])
    sides = np.array(nodes.shape(op.inputs[0])) + around.sum(1)
    apart = [int(sides[0])]
    for side, block in zip(sides[1 : count + 1], blocks, strict=True):
        apart += [int(side // block), int(block)]
    apart += [int(side) for side in sides[count + 1 :]]
    inner = [2 * place + 1 for place in range(count)]
    order = [place + 1 for place in inner] + [0] + inner + list(range(2 * count + 1, len(apart)))
    moved = nodes.node("Transpose", [_reshaped(nodes, padded, apart)], perm=order)
    nodes.put(op, _reshaped(nodes, moved, nodes.shape(op.outputs[0])))


def _batch_to_space(nodes: FloatNodes, op: FloatOp) -> None:
    """Put the phases between each other, and crop."""
    blocks, crops = nodes.fixed(op.inputs[1]), nodes.fixed(op.inputs[2])
    count, sides = len(blocks), nodes.shape(op.inputs[0])
    batch = sides[0] // int(np.prod(blocks))
    apart = [*map(int, blocks), batch, *sides[1:]]
    order = [count]
    for place in range(count):
        order += [count + 1 + place, place]
    order += list(range(2 * count + 1, len(apart)))
    moved = nodes.node("Transpose", [_reshaped(nodes, nodes.name(op.inputs[0]), apart)], perm=order)
    inner = [side * int(block) for side, block in zip(sides[1 : count + 1], blocks, strict=True)]
    whole = _reshaped(nodes, moved, [batch, *inner, *sides[count + 1 :]])
    begins = [int(begin) for begin, _ in crops]
    ends = [side - int(end) for side, (_, end) in zip(inner, crops, strict=True)]
    bounds = [nodes.integers(*values) for values in (begins, ends, range(1, count + 1))]
    nodes.put(op, nodes.node("Slice", [whole, *bounds]))


MOVES: dict[str, Write] = {
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _reshape),
    "TRANSPOSE": _transpose,
    "CONCATENATION": _concatenation,
    "PACK": _pack,
    "UNPACK": _unpack,
    "SPLIT": _split(source=1, axis=0),
    "SPLIT_V": _split(source=0, axis=2),
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "GATHER": _gather,
    "GATHER_ND": _gather_of_many,
    "REVERSE_V2": _reverse,
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    "MIRROR_PAD": _mirror_pad,
    "TILE": _tile,
    "BROADCAST_TO": _broadcast(source=0),
    "FILL": _broadcast(source=1),
    "SHAPE": _shape,
    "ZEROS_LIKE": _zeros,
    "ONE_HOT": _one_hot,
    "DEPTH_TO_SPACE": _blocks("DepthToSpace"),
    "SPACE_TO_DEPTH": _blocks("SpaceToDepth"),
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "BATCH_TO_SPACE_ND": _batch_to_space,
}
