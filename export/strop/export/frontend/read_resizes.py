"""Reads enlargements and reductions of pictures (UpSampling2D, Resizing)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import Kind, Op, Tensor
from strop.export.kernels.bilinear import Coordinates, is_exact


def read_bilinear(reader: Reader, packed: Any, output: str) -> Op:
    """Read RESIZE_BILINEAR between sizes for which both engines round alike."""
    options = packed.builtinOptions
    if options.alignCorners and options.halfPixelCenters:
        raise NoInt8FormError(
            output, "corners aligned and pixels halved at once", "choose one of them"
        )
    plain = Coordinates.HALF_PIXEL if options.halfPixelCenters else Coordinates.ASYMMETRIC
    coordinates = Coordinates.ALIGN_CORNERS if options.alignCorners else plain
    _, rows, columns, _ = reader.shape(packed.inputs[0])
    _, *found, _ = reader.tensors[output].shape
    if not is_exact((rows, columns), (found[0], found[1]), coordinates):
        raise NoInt8FormError(
            output,
            f"a bilinear resize of {rows}x{columns} to {found[0]}x{found[1]}, {coordinates.value}",
            "int8 has those by a power of two, where both engines round alike",
        )
    image = reader.names[packed.inputs[0]]
    return Op(kind=Kind.BILINEAR, inputs=(image,), output=output, coordinates=coordinates)


def read_nearest(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read RESIZE_NEAREST_NEIGHBOR to a multiple of the size: rows and columns repeated."""
    _, rows, columns, channels = reader.shape(packed.inputs[0])
    shape = reader.tensors[output].shape
    times = (shape[1] // rows, shape[2] // columns)
    is_whole = (rows * times[0], columns * times[1]) == tuple(shape[1:3])
    if packed.builtinOptions.alignCorners or not is_whole:
        raise NoInt8FormError(
            output,
            f"an enlargement of {rows}x{columns} to {shape[1]}x{shape[2]}",
            "int8 has those to a multiple of the size",
        )
    repeated = _Repeated(reader, output)
    name = reader.names[packed.inputs[0]]
    name = repeated.reshaped(name, (1, rows, 1, columns, channels))
    name = repeated.joined(name, times[0])
    name = repeated.reshaped(name, (1, shape[1], columns, 1, channels), axis=3)
    name = repeated.joined(name, times[1], axis=3)
    return [*repeated.ops, Op(kind=Kind.RESHAPE, inputs=(name,), output=output)]


class _Repeated:
    """Operations that repeat rows and columns."""

    def __init__(self, reader: Reader, output: str) -> None:
        self.reader = reader
        self.output = output
        self.ops: list[Op] = []

    def reshaped(self, name: str, shape: tuple[int, ...], axis: int = 2) -> str:
        return self._add(Op(kind=Kind.RESHAPE, inputs=(name,), output=f"apart{axis}"), shape)

    def joined(self, name: str, times: int, axis: int = 2) -> str:
        shape = list(self.reader.tensors[name].shape)
        shape[axis] *= times
        inputs = (name,) * times
        op = Op(kind=Kind.CONCATENATION, inputs=inputs, output=f"times{axis}", axis=axis)
        return self._add(op, tuple(shape))

    def _add(self, op: Op, shape: tuple[int, ...]) -> str:
        name = f"{self.output}/{op.output}"
        self.reader.tensors[name] = Tensor(name=name, shape=shape)
        self.ops.append(Op(kind=op.kind, inputs=op.inputs, output=name, axis=op.axis))
        return name


RESIZES: dict[str, Callable[[Reader, Any, str], Op | list[Op]]] = {
    "RESIZE_BILINEAR": read_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": read_nearest,
}
