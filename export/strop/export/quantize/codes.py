"""Converts real values to codes and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from strop.export.ir.graph import CODE_MAX, CODE_MIN, Array, QuantParams
from strop.export.quantize.quantize import along

BLOCK = 1 << 18  # values that are gone through at once: 1 MB, which stays in a core's cache


def codes_of_reals(real: Array, quant: QuantParams) -> Array:
    """Quantize values per tensor to int8 codes.

    Ties go to even, as both emitted formats round; values outside the range saturate.
    """
    return _in_blocks(lambda values: _codes(values, quant), real, np.int8)


def reals_of_codes(codes: Array, quant: QuantParams) -> Array:
    """Dequantize codes, per tensor or per channel, to float32."""
    scales = np.array(quant.scales, np.float32)
    if quant.axis is not None:
        scales = along(scales, quant.axis, codes.ndim)
    reals: Array = codes.astype(np.float32)
    reals -= np.float32(quant.zero_point)
    reals *= scales
    return reals


def rounded(real: Array, quant: QuantParams) -> Array:
    """Quantize and dequantize values per tensor, float32."""
    return _in_blocks(lambda values: reals_of_codes(_codes(values, quant), quant), real, np.float32)


def _codes(real: Array, quant: QuantParams) -> Array:
    """Return codes as float32."""
    codes = real / np.float32(quant.scale)
    np.rint(codes, out=codes)
    codes += np.float32(quant.zero_point)
    return np.clip(codes, CODE_MIN, CODE_MAX, out=codes)


def _in_blocks(function: Callable[[Array], Array], values: Array, dtype: DTypeLike) -> Array:
    """Apply to values one by one; all at once would go through memory for each step."""
    flat = values.reshape(-1)
    found = np.empty(flat.shape, dtype)
    for at in range(0, flat.size, BLOCK):
        found[at : at + BLOCK] = function(flat[at : at + BLOCK])
    return found.reshape(values.shape)
