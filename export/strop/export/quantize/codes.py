"""Converts real values to codes and back."""

from __future__ import annotations

import numpy as np

from strop.export.ir.float_library import Floats, tf
from strop.export.ir.graph import CODE_MAX, CODE_MIN, Array, QuantParams
from strop.export.quantize.quantize import along


def codes_of_reals(real: Floats, quant: QuantParams) -> Floats:
    """Quantize values per tensor to int8 codes, as float32.

    Ties go to even, as both emitted formats round; values outside the range saturate.
    """
    codes = tf.round(real / quant.scale) + float(quant.zero_point)
    return tf.clip_by_value(codes, CODE_MIN, CODE_MAX)


def reals_of_codes(codes: Array | Floats, quant: QuantParams) -> Floats:
    """Dequantize codes, per tensor or per channel, to float32."""
    scales = np.array(quant.scales, np.float32)
    if quant.axis is not None:
        scales = along(scales, quant.axis, codes.ndim)
    return (tf.cast(codes, tf.float32) - float(quant.zero_point)) * scales


def rounded(real: Floats, quant: QuantParams) -> Floats:
    """Quantize and dequantize values, float32."""
    return reals_of_codes(codes_of_reals(real, quant), quant)
