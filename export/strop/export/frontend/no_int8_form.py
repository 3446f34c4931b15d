"""The reason for which an operation of a model cannot be written in int8."""

from __future__ import annotations

from strop.runtime.errors import QuantizationError


class NoInt8FormError(QuantizationError):
    """An operation has no int8 form here; it can stay in float.

    Args:
        layer: Name of its result.
        found: What it is.
        needs: What would have an int8 form.
    """

    def __init__(self, layer: str, found: str, needs: str) -> None:
        super().__init__(f"{layer}: {found}; {needs}")
        self.layer = layer
        self.found = found
        self.needs = needs


NORMALIZE = "BatchNormalization in its place"
BEND = "ReLU, sigmoid, tanh or ELU in its place"
NEEDS = {
    **dict.fromkeys(("RSQRT", "SQRT", "SQUARED_DIFFERENCE", "L2_NORMALIZATION"), NORMALIZE),
    **dict.fromkeys(("EXP", "LOG", "POW", "SIN", "COS"), BEND),
    "GELU": "swish, hard-swish or ReLU in its place",
    "BATCH_MATMUL": "int8 has products with constant weights",
    "MIRROR_PAD": "ZeroPadding2D in its place",
}


def no_int8_kernel(layer: str, kind: str) -> NoInt8FormError:
    """Say why an operation that strop reads in no form has no int8 form.

    Args:
        layer: Name of its result.
        kind: TFLite's name of it.
    """
    needs = NEEDS.get(kind, "another layer in its place")
    return NoInt8FormError(layer, f"{kind} has no int8 form that both engines compute alike", needs)
