"""Round weights so that their errors cancel on the layer's own inputs.

Rounding each weight to its nearest code minimizes the error of the weights. What counts
is the error of the layer's result, in which the errors of correlated inputs add up or
cancel: going through the inputs one by one, what rounding one weight did is made good by
the weights that are still to be rounded.

Source: E. Frantar and D. Alistarh, Optimal Brain Compression, NeurIPS 2022, section 4;
E. Frantar et al., GPTQ, ICLR 2023, algorithm 1 (the Cholesky form used here).
"""

from __future__ import annotations

import numpy as np

from strop.export.ir.graph import Array, Kind, Op

# Added to the diagonal, as a share of its mean, so that inputs that are always 0 or always
# alike leave the system solvable. Source: GPTQ, section 3.3, "1 % of the average diagonal".
DAMPING = 0.01
# Inputs that are gone through before what they ask of all others is subtracted. Source: GPTQ,
# section 3.3, "lazy batch-updates".
BLOCK = 128
# Products of two whole numbers of at most 255 that float32 adds up exactly, in any order.
EXACT = 2**24 // 255**2
PATCH_SEED = 0  # the same patches every time, so that the same model gives the same bytes


def round_weights(weights: Array, scales: Array, moments: Array, *, largest: int) -> Array:
    """Choose codes whose errors cancel on inputs with these second moments.

    Args:
        weights: float [rows, inputs], one row per output channel.
        scales: float [rows], one code step of each row.
        moments: Mean of x x^T over the layer's inputs: float [inputs, inputs], or
            [groups, inputs, inputs] where every group of rows has inputs of its own.
        largest: Codes are limited to -largest..largest.

    Returns:
        int8 [rows, inputs].
    """
    if moments.ndim == 3 and len(moments) < len(weights):
        groups = len(moments)
        parts = zip(np.split(weights, groups), np.split(scales, groups), moments, strict=True)
        return np.concatenate([round_weights(*part, largest=largest) for part in parts])
    left = weights.astype(np.float64).copy()
    steps = scales.astype(np.float64)
    # Rows and columns of the upper factor of the inverse: what an error at input i asks of
    # the inputs after it.
    upper = _inverse_factor(moments.astype(np.float64))
    codes = np.empty(weights.shape, np.int8)
    for start in range(0, weights.shape[1], BLOCK):
        end = min(start + BLOCK, weights.shape[1])
        errors = np.empty((len(weights), 1, end - start))
        for index in range(start, end):
            column = left[:, index]
            chosen = np.rint(column / steps).clip(-largest, largest)
            codes[:, index] = chosen
            error = (column - chosen * steps) / upper[..., index, index]
            left[:, index + 1 : end] -= error[:, None] * upper[..., index, index + 1 : end]
            errors[:, 0, index - start] = error
        left[:, end:] -= _all_at_once(errors, upper[..., start:end, end:])
    return codes


def _all_at_once(errors: Array, upper: Array) -> Array:
    """Return what a block's errors ask of the inputs after it: float64 [rows, inputs]."""
    asked: Array = (errors @ upper if upper.ndim == 3 else errors[:, 0] @ upper).reshape(
        len(errors), -1
    )
    return asked


def _inverse_factor(moments: Array) -> Array:
    """Return U with U^T U = moments^-1, upper triangular; damped."""
    size = moments.shape[-1]
    diagonal = np.trace(moments, axis1=-2, axis2=-1) / size
    # An input that was never other than 0 leaves nothing to balance.
    damping = np.maximum(DAMPING * diagonal, np.finfo(np.float32).tiny)
    damped = moments + np.asarray(damping)[..., None, None] * np.eye(size)
    # With the order of the inputs reversed, the lower factor becomes an upper one: damped is
    # R R^T, so that R^-1 is U.
    reversed_lower = np.linalg.cholesky(damped[..., ::-1, ::-1])
    return _inverse_of_upper(reversed_lower[..., ::-1, ::-1])


def _inverse_of_upper(upper: Array) -> Array:
    """Invert triangular matrices [..., n, n], by halves: LU would take eight times as long."""
    size = upper.shape[-1]
    if size <= BLOCK:
        inverse: Array = np.linalg.inv(upper)
        return inverse
    half = size // 2
    first = _inverse_of_upper(upper[..., :half, :half])
    last = _inverse_of_upper(upper[..., half:, half:])
    found = np.zeros_like(upper)
    found[..., :half, :half] = first
    found[..., half:, half:] = last
    found[..., :half, half:] = -first @ (upper[..., :half, half:] @ last)
    return found


def rows_of(op: Op, weights: Array) -> Array:
    """Reshape weights to [output channels, inputs of one output]."""
    if op.kind is Kind.DEPTHWISE:
        return weights.reshape(-1, weights.shape[3]).T
    return weights.reshape(weights.shape[0], -1)


def from_rows(op: Op, rows: Array, shape: tuple[int, ...]) -> Array:
    """Invert `rows_of`."""
    return np.ascontiguousarray(rows.T if op.kind is Kind.DEPTHWISE else rows).reshape(shape)


def second_moments(op: Op, weights: Array, patches: Array) -> Array:
    """Sum of x x^T over patches of an input, in the order of `rows_of`.

    Of whole numbers, -255..255, it is exact: libraries for matrices add up in orders of their own
    on each processor, and last digits decide about codes.

    Args:
        op: The convolution.
        weights: Its weights.
        patches: float32, as `patches_of` draws them.

    Returns:
        float64 [inputs, inputs]; of a convolution in groups [groups, inputs, inputs], for
        DEPTHWISE [output channels, inputs, inputs].
    """
    parts = (patches[at : at + EXACT] for at in range(0, len(patches), EXACT))
    found = sum(_moments(op, weights, part).astype(np.float64) for part in parts)
    return np.asarray(found)


def _moments(op: Op, weights: Array, patches: Array) -> Array:
    if op.kind is not Kind.DEPTHWISE:
        groups = patches.shape[2] // weights.shape[3]
        flat = [part.reshape(len(patches), -1) for part in np.split(patches, groups, axis=2)]
        moments = np.stack([part.T @ part for part in flat])
        return moments if groups > 1 else moments[0]
    # [n, taps, channels] -> one small matrix per channel, repeated for its multiples. Transposing
    # for a product of matrices would take twice as long.
    moments = np.einsum("nic,njc->cij", patches, patches)
    return np.repeat(moments, weights.shape[3] // len(moments), axis=0)


def patches_of(op: Op, weights: Array, image: Array, *, most: int, outside: float = 0) -> Array:
    """Draw patches of an input.

    Args:
        op: The convolution.
        weights: Its weights.
        image: Its input, reals or codes [N, H, W, C].
        most: How many patches to use at most; drawn at random, the same every time.
        outside: What stands for 0 in `image`.

    Returns:
        [n, taps, C], n <= most.
    """
    taps = weights.shape[1:3]
    pads = ((0, 0), *op.pads, (0, 0))
    padded = np.pad(image, pads, constant_values=outside) if any(map(any, pads)) else image
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
