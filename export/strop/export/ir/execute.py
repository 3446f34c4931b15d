"""Run a deploy graph in float, any batch, watching its activations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from strop.export.ir.channel_shuffle import shuffle_order
from strop.export.ir.graph import RELU6_LIMIT, Array, Fused, Graph, Kind, Op
from strop.export.ir.layer_sessions import opened_island, run_layer
from strop.export.ir.processor_kernels import is_single_row, single_row

Shape = tuple[int, ...]
Observer = Callable[[str, Array], Array]
"""Called with an activation's name and values [N, ...]; what it returns is used instead."""

BATCH_SIZE = 25  # most images that are executed at once
# As many as these have activations of at most 20 MB each, which malloc does not give back to the
# system after each operation: 25 images of 224 x 224 take twice as long as in batches of 4.
PIXELS_AT_ONCE = 4 * 224 * 224
ACTIVATIONS: dict[Fused, Callable[[Array], Array]] = {
    Fused.NONE: lambda x: x,
    Fused.RELU: lambda x: np.maximum(x, 0),
    Fused.RELU6: lambda x: np.clip(x, 0, RELU6_LIMIT),
}
ELEMENTWISE: dict[Kind, Callable[[Array, Array], Array]] = {
    Kind.ADD: np.add,
    Kind.SUB: np.subtract,
    Kind.MUL: np.multiply,
}


def batch_size(height: int, width: int) -> int:
    """Return how many images of this size are best executed at once."""
    return min(max(PIXELS_AT_ONCE // (height * width), 1), BATCH_SIZE)


def unobserved(name: str, values: Array) -> Array:
    """The observer that watches nothing."""
    del name
    return values


def execute(
    graph: Graph,
    images: Array,
    observer: Observer = unobserved,
    unfused_observer: Callable[[Op, Array], None] = lambda op, values: None,
) -> Array:
    """Run `graph` on a batch, operation by operation.

    An activation is freed as soon as nothing reads it any more.

    Args:
        graph: A float deploy graph.
        images: float32 [N, H, W, C], what the graph's input stands for.
        observer: Sees, and may replace, the input and every operation's result.
        unfused_observer: Sees every operation's result before its fused activation.

    Returns:
        float32 [N, ...], the graph's output.
    """
    readers_left = count_readers(graph)
    values = {graph.input: observer(graph.input, images)}
    for op in graph.ops:
        unfused = compute_unfused(op, operands_of(op, graph, values), graph)
        unfused_observer(op, unfused)
        values[op.output] = observer(op.output, ACTIVATIONS[op.fused](unfused))
        for name in finished(op, readers_left):
            values.pop(name, None)
    return values[graph.output]


def operands_of(op: Op, graph: Graph, values: Mapping[str, Array]) -> list[Array]:
    """An operation's inputs: constants of the graph, and activations among `values`."""
    return [graph.data(name) if graph.is_constant(name) else values[name] for name in op.inputs]


def count_readers(graph: Graph) -> Counter[str]:
    """How often each tensor is still to be read before the first operation runs."""
    readers_left = Counter(name for op in graph.ops for name in op.inputs)
    readers_left[graph.output] += 1
    return readers_left


def finished(op: Op, readers_left: Counter[str]) -> Iterator[str]:
    """Count an operation's reads off, and give the tensors that nothing reads any more."""
    for name in op.inputs:
        readers_left[name] -= 1
        if readers_left[name] == 0:
            yield name


def compute_unfused(op: Op, operands: list[Array], graph: Graph) -> Array:
    """Compute one operation on its operands, [N, ...] each, without its fused activation."""
    if op.kind in ELEMENTWISE:
        return ELEMENTWISE[op.kind](*operands)
    if op.kind in MOVING:
        return MOVING[op.kind](op, operands, graph.tensors[op.output].shape)
    if op.kind is Kind.FLOAT:
        return opened_island(op.floats().model).run(operands)[op.result]
    if is_single_row(op, operands, graph.tensors[op.output].shape):
        return single_row(op, operands)
    return run_layer(op, operands, graph)


def _pad(op: Op, operands: list[Array], shape: Shape) -> Array:
    del shape
    return np.pad(operands[0], ((0, 0), *op.pads, (0, 0)))


def _unchanged(op: Op, operands: list[Array], shape: Shape) -> Array:
    del op, shape
    return operands[0]


def _reshape(op: Op, operands: list[Array], shape: Shape) -> Array:
    del op
    return operands[0].reshape(-1, *shape[1:])


def _concatenate(op: Op, operands: list[Array], shape: Shape) -> Array:
    del shape
    return np.concatenate(operands, op.axis)


def _slice(op: Op, operands: list[Array], shape: Shape) -> Array:
    return operands[0][..., op.begin : op.begin + shape[-1]]


def _crop(op: Op, operands: list[Array], shape: Shape) -> Array:
    places = (
        slice(first, first + side) for first, side in zip(op.corner[1:], shape[1:], strict=True)
    )
    return operands[0][(slice(None), *places)]


def _shuffle(op: Op, operands: list[Array], shape: Shape) -> Array:
    return operands[0][..., shuffle_order(shape[-1], op.groups)]


def _transpose(op: Op, operands: list[Array], shape: Shape) -> Array:
    del shape
    return operands[0].transpose(op.order)


def _outputs(op: Op, operands: list[Array], shape: Shape) -> Array:
    del op, shape
    return np.concatenate([values.reshape(len(values), -1) for values in operands], 1)


MOVING: dict[Kind, Callable[[Op, list[Array], Shape], Array]] = {
    Kind.PAD: _pad,
    Kind.RESHAPE: _reshape,
    Kind.CONCATENATION: _concatenate,
    Kind.SLICE: _slice,
    Kind.CROP: _crop,
    Kind.SHUFFLE: _shuffle,
    Kind.TRANSPOSE: _transpose,
    Kind.OUTPUTS: _outputs,
    Kind.QUANTIZE: _unchanged,
}
"""What copies numbers, by the operation, its operands and the shape of one image's result."""
