"""Reads repetitions, as concatenations."""

from __future__ import annotations

from typing import Any

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import Kind, Op, Tensor


def read_tile(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read TILE, as a concatenation along every dimension that is repeated."""
    times = reader.constant(packed.inputs[1])
    if times is None or times[0] != 1:
        raise NoInt8FormError(
            output, "a TILE of whole images", "int8 has repetitions within an image"
        )
    name = reader.names[packed.inputs[0]]
    shape = list(reader.shape(packed.inputs[0]))
    ops = []
    for axis, count in enumerate(times.tolist()):
        if count == 1:
            continue
        shape[axis] *= count
        result = f"{output}/along{axis}"
        reader.tensors[result] = Tensor(name=result, shape=tuple(shape))
        inputs = (name,) * count
        ops.append(Op(kind=Kind.CONCATENATION, inputs=inputs, output=result, axis=axis))
        name = result
    return [*ops, Op(kind=Kind.RESHAPE, inputs=(name,), output=output)]
