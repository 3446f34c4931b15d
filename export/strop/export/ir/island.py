"""Operations that stay in float in an int8 file: an island between DEQUANTIZE and QUANTIZE."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatCause:
    """An operation that has no int8 form, for which an island is there.

    Attributes:
        layer: Name of its result.
        kind: TFLite's name of it.
        found: What it is that has no int8 form.
        needs: What would have one.
    """

    layer: str
    kind: str
    found: str
    needs: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Island:
    """Operations that compute in float together, as TensorFlow's converter wrote them.

    Attributes:
        model: A .tflite of these operations alone, with their constants. Its inputs and outputs
            are float32 activations of one image, in the order of the deploy graph's.
        kinds: TFLite's names of the operations, in the order they run.
        causes: Those among them that have no int8 form; the others are between or behind them.
    """

    model: bytes
    kinds: tuple[str, ...]
    causes: tuple[FloatCause, ...]
