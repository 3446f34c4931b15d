"""Estimates the energy of a network's arithmetic from a table.

It is an estimate of the multiplications and additions alone, and, apart from that, of
reading each weight once. It is not a measurement, and not what a board takes from its
supply: instructions, activations, caches and idle silicon are not in it. Networks can be
ordered by it; it does not say how many joules a battery gives.

Source: M. Horowitz, "1.1 Computing's energy problem (and what we can do about it)",
ISSCC 2014, fig. 1.1.9: 45 nm, 0.9 V.
"""

from __future__ import annotations

from dataclasses import dataclass

from strop.export.options.choices import Precision
from strop.export.sweep.record import Counts

# Picojoules. Products of int8 are added up in int32, by every kernel that strop writes for.
MULTIPLY_INT8_PJ, ADD_INT32_PJ = 0.2, 0.1
MULTIPLY_FLOAT32_PJ, ADD_FLOAT32_PJ = 3.7, 0.9
SRAM_PJ_PER_BYTE = 100 / 8  # 64 bits from a cache of 1 MB
DRAM_PJ_PER_BYTE = 1300 / 8  # 64 bits, the lower end of 1.3 to 2.6 nJ
CACHE_BYTES = 1 << 20
PJ_PER_UJ = 1_000_000
INT8_ARITHMETIC = (Precision.INT8, Precision.DYNAMIC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Energy:
    """The energy of one image, estimated.

    Attributes:
        arithmetic_uj: Of all multiply-adds, microjoules.
        weights_uj: Of reading every weight once, from a cache of 1 MB where they fit, else
            from DRAM.
    """

    arithmetic_uj: float
    weights_uj: float


def energy(counts: Counts, precision: Precision) -> Energy:
    """Estimate the energy of a network in a precision; float16 computes in float32."""
    pj = (
        MULTIPLY_INT8_PJ + ADD_INT32_PJ
        if precision in INT8_ARITHMETIC
        else MULTIPLY_FLOAT32_PJ + ADD_FLOAT32_PJ
    )
    is_cached = counts.weight_bytes <= CACHE_BYTES
    per_byte = SRAM_PJ_PER_BYTE if is_cached else DRAM_PJ_PER_BYTE
    return Energy(
        arithmetic_uj=counts.multiply_adds * pj / PJ_PER_UJ,
        weights_uj=counts.weight_bytes * per_byte / PJ_PER_UJ,
    )
