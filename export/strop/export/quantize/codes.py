"""Converts real values to codes and back."""

from __future__ import annotations

import numpy as np

from strop.export.ir.graph import CODE_MAX, CODE_MIN, Array, QuantParams
from strop.export.quantize.quantize import along


def codes_of_reals(real: Array, quant: QuantParams) -> Array:
    """Quantize values per tensor to int8 codes, as float32.

    Ties go to even, as both emitted formats round; values outside the range saturate.
    """
    codes = real / np.float32(quant.scale)
    np.rint(codes, out=codes)
    codes += np.float32(quant.zero_point)
    return np.clip(codes, CODE_MIN, CODE_MAX, out=codes)


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
    """Quantize and dequantize values, float32."""
    return reals_of_codes(codes_of_reals(real, quant), quant)
