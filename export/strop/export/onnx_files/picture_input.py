"""Decides what picture an .onnx takes, by the type and the sides of its input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto

from strop.export.ir.picture import Picture, picture_of
from strop.runtime.artifact.contract import Layout
from strop.runtime.errors import SourceError

NO_BYTES = frozenset({"Cast", "Shape"})
# They give pixels as they are.
MOVES = frozenset(
    {
        *("Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"),
        *("Slice", "Gather", "Split", "Concat"),
    }
)


def input_picture(image: onnx.ValueInfoProto, size: tuple[int, int] | None, path: Path) -> Picture:
    """Find layout, height, width and channels of an input.

    Args:
        image: The input.
        size: Height and width in pixels, for a model that leaves them open.
        path: Of the file, for errors.

    Raises:
        SourceError: It is no tensor of float32 or uint8, or no picture.
    """
    where = f"{path}: input {image.name}"
    return picture_of(list(_sides(_numbers(image, where))), size, usual=Layout.NCHW, where=where)


def is_bytes(image: onnx.ValueInfoProto) -> bool:
    """Whether an input is uint8."""
    return image.type.tensor_type.elem_type == TensorProto.UINT8


def first_computing_in_bytes(
    graph: onnx.GraphProto, image: onnx.ValueInfoProto
) -> onnx.NodeProto | None:
    """Find the first node that computes with bytes of the picture, which no cast makes float32."""
    in_bytes = {image.name}
    node: onnx.NodeProto
    for node in graph.node:
        if in_bytes.isdisjoint(node.input) or node.op_type in NO_BYTES:
            continue
        if node.op_type not in MOVES:
            return node
        in_bytes.update(node.output)
    return None


def _numbers(image: onnx.ValueInfoProto, where: str) -> onnx.TypeProto.Tensor:
    """The input's type, which has to be a tensor of float32 or uint8."""
    kind = image.type.WhichOneof("value")
    if kind != "tensor_type":
        found = "without a type" if kind is None else f"a {kind.removesuffix('_type')}"
        raise SourceError(f"{where} is {found}; needed is one picture, a float32 tensor")
    tensor = image.type.tensor_type
    if tensor.elem_type not in (TensorProto.FLOAT, TensorProto.UINT8):
        names = {code: name.lower() for name, code in TensorProto.DataType.items()}
        found = names.get(tensor.elem_type, f"of type {tensor.elem_type}")
        raise SourceError(
            f"{where} is {found}; needed is float32, or uint8 that a Cast makes float32: export the"
            " model so"
        )
    return tensor


def _sides(tensor: onnx.TypeProto.Tensor) -> Iterator[int | None]:
    for side in tensor.shape.dim:
        yield side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None
