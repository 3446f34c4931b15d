"""Replaces products and sums with one constant per channel by depthwise convolutions of 1x1.

A batch normalization in front of a convolution, as in ResNetV2 and DenseNet, is one product and
one sum. In int8 these round twice, and all channels' constants share one scale; a convolution
rounds once, and has a scale for each channel's factor and 32 bits for its term. It also takes
less time than the two in both engines, and `equalize` moves factors through it.

A constant that is the same for all channels stays, for XNNPACK looks its results up in a table; but
for a factor behind a linear layer, which `merge_factors` then merges with it. Layer scales begin as
1e-6 everywhere, which as a product is outside of XNNPACK's limits of scales.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from strop.export.ir.graph import (
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    Tensor,
    float_constant,
)
from strop.export.passes.affine import affine
from strop.export.passes.channel_readers import CHANNELS, image_of
from strop.export.passes.merge_factors import host_of_factors

ORDERING = (Kind.SLICE, Kind.CONCATENATION, Kind.SHUFFLE)  # of channels, as from RGB to BGR


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chain:
    """Operations behind each other that together are image * factor + term, per channel."""

    ops: tuple[Op, ...]
    image: str
    factor: Array
    term: Array

    @property
    def last(self) -> Op:
        """The operation whose result is the chain's."""
        return self.ops[-1]


def affine_as_convolution(graph: Graph) -> Graph:
    """Replace them, but for the normalization of the pixels.

    Args:
        graph: A float graph.

    Returns:
        The same function.
    """
    pixels = _pixels(graph)
    ops: list[Op] = []
    added: list[Tensor] = []
    replaced: set[str] = set()
    for op in graph.ops:
        if op.output in replaced:
            continue
        chain = None if op.output in pixels else _chain(graph, op)
        if chain is None:
            ops.append(op)
            continue
        replaced |= {one.output for one in chain.ops}
        constants = (
            float_constant(f"{chain.last.output}/factors", chain.factor.reshape(1, 1, 1, -1)),
            float_constant(f"{chain.last.output}/terms", chain.term),
        )
        added += constants
        ops.append(
            Op(
                kind=Kind.DEPTHWISE,
                inputs=(chain.image, *(constant.name for constant in constants)),
                output=chain.last.output,
                fused=chain.last.fused,
            )
        )
    return graph.rewired(ops, added=added)


def _pixels(graph: Graph) -> set[str]:
    """Return what the normalization makes of the input, also where it puts channels in order."""
    found = {graph.input}
    for op in graph.ops:
        image = image_of(graph, op)
        is_of_pixels = all(name in found or graph.is_constant(name) for name in op.inputs)
        if is_of_pixels and (
            op.kind in ORDERING or affine(graph, op, image, graph.tensors[image].shape[-1])
        ):
            found.add(op.output)
    return found


def _chain(graph: Graph, first: Op) -> _Chain | None:
    """Return all that can be computed with `first` at once, if its constants differ by channel."""
    image = image_of(graph, first)
    shape = graph.tensors[image].shape
    if len(shape) <= CHANNELS:
        return None
    factor, term = np.ones(shape[CHANNELS]), np.zeros(shape[CHANNELS])
    ops: list[Op] = []
    name = image
    for op in _followers(graph, first):
        step = affine(graph, replace(op, fused=Fused.NONE), name, shape[CHANNELS])
        if step is None or graph.tensors[op.output].shape != shape:
            break
        factor, term = factor * step[0], term * step[0] + step[1]
        ops.append(op)
        name = op.output
    is_same = np.ptp(factor) == np.ptp(term) == 0
    goes_in_front = not term.any() and host_of_factors(graph, image) is not None
    if not ops or (is_same and not goes_in_front):
        return None
    return _Chain(ops=tuple(ops), image=image, factor=factor, term=term)


def _followers(graph: Graph, first: Op) -> Iterator[Op]:
    """Yield an operation and those behind it, as long as only the next one reads a result."""
    op = first
    while True:
        yield op
        readers = graph.consumers(op.output)
        if op.fused is not Fused.NONE or op.output == graph.output or len(readers) != 1:
            return
        op = readers[0]
