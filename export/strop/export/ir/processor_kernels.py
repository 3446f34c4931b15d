"""Where LiteRT's float kernels round otherwise on another processor, and what is done about it.

XNNPACK's kernels for x86 and for ARM add up a pixel's products in the same order, with fused
multiply-adds: most operations give the same bits on an AVX-512 processor and a Cortex-A72. Where a
matrix has a single row, as in a dense layer, those for ARM have several accumulators, and so have
those for depthwise windows of 10 to 25 taps; some functions are approximated in other ways. Last
digits decide about ranges and rounding, so that two processors chose other integers for one model.

Products of a single row are computed here, in 64 bits, which round to the same 32. What else
differs is named, for the manifest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strop.export.ir.graph import Array, Graph, Kind, Op

DIFFERENT = frozenset({Kind.LOGISTIC, Kind.BILINEAR, Kind.ELU})
# Islands have operations of any kind.
UNKNOWN = frozenset({Kind.FLOAT})
FEW_TAPS, MANY_TAPS = 9, 25  # of depthwise windows with several accumulators: more, and at most


def is_single_row(op: Op, operands: Sequence[Array], result: tuple[int, ...]) -> bool:
    """Whether an operation multiplies one vector of an image by a matrix.

    Args:
        op: Any.
        operands: Its inputs; the first is [N, ...].
        result: Shape of its result for one image.
    """
    if op.kind is Kind.DENSE:
        return len(operands[0].shape) == len(result) == 2
    if op.kind is not Kind.CONV or result[1:3] != (1, 1):
        return False
    image, weights, _ = operands
    return bool(image.shape[3] == weights.shape[3])  # not in groups


def single_row(op: Op, operands: Sequence[Array]) -> Array:
    """Compute such an operation: float32 [N, out], of a CONV [N, 1, 1, out]."""
    image, weights, bias = operands
    window = image if op.kind is Kind.DENSE else _window(op, image, weights)
    matrix = weights.reshape(len(weights), -1).astype(np.float64)
    found = window.reshape(len(image), matrix.shape[1]).astype(np.float64) @ matrix.T + bias
    shape = (len(image), *[1] * (image.ndim - 2), len(weights))
    return found.astype(np.float32).reshape(shape)


def _window(op: Op, image: Array, weights: Array) -> Array:
    """Take the only window of an image, [N, height, width, C]."""
    padded = np.pad(image, ((0, 0), *op.pads, (0, 0)))
    (rows, columns), (down, across) = weights.shape[1:3], op.dilation
    return padded[:, : rows * down : down, : columns * across : across]


def by_processor(graph: Graph) -> tuple[str, ...]:
    """Name the operations of a float graph whose results have other last digits elsewhere."""
    return tuple(op.output for op in graph.ops if _differs(graph, op))


def _differs(graph: Graph, op: Op) -> bool:
    if op.kind is Kind.DEPTHWISE:
        _, rows, columns, _ = graph.tensors[op.inputs[1]].shape
        return FEW_TAPS < rows * columns <= MANY_TAPS
    return op.kind in DIFFERENT | UNKNOWN
