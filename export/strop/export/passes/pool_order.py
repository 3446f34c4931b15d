"""Puts an average of pixels and a convolution of single pixels in the order that is less work.

The one adds up pixels, alike for all channels, and the other adds up channels, alike for all
pixels, so that they may change places. Behind the average pools of Inception are convolutions with
a fraction of their channels: the average of these is less work. In front of DenseNet's pools with a
stride are convolutions of all pixels, of which a quarter is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeGuard

import numpy as np

from strop.export.ir.graph import NO_PADS, Array, Fused, Graph, Kind, Op, Tensor, float_constant
from strop.export.passes.average_pool import missing_at_border

ROUNDING = 1e-6  # of factors, float32


@dataclass(frozen=True, kw_only=True, slots=True)
class _Average:
    """Operations that average pixels, behind each other, each read by the next one only.

    Attributes:
        ops: A PAD or none, a DEPTHWISE, a product for the border or none.
        taps: Pixels in the window.
        is_whole: Whether the average of ones is one everywhere, at the border too.
    """

    ops: tuple[Op, ...]
    taps: int
    is_whole: bool

    @property
    def source(self) -> str:
        """What is averaged."""
        return self.ops[0].inputs[0]

    @property
    def last(self) -> Op:
        """The operation whose result is the average."""
        return self.ops[-1]


def order_pools(graph: Graph) -> Graph:
    """Move averages of pixels behind convolutions of 1x1, or in front of them.

    Args:
        graph: A float graph, its pools written as `replace_pools` writes them.

    Returns:
        The same function.
    """
    for op in graph.ops:
        average = _average(graph, op)
        if average is None:
            continue
        moved = _behind(graph, average) or _in_front(graph, average)
        if moved is not None:
            return order_pools(moved)
    return graph


def _average(graph: Graph, pool: Op) -> _Average | None:
    """Return what a depthwise convolution with equal weights is part of; None for any other."""
    if pool.kind is not Kind.DEPTHWISE or graph.data(pool.inputs[2]).any():
        return None
    weights = graph.data(pool.inputs[1])
    is_multiplied = weights.shape[3] != graph.tensors[pool.inputs[0]].shape[3]
    if np.ptp(weights) or is_multiplied or pool.dilation != (1, 1):
        return None
    ops: tuple[Op, ...] = (pool,)
    pads, border = pool.pads, np.ones(1)
    before, after = graph.producer(pool.inputs[0]), _reader(graph, pool)
    is_padded = before is not None and before.kind is Kind.PAD and pads == NO_PADS
    if before is not None and is_padded and _reader(graph, before) is pool:
        ops, pads = (before, pool), before.pads
    if after is not None and _is_border(graph, after) and pool.fused is Fused.NONE:
        ops, border = (*ops, after), graph.data(after.inputs[1])
    size = graph.tensors[ops[0].inputs[0]].shape[1:3]
    padded = replace(pool, pads=pads, window=weights.shape[1:3])
    ones = border * weights[..., 0].sum() / missing_at_border(size, padded)
    return _Average(
        ops=ops,
        taps=weights[..., 0].size,
        is_whole=bool(np.abs(ones - 1).max() < ROUNDING),
    )


def _reader(graph: Graph, op: Op) -> Op | None:
    """Return what alone reads an operation's result."""
    readers = graph.consumers(op.output)
    return readers[0] if len(readers) == 1 and op.output != graph.output else None


def _is_border(graph: Graph, op: Op) -> bool:
    """Whether it multiplies all channels by the same constants."""
    if op.kind is not Kind.MUL or not graph.is_constant(op.inputs[1]):
        return False
    shape = graph.tensors[op.inputs[1]].shape
    return len(shape) == 4 and shape[3] == 1


def _is_pixelwise(op: Op | None, graph: Graph) -> TypeGuard[Op]:
    if op is None or op.kind is not Kind.CONV or op.pads != NO_PADS or op.stride != (1, 1):
        return False
    return graph.tensors[op.inputs[1]].shape[1:3] == (1, 1)


def _saved_by_averaging_first(graph: Graph, average: _Average, conv: Op) -> int:
    """Multiply-adds that an average in front of a convolution saves; < 0 if it takes more."""
    all_pixels, pixels = (
        prod(graph.tensors[name].shape[1:3]) for name in (average.source, average.last.output)
    )
    outputs, _, _, inputs = graph.tensors[conv.inputs[1]].shape
    return (all_pixels - pixels) * inputs * outputs + pixels * average.taps * (outputs - inputs)


def _behind(graph: Graph, average: _Average) -> Graph | None:
    """Let a convolution with fewer results than channels come before the average that it reads."""
    conv, last = _reader(graph, average.last), average.last
    if not _is_pixelwise(conv, graph) or last.fused is not Fused.NONE:
        return None
    if last.kind is Kind.MUL and not average.is_whole:
        return None
    source, outputs = graph.tensors[average.source], graph.tensors[conv.output].shape[3]
    if _saved_by_averaging_first(graph, average, conv) >= 0:
        return None
    bias = graph.data(conv.inputs[2])
    none = np.zeros_like(bias)
    # An average that is less than one at the border must not average the bias.
    early, late = (bias, none) if average.is_whole else (none, bias)
    pixels = replace(source, name=f"{conv.output}/pixels", shape=(*source.shape[:3], outputs))
    moved = float_constant(f"{pixels.name}/bias", early)
    inputs = (source.name, conv.inputs[1], moved.name)
    first = replace(conv, inputs=inputs, output=pixels.name, fused=Fused.NONE)
    ops, added = _averaging(graph, average, pixels, result=conv, bias=late)
    return _replaced(graph, (*average.ops, conv), (first, *ops), (pixels, moved, *added))


def _in_front(graph: Graph, average: _Average) -> Graph | None:
    """Let an average with a stride come before the convolution that it reads."""
    conv, last = graph.producer(average.source), average.last
    if not _is_pixelwise(conv, graph) or _reader(graph, conv) is not average.ops[0]:
        return None
    if conv.fused is not Fused.NONE or not average.is_whole:
        return None
    if _saved_by_averaging_first(graph, average, conv) <= 0:
        return None
    image = graph.tensors[conv.inputs[0]]
    pixels = replace(
        image,
        name=f"{last.output}/pixels",
        shape=(*graph.tensors[last.output].shape[:3], image.shape[3]),
    )
    between = replace(last, output=pixels.name, fused=Fused.NONE)
    none = np.zeros(image.shape[3])
    ops, added = _averaging(graph, average, image, result=between, bias=none)
    behind = replace(
        conv, inputs=(pixels.name, *conv.inputs[1:]), output=last.output, fused=last.fused
    )
    return _replaced(graph, (conv, *average.ops), (*ops, behind), (pixels, *added))


def _averaging(
    graph: Graph, average: _Average, image: Tensor, *, result: Op, bias: Array
) -> tuple[list[Op], list[Tensor]]:
    """Write the same average of another tensor, and its new tensors.

    Args:
        graph: Has the average.
        average: Is repeated.
        image: What to average.
        result: Gives the name and the activation of the result.
        bias: Of the depthwise convolution, one per channel of the image.
    """
    channels = image.shape[3]
    ops: list[Op] = []
    added: list[Tensor] = []
    name = image.name
    for op in average.ops:
        is_last = op is average.last
        output = result.output if is_last else f"{result.output}/{op.kind.value}"
        shape = (*graph.tensors[op.output].shape[:3], channels)
        added.append(replace(graph.tensors[op.output], name=output, shape=shape))
        constants: tuple[str, ...] = op.inputs[1:]
        if op.kind is Kind.DEPTHWISE:
            weight = graph.data(op.inputs[1])[..., :1]
            own = [
                float_constant(f"{output}/equal", np.repeat(weight, channels, axis=3)),
                float_constant(f"{output}/none", bias),
            ]
            added += own
            constants = tuple(constant.name for constant in own)
        fused = result.fused if is_last else Fused.NONE
        ops.append(replace(op, inputs=(name, *constants), output=output, fused=fused))
        name = output
    return ops, added


def _replaced(graph: Graph, old: Sequence[Op], new: Sequence[Op], added: Sequence[Tensor]) -> Graph:
    """Write `new` where the last of the `old` operations stands."""
    ops = [
        step
        for op in graph.ops
        if op not in old or op is old[-1]
        for step in (new if op is old[-1] else (op,))
    ]
    return graph.rewired(ops, added=added)
