"""What an int8 file says, as a float model with the integers of its values beside it.

Both formats are read into this, and the float front end then reads the model: what it knows of
operations holds for both, and the integers are put back afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from strop.export.ir.graph import CODE_MIN, Array, QuantParams
from strop.runtime.errors import ArtifactError

UINT8, INT8, FLOAT32 = "uint8", "int8", "float32"
CODES = (UINT8, INT8)


@dataclass(frozen=True, kw_only=True, slots=True)
class CodedModel:
    """A float model, and what the codes of the file it was read from mean.

    Places are of tensors in `tflite`; those of weights, biases and operands are of the result of
    the operation that reads them. Codes are int8: 128 less than the file's, where that has uint8.

    Attributes:
        where: The file, for errors.
        tflite: float32, batch 1, NHWC.
        activations: Scale and zero point by place; none of what stays in float.
        values: Of what the file has a name for; the others are between operations that it has as
            one.
        weights: Scale per output channel, or one, and zero point.
        biases: int32 codes, one per output channel.
        operands: Scale and zero point of a constant operand.
        paddings: Code that a result is padded with.
        averages_from: int8 code from which the file's averages are rounded away at ties.
        image: Type of the input: uint8, int8 or float32.
        result: Type of the output.
    """

    where: str
    tflite: bytes
    activations: Mapping[int, QuantParams]
    values: Collection[int]
    weights: Mapping[int, QuantParams] = field(default_factory=dict)
    biases: Mapping[int, Array] = field(default_factory=dict)
    operands: Mapping[int, QuantParams] = field(default_factory=dict)
    paddings: Mapping[int, int] = field(default_factory=dict)
    averages_from: int = 0
    image: str
    result: str


def params_of(
    scales: Sequence[float], zero_points: Sequence[int], dtype: str, *, where: str
) -> QuantParams:
    """Check what a file says of a tensor's codes, and give what it means for int8 codes.

    Args:
        scales: One, or one per channel.
        zero_points: As many, all alike, in the file's type.
        dtype: numpy's name of that: uint8, int8 or int32.
        where: File and tensor, for the error.

    Raises:
        ArtifactError: A scale is no positive number, or a zero point no code of the type.
    """
    if not all(math.isfinite(scale) and scale > 0 for scale in scales):
        found = [float(scale) for scale in scales[:3]]
        raise ArtifactError(f"{where}: scales {found}; needed are numbers above 0")
    if len(set(zero_points)) != 1:
        raise ArtifactError(
            f"{where}: zero points {list(zero_points[:3])}; needed is one for all channels"
        )
    limits = np.iinfo(dtype)
    zero_point = int(zero_points[0])
    if not limits.min <= zero_point <= limits.max:
        raise ArtifactError(f"{where}: zero point {zero_point} is no {dtype} code")
    shift = CODE_MIN if dtype == UINT8 else 0
    return QuantParams(scales=tuple(map(float, scales)), zero_point=zero_point + shift)
