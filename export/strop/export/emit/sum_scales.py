"""Finds scales by which a sum in floats rounds as XNNPACK's sum in integers.

XNNPACK multiplies the codes of both summands by integers of 21 bits; ONNX Runtime computes in
float32. Of the 65,536 pairs of codes some lie so near to a rounding tie that the two differ. Where
scales are given, as in files of others, those of the summands can still move in their last bits.

Source: XNNPACK, src/microparams-init.c, xnn_init_qs8_add_minmax_scalar_params, and
src/qs8-vadd/scalar.c.in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from strop.export.ir.graph import CODE_MAX, CODE_MIN, Array, QuantParams

MULTIPLIER_BITS = 21  # of the larger one
STEP = 2.0**-21  # relative, of a scale
MOST_STEPS = 3  # either way


def sum_scales(
    summands: Sequence[QuantParams], result: QuantParams, signs: Sequence[int]
) -> tuple[float, float]:
    """Move two scales by up to MOST_STEPS so that float32 keeps its distance from ties.

    Args:
        summands: What the codes of both mean.
        result: What those of the result mean.
        signs: 1, or -1 for what is subtracted.

    Returns:
        Scales by which as many pairs of codes as can be have XNNPACK's result; of these the ones
        that stay the farthest from ties.
    """
    codes = np.arange(CODE_MIN, CODE_MAX + 1, dtype=np.int64)
    first, second = (
        sign * (codes - each.zero_point) for sign, each in zip(signs, summands, strict=True)
    )
    wanted, is_inside = _by_xnnpack(first, second, summands, result)
    best, chosen = (-np.inf, -np.inf), (summands[0].scale, summands[1].scale)
    moves = range(-MOST_STEPS, MOST_STEPS + 1)
    for moved in sorted(product(moves, moves), key=lambda pair: sum(map(abs, pair))):
        scales = [
            np.float32(each.scale * (1 + move * STEP))
            for each, move in zip(summands, moved, strict=True)
        ]
        ratios = [float(scale) / result.scale for scale in scales]
        sums = (first[:, None] * ratios[0] + second[None, :] * ratios[1])[is_inside]
        found = np.rint(sums)
        margin = 0.5 - float(np.abs(sums - found).max(initial=0.0))
        score = (-float(np.count_nonzero(found != wanted)), margin)
        if score > best:
            best, chosen = score, (float(scales[0]), float(scales[1]))
    return chosen


def _by_xnnpack(
    first: Array, second: Array, summands: Sequence[QuantParams], result: QuantParams
) -> tuple[Array, Array]:
    """XNNPACK's sums less the zero point, of the pairs whose sum no code cuts off, and these."""
    ratios = np.array([each.scale for each in summands], np.float32) / np.float32(result.scale)
    shift = MULTIPLIER_BITS - int(np.frexp(ratios.max())[1])
    by = np.rint(np.ldexp(ratios.astype(np.float64), shift)).astype(np.int64)
    sums = first[:, None] * by[0] + second[None, :] * by[1]
    rounded = (sums + (1 << (shift - 1))) >> shift
    with_zero = rounded + result.zero_point
    is_inside: Array = (with_zero >= CODE_MIN) & (with_zero <= CODE_MAX)
    return rounded[is_inside], is_inside
