"""An activation of an .onnx, and the order of dimensions in which the .tflite keeps it.

A picture is NCHW in the .onnx and NHWC in the .tflite. Instead of transposing at each operation,
every activation carries the order of its stored dimensions: a Transpose of the .onnx only renames
dimensions, and one is written where an operation needs another order than the one that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

Shape = tuple[int, ...]
Order = tuple[int, ...]
NHWC: Order = (0, 2, 3, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flattened:
    """How a picture that was made one row lies in it.

    Attributes:
        shape: The dimensions that became one, in the order of the .onnx.
        order: In which order they are stored.
    """

    shape: Shape
    order: Order


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """An activation.

    Attributes:
        shape: In the .onnx, batch 1.
        order: The stored tensor's dimension k is dimension order[k] of the .onnx.
        tensor: Its place in the .tflite.
        is_positive: Whether no value is below 0.
        flattened: Of [1, N] whose N values are stored in another order; None for their own.
    """

    shape: Shape
    order: Order
    tensor: int
    is_positive: bool = False
    flattened: Flattened | None = None

    @property
    def stored(self) -> Shape:
        """The stored tensor's shape."""
        return in_order(self.shape, self.order)

    def along(self, axis: int) -> int:
        """Where dimension `axis` of the .onnx, which may be negative, is stored."""
        return self.order.index(axis % len(self.shape))


def in_order(shape: Sequence[int], order: Order) -> Shape:
    """Sides in another order."""
    return tuple(shape[dimension] for dimension in order)


def own_order(shape: Shape) -> Order:
    """The order of the .onnx itself."""
    return tuple(range(len(shape)))


def moving(order: Order, shape: Shape) -> Order:
    """Those dimensions whose order matters: the ones with more than one place."""
    return tuple(dimension for dimension in order if shape[dimension] != 1)


def completed(wanted: Order, shape: Shape) -> Order:
    """All dimensions in an order that has `wanted` in it, NHWC if it can be."""
    candidates = [own_order(shape)]
    if len(shape) == len(NHWC):
        candidates.insert(0, NHWC)
    for candidate in candidates:
        if moving(candidate, shape) == wanted:
            return candidate
    return (*(axis for axis in own_order(shape) if shape[axis] == 1), *wanted)


def without(order: Order, axes: Sequence[int]) -> Order:
    """The order of what is left when dimensions are taken out."""
    kept = sorted(set(order) - set(axes))
    return tuple(kept.index(axis) for axis in order if axis in kept)


def reshape_orders(value: Value, shape: Shape) -> tuple[Order, Order]:
    """Orders for a reshape that keeps as much of the stored order as it can.

    Args:
        value: What is reshaped.
        shape: What it becomes, in the .onnx.

    Returns:
        The order in which the moving dimensions have to be stored before it, and the one in which
        the result's are stored then.
    """
    stored = moving(value.order, value.shape)
    blocks = _blocks(value.shape, shape)
    blocks.sort(key=lambda block: min(stored.index(axis) for axis in block[0]))
    before = tuple(axis for block in blocks for axis in block[0])
    after = tuple(axis for block in blocks for axis in block[1])
    return before, after


def _blocks(before: Shape, after: Shape) -> list[tuple[Order, Order]]:
    """Pair runs of dimensions that hold the same values before and after a reshape."""
    old = [axis for axis in own_order(before) if before[axis] != 1]
    new = [axis for axis in own_order(after) if after[axis] != 1]
    blocks = []
    while old:
        taken, given = [old.pop(0)], [new.pop(0)]
        while True:
            left = prod(before[axis] for axis in taken)
            right = prod(after[axis] for axis in given)
            if left == right:
                break
            if left < right:
                taken.append(old.pop(0))
            else:
                given.append(new.pop(0))
        blocks.append((tuple(taken), tuple(given)))
    return blocks
