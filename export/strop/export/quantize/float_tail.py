"""Finds ends of a network behind one activation that carries all that follows.

What is in front keeps its integers, so that both files have the same codes up to there, and real
scores behind. The noise of the last layers weighs most for what they take: they see few pixels.
"""

from __future__ import annotations

from math import prod

from strop.export.ir.execute import count_readers, finished
from strop.export.ir.graph import LINEAR, Graph, Kind, Op
from strop.export.passes.scale_sharing import SHARING
from strop.export.quantize.quantize import ALWAYS_FLOAT

# Of all multiply-adds: what the largest tails may have. Whole layers, so the ends differ.
SHARES = (1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8)


def float_tails(graph: Graph) -> list[tuple[str, ...]]:
    """Find the longest tail within each share of the multiply-adds, the shortest first.

    Returns:
        Results of the last operations, in their order.
    """
    work = [_multiply_adds(graph, op) for op in graph.ops]
    total = sum(work)
    found: dict[int, None] = {}
    starts = _starts(graph)
    for share in SHARES:
        fitting = [start for start in starts if 0 < sum(work[start:]) <= share * total]
        if fitting:
            found[min(fitting)] = None
    return [tuple(op.output for op in graph.ops[start:]) for start in found]


def _starts(graph: Graph) -> list[int]:
    """Find the operations in front of which one activation is all that is still to be read.

    Behind them nothing only moves codes, which the .onnx has no form in float for, and the
    activation is no larger than its neighbours: quantizers are for each value.
    """
    readers_left = count_readers(graph)
    alive = {graph.input}
    starts: list[int] = []
    for index, op in enumerate(graph.ops):
        if not _has_float_form(op):
            starts = []
        elif alive == {op.inputs[0]} and index and _is_narrow(graph, index):
            starts.append(index)
        alive = (alive | {op.output}) - set(finished(op, readers_left))
    return starts


def _has_float_form(op: Op) -> bool:
    return op.kind is Kind.RESHAPE or (op.kind not in SHARING and op.kind not in ALWAYS_FLOAT)


def _is_narrow(graph: Graph, index: int) -> bool:
    """Whether an operation reads no more values than the one before it, and makes no fewer."""
    op, before = graph.ops[index], graph.ops[index - 1]
    size, earlier, later = (
        prod(graph.tensors[name].shape) for name in (op.inputs[0], before.inputs[0], op.output)
    )
    return size <= earlier and (size <= later or index == len(graph.ops) - 1)


def _multiply_adds(graph: Graph, op: Op) -> int:
    """Count those of a layer with weights; 0 of others."""
    if op.kind not in LINEAR:
        return 0
    pixels = prod(graph.tensors[op.output].shape[1:-1])
    return pixels * prod(graph.tensors[op.inputs[1]].shape)
