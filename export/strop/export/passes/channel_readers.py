"""Finds which operations read each channel, through shuffles, splits and concatenations."""

from __future__ import annotations

import numpy as np

from strop.export.ir.channel_shuffle import shuffle_order
from strop.export.ir.graph import ELEMENTWISE, POOLS, Fused, Graph, Kind, Op

CHANNELS = 3  # the axis
MOVES = frozenset({Kind.SLICE, Kind.SHUFFLE})
# They compute every channel on its own, and in any order.
CHANNELWISE = POOLS | {
    Kind.BILINEAR,
    Kind.MEAN,
    Kind.PAD,
    Kind.CROP,
    Kind.LOGISTIC,
    Kind.TANH,
    Kind.HARD_SWISH,
    Kind.RELU,
    Kind.RELU6,
    Kind.ELU,
}
Reader = tuple[tuple[int, int], ...]
"""Operations, by their places in the graph, and which part of what they read a channel is."""


def is_move(graph: Graph, op: Op) -> bool:
    """Whether a result is nothing but channels of the inputs, in another order."""
    if op.kind in MOVES:
        return True
    is_image = len(graph.tensors[op.output].shape) == CHANNELS + 1
    is_joined = op.kind is Kind.CONCATENATION and op.axis == CHANNELS and op.fused is Fused.NONE
    return is_joined and is_image and not any(map(graph.is_constant, op.inputs))


def is_channelwise(graph: Graph, op: Op) -> bool:
    """Whether a result's channel depends on the same channel of its one image only."""
    image = graph.tensors[image_of(graph, op)].shape
    result = graph.tensors[op.output].shape
    if len(image) != 4 or len(result) != 4:
        return False
    if op.kind in ELEMENTWISE:
        return image == result and sum(map(graph.is_constant, op.inputs)) == 1
    return op.kind in CHANNELWISE or (op.kind is Kind.DEPTHWISE and image[3] == result[3])


def image_of(graph: Graph, op: Op) -> str:
    """Return the first of an operation's inputs that is computed; a constant where none is."""
    return next((name for name in op.inputs if not graph.is_constant(name)), op.inputs[0])


def channel_readers(graph: Graph) -> dict[str, list[Reader]]:
    """Find for every channel of every activation where its values go.

    Channels with the same readers may stand in any order among themselves. What has to
    have its channels in the model's order counts as a reader of each of its own.
    """
    found: dict[str, list[Reader]] = {
        tensor.name: [()] * tensor.shape[CHANNELS]
        for tensor in graph.tensors.values()
        if len(tensor.shape) == 4
    }
    if graph.output in found:
        found[graph.output] = [((len(graph.ops), i),) for i in range(len(found[graph.output]))]
    for at, op in reversed(list(enumerate(graph.ops))):
        first = 0
        for name in op.inputs:
            if graph.is_constant(name) or name not in found:
                continue
            more = _read_by(graph, op, at, found, name, first)
            found[name] = [(*old, *new) for old, new in zip(found[name], more, strict=True)]
            first += len(more)
    return found


def _read_by(
    graph: Graph, op: Op, at: int, found: dict[str, list[Reader]], name: str, first: int
) -> list[Reader]:
    """Return what an operation adds to the readers of `name`, its input behind `first` others."""
    behind, count = found.get(op.output, []), len(found[name])
    if op.kind is Kind.SHUFFLE:
        return [behind[place] for place in np.argsort(shuffle_order(count, op.groups)).tolist()]
    if op.kind is Kind.SLICE:
        rest = count - op.begin - len(behind)
        return [()] * op.begin + behind + [()] * rest
    if is_move(graph, op):
        return behind[first : first + count]
    if is_channelwise(graph, op):
        return [((at, 0), *reader) for reader in behind]
    if op.kind is Kind.CONV:
        size = graph.tensors[op.inputs[1]].shape[CHANNELS]
        return [((at, i // size),) for i in range(count)]
    return [((at, i),) for i in range(count)]
