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
