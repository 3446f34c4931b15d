"""Tells which enlargements both engines compute from codes without an error.

XNNPACK weighs the four pixels around a place by multiples of 1/2048 and rounds halves up; ONNX
Runtime computes in float32. Both are exact where the places lie at multiples of a power of two
between the pixels; then only ties are left, which `emit/onnx_averages.py` rounds up too.

Sources: XNNPACK, src/indirection.c, xnn_indirection_init_resize_bilinear2d_hwc_q11, and
src/qs8-ibilinear/scalar.c.in; ONNX Runtime, onnxruntime/core/providers/cpu/tensor/upsample.cc,
UpsampleBilinear.
"""

from __future__ import annotations

from enum import Enum
from fractions import Fraction

# Of the weights of a row and a column together: 8 bits of a code and 12 are exact in float32, and
# leave room to tell a tie from what lies beside it.
MOST_BITS = 12


class Coordinates(str, Enum):
    """Where a pixel of a resized picture lies in the original; the values are ONNX's names.

    Source: https://onnx.ai/onnx/operators/onnx__Resize.html
    """

    HALF_PIXEL = "half_pixel"
    ALIGN_CORNERS = "align_corners"
    ASYMMETRIC = "asymmetric"


def is_exact(size: tuple[int, int], found: tuple[int, int], coordinates: Coordinates) -> bool:
    """Whether both engines compute a bilinear resize from codes exactly.

    Args:
        size: Rows and columns of the picture.
        found: Rows and columns of the result.
        coordinates: Where the result's pixels lie.
    """
    bits = [_fraction_bits(old, new, coordinates) for old, new in zip(size, found, strict=True)]
    return None not in bits and sum(each or 0 for each in bits) <= MOST_BITS


def _fraction_bits(old: int, new: int, coordinates: Coordinates) -> int | None:
    """Bits behind the point of a place between two pixels; None where they do not end."""
    if old == 1 or old == new:
        return 0
    if coordinates is Coordinates.ALIGN_CORNERS:
        if new == 1:
            return 0
        step = Fraction(old - 1, new - 1)
        return _bits(step.denominator)
    # ONNX Runtime divides by the ratio itself, which must be exact.
    ratio = Fraction(new, old)
    up, down = _bits(ratio.numerator), _bits(ratio.denominator)
    if up is None or down is None:
        return None
    return up + (coordinates is Coordinates.HALF_PIXEL)


def _bits(number: int) -> int | None:
    return number.bit_length() - 1 if number.bit_count() == 1 else None
