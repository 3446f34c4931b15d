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

from strop.export.ir.graph import Array

# Added to the diagonal, as a share of its mean, so that inputs that are always 0 or always
# alike leave the system solvable. Source: GPTQ, section 3.3, "1 % of the average diagonal".
DAMPING = 0.01


def round_weights(weights: Array, scales: Array, moments: Array, *, largest: int) -> Array:
    """Codes whose errors cancel on inputs with these second moments.

    Args:
        weights: float [rows, inputs], one row an output channel.
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
    for index in range(weights.shape[1]):
        column = left[:, index]
        chosen = np.rint(column / steps).clip(-largest, largest)
        codes[:, index] = chosen
        error = (column - chosen * steps) / upper[..., index, index]
        left[:, index + 1 :] -= error[:, None] * upper[..., index, index + 1 :]
    return codes


def _inverse_factor(moments: Array) -> Array:
    """U with U^T U = moments^-1, upper triangular; damped."""
    size = moments.shape[-1]
    diagonal = np.trace(moments, axis1=-2, axis2=-1) / size
    # An input that was never other than 0 leaves nothing to balance.
    damping = np.maximum(DAMPING * diagonal, np.finfo(np.float32).tiny)
    damped = moments + np.asarray(damping)[..., None, None] * np.eye(size)
    lower = np.linalg.cholesky(np.linalg.inv(damped))
    factor: Array = np.swapaxes(lower, -1, -2)
    return factor
