"""Run a float graph up to each operation in turn, and from there to the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from strop.export.ir.execute import (
    ACTIVATIONS,
    compute_unfused,
    count_readers,
    finished,
    operands_of,
)
from strop.export.ir.float_library import Floats, tf
from strop.export.ir.graph import Graph

Values = dict[str, Floats]

# Operations that are compiled together. The rest of a network takes half the time compiled;
# up to one piece's end it is run one by one, so that any operation may be the first.
PIECE = 6


def replay(graph: Graph, image: Floats) -> Iterator[tuple[int, Values]]:
    """After each operation: its index, and every value that is still to be read.

    Args:
        graph: Float.
        image: float32 [N, H, W, C], what the graph's input stands for.
    """
    values: Values = {graph.input: image}
    readers_left = count_readers(graph)
    for index, op in enumerate(graph.ops):
        inputs = dict(values)
        values[op.output] = result_of(graph, index, values)
        for name in finished(op, readers_left):
            values.pop(name, None)
        yield index, {**inputs, **values}


def result_of(graph: Graph, index: int, values: Values) -> Floats:
    """What operation `index` makes of the values, its fused activation included."""
    op = graph.ops[index]
    return ACTIVATIONS[op.fused](compute_unfused(op, operands_of(op, graph, values), graph))


class Rest:
    """The rest of a float graph, to be run many times from any of its operations."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._starts = range(0, len(graph.ops), PIECE)
        self._read = [_read_from(graph, start) for start in self._starts]
        self._pieces = [self._compiled(start) for start in self._starts]

    def scores_from(self, start: int, values: Values) -> Floats:
        """The scores, from the values that are known before operation `start`."""
        known = dict(values)
        first = -(-start // PIECE)
        for index in range(start, min(first * PIECE, len(self._graph.ops))):
            known[self._graph.ops[index].output] = result_of(self._graph, index, known)
        for read, piece in zip(self._read[first:], self._pieces[first:], strict=True):
            known = piece({name: known[name] for name in read})
        return known[self._graph.output]

    def _compiled(self, start: int) -> Callable[[Values], Values]:
        after = start + PIECE
        wanted = _read_from(self._graph, after)

        def run(values: Values) -> Values:
            known = dict(values)
            for index in range(start, min(after, len(self._graph.ops))):
                known[self._graph.ops[index].output] = result_of(self._graph, index, known)
            return {name: known[name] for name in wanted}

        compiled: Callable[[Values], Values] = tf.function(run)
        return compiled


def _read_from(graph: Graph, start: int) -> list[str]:
    """The values from before operation `start` that it or a later one reads."""
    made = {op.output for op in graph.ops[start:]}
    read = {name for op in graph.ops[start:] for name in op.inputs if not graph.is_constant(name)}
    return sorted((read | {graph.output}) - made)
