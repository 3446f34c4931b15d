"""What a convolution multiplies: its weights as rows, its input as patches."""

from __future__ import annotations

import numpy as np

from strop.export.ir.graph import Array, Kind, Op

PATCH_SEED = 0  # the same patches every time, so that the same model gives the same bytes


def rows_of(op: Op, weights: Array) -> Array:
    """Weights as [output channels, inputs of one output]."""
    if op.kind is Kind.DEPTHWISE:
        return weights.reshape(-1, weights.shape[3]).T
    return weights.reshape(weights.shape[0], -1)


def from_rows(op: Op, rows: Array, shape: tuple[int, ...]) -> Array:
    """The inverse of `rows_of`."""
    return np.ascontiguousarray(rows.T if op.kind is Kind.DEPTHWISE else rows).reshape(shape)


def second_moments(op: Op, weights: Array, image: Array, *, most: int) -> Array:
    """Sum of x x^T over patches of an input, in the order of `rows_of`.

    Args:
        op: The convolution.
        weights: Its weights.
        image: float32 [N, H, W, C], its input.
        most: How many patches to use at most; drawn at random, the same every time.

    Returns:
        float64 [inputs, inputs]; of a convolution in groups [groups, inputs, inputs], for
        DEPTHWISE [output channels, inputs, inputs].
    """
    patches = _patches(op, weights, image, most)
    if op.kind is not Kind.DEPTHWISE:
        groups = image.shape[3] // weights.shape[3]
        flat = [part.reshape(len(patches), -1) for part in np.split(patches, groups, axis=2)]
        moments = np.stack([(part.T @ part).astype(np.float64) for part in flat])
        return moments if groups > 1 else moments[0]
    # [n, taps, channels] -> one small matrix a channel, repeated for its multiples.
    taps = np.ascontiguousarray(patches.transpose(2, 1, 0), np.float64)
    moments = taps @ taps.transpose(0, 2, 1)
    return np.repeat(moments, weights.shape[3] // len(moments), axis=0)


def _patches(op: Op, weights: Array, image: Array, most: int) -> Array:
    """float32 [n, taps, C], n <= most."""
    taps = weights.shape[1:3]
    padded = np.pad(image, ((0, 0), *op.pads, (0, 0)))
    reach = [(size - 1) * rate for size, rate in zip(taps, op.dilation, strict=True)]
    placed = tuple(
        (length - last - 1) // step + 1
        for length, last, step in zip(padded.shape[1:3], reach, op.stride, strict=True)
    )
    found = np.arange(len(padded) * placed[0] * placed[1])
    if len(found) > most:
        found = np.random.default_rng(PATCH_SEED).choice(len(found), most, replace=False)
    images, top, left = np.unravel_index(found, (len(padded), *placed))
    rows = top[:, None] * op.stride[0] + np.arange(taps[0]) * op.dilation[0]
    columns = left[:, None] * op.stride[1] + np.arange(taps[1]) * op.dilation[1]
    patches: Array = padded[images[:, None, None], rows[:, :, None], columns[:, None, :]]
    return patches.reshape(len(found), taps[0] * taps[1], padded.shape[3])
