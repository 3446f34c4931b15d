"""Raises scales that are so small beside another that a kernel refuses both.

Where an operand is below an eighth of a code of its sum, or a mean of large values is always 0, as
behind an instance normalization or in a network that was never trained, the ratio of the scales is
outside of what kernels take: XNNPACK leaves the operation to others, and ONNX Runtime refuses the
file. A larger scale says the same there.

Sources: XNNPACK, src/operators/binary-elementwise-nd.c and global-average-pooling; ONNX Runtime,
onnxruntime/core/mlas/lib/qlgavgpool.cpp ("parameter out of computation range").
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from strop.export.ir.graph import Graph, Kind, Op, QuantParams

SUMS = frozenset({Kind.ADD, Kind.SUB})
RATED = SUMS | {Kind.MUL, Kind.MEAN}
# Kernels take 1 / 1024 and 256; `snap` makes scales up to 2 % larger behind this.
LEAST_RATIO = 1 / 1000
LARGEST_RATIO = 250.0


def with_floors(
    graph: Graph,
    params: Mapping[str, QuantParams],
    groups: Sequence[Sequence[str]],
    fixed: Collection[str],
) -> dict[str, QuantParams]:
    """Raise the scales of results that are far below their operands', and the other way round.

    Args:
        graph: What is computed.
        params: For all activations, and for the constant operands of ADD, SUB and MUL.
        groups: Names that share one scale, disjoint.
        fixed: Names whose scale must stay.

    Returns:
        Scales as large as before or larger; zero points stay. An operand's is raised only if
        nothing but sums reads it, since another reader may need its codes.
    """
    group_of = {name: group for group in groups for name in group}
    raised = dict(params)

    def raise_to(name: str, least: float) -> None:
        group = group_of.get(name, (name,))
        if raised[name].scale < least and not any(one in fixed for one in group):
            found = replace(raised[name], scales=(float(np.float32(least)),))
            raised.update(dict.fromkeys(group, found))

    for op in graph.ops:
        if op.kind in RATED:
            raise_to(op.output, _largest(op, raised) / LARGEST_RATIO)
    for op in reversed(graph.ops):
        for name in op.inputs if op.kind in SUMS else ():
            group = group_of.get(name, (name,))
            readers = [reader for one in group for reader in graph.consumers(one)]
            inside = [reader for reader in readers if reader.output in group]
            if all(reader.kind in SUMS or reader in inside for reader in readers):
                raise_to(name, raised[op.output].scale * LEAST_RATIO)
    return raised


def _largest(op: Op, params: Mapping[str, QuantParams]) -> float:
    """Return the largest value that is divided by the result's scale."""
    scales = [params[name].scale for name in op.inputs]
    return prod(scales) if op.kind is Kind.MUL else max(scales)
