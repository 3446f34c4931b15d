"""Run a float graph up to each operation in turn, and from there to the scores."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from strop.export.execute import (
    ACTIVATIONS,
    compute_unfused,
    count_readers,
    finished,
    operands_of,
)
from strop.export.graph import Graph

Values = dict[str, tf.Tensor]


def replay(graph: Graph, image: tf.Tensor) -> Iterator[tuple[int, Values]]:
    """After each operation: its index, and every value that is still to be read.

    Args:
        graph: Float.
        image: float32 [N, H, W, C], what the graph's input stands for.
    """
    values: Values = {graph.input: image}
    readers_left = count_readers(graph)
    for index, op in enumerate(graph.ops):
        inputs = dict(values)
        values[op.output] = _result(graph, index, values)
        for name in finished(op, readers_left):
            values.pop(name, None)
        yield index, {**inputs, **values}


def scores_from(graph: Graph, start: int, values: Values) -> tf.Tensor:
    """The scores, from the values that are known before operation `start`."""
    known = dict(values)
    for index in range(start, len(graph.ops)):
        known[graph.ops[index].output] = _result(graph, index, known)
    return known[graph.output]


def _result(graph: Graph, index: int, values: Values) -> tf.Tensor:
    op = graph.ops[index]
    return ACTIVATIONS[op.fused](compute_unfused(op, operands_of(op, graph, values), graph))
