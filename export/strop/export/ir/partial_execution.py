"""Run a float graph up to each operation in turn, and from there to the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from strop.export.ir.execute import (
    ACTIVATIONS,
    compute_unfused,
    count_readers,
    finished,
    operands_of,
)
from strop.export.ir.float_tflite import float_tflite
from strop.export.ir.graph import Array, Graph, Op
from strop.export.ir.litert_session import LitertSession

Values = dict[str, Array]

# Operations in one session. All in one would be a little faster, and be written anew, with all
# weights, for each operation that is the first.
PIECE = 8


def replay(graph: Graph, image: Array) -> Iterator[tuple[int, Values]]:
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


def result_of(graph: Graph, index: int, values: Values) -> Array:
    """What operation `index` makes of the values, its fused activation included."""
    op = graph.ops[index]
    return ACTIVATIONS[op.fused](compute_unfused(op, operands_of(op, graph, values), graph))


class Rest:
    """The rest of a float graph, to be run many times from any of its operations."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        count, vectors = len(graph.ops), _first_of_vectors(graph)
        # Vectors are computed as `result_of` does, the same on every processor.
        self._vectors = vectors
        self._ends = [*range(PIECE, vectors, PIECE), *range(vectors, count), count]
        # All pieces, and what is left of the one that the first operation is in.
        self._opened = lru_cache(maxsize=len(self._ends) + 1)(self._open)

    def scores_from(self, start: int, values: Values) -> Array:
        """Compute the scores from the values that are known before operation `start`.

        Memory holds what is still to be read.
        """
        known = dict(values)
        for place in (start, *(end for end in self._ends if start < end < len(self._graph.ops))):
            piece = self._opened(place)
            known |= piece.run(known)
            for name in known.keys() - piece.read_later:
                del known[name]
        return known[self._graph.output]

    def _open(self, start: int) -> _Piece:
        """Make the session of one piece, or of what is left of it from `start` on."""
        if self._vectors <= start < len(self._graph.ops):
            return self._of_vector(start)
        end = next((end for end in self._ends if end > start), start)
        ops, later = self._graph.ops[start:end], self._graph.ops[end:]
        made = {op.output for op in ops}
        read = sorted(_read_by(self._graph, ops) - made)
        read_later = _read_by(self._graph, later) | {self._graph.output}
        wanted = sorted(made & read_later)
        if not wanted:
            return _Piece(run=lambda known: {}, read_later=read_later)
        session = LitertSession(float_tflite(self._graph, ops, read, wanted))

        def run(known: Values) -> Values:
            found = session.run([known[name] for name in read])
            return dict(zip(wanted, found, strict=True))

        return _Piece(run=run, read_later=read_later)

    def _of_vector(self, index: int) -> _Piece:
        graph = self._graph
        output, later = graph.ops[index].output, graph.ops[index + 1 :]
        return _Piece(
            run=lambda known: {output: result_of(graph, index, known)},
            read_later=_read_by(graph, later) | {graph.output},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """Some operations of a graph, and which values are read behind them."""

    run: Callable[[Values], Values]
    read_later: set[str]


def _first_of_vectors(graph: Graph) -> int:
    """Find the first of the last operations that all make vectors, of one pixel each."""
    made = [graph.tensors[op.output].shape for op in graph.ops]
    pictures = [at for at, shape in enumerate(made) if len(shape) > 2 and shape[1:3] != (1, 1)]
    return max(pictures, default=-1) + 1


def _read_by(graph: Graph, ops: Sequence[Op]) -> set[str]:
    return {name for op in ops for name in op.inputs if not graph.is_constant(name)}
