"""Writes a vetted .onnx as a float .tflite: NHWC, batch 1, pixels in, rows of results out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import onnx

from strop.export.ir.graph import Array
from strop.export.onnx_files.activations import ACTIVATIONS
from strop.export.onnx_files.constants import TooLargeError, fold
from strop.export.onnx_files.elementwise import ELEMENTWISE, with_number
from strop.export.onnx_files.gelu import gelus
from strop.export.onnx_files.group_norm import group_norms
from strop.export.onnx_files.moves import MOVES
from strop.export.onnx_files.normalizations import NORMALIZATIONS
from strop.export.onnx_files.pools import POOLS
from strop.export.onnx_files.products import PRODUCTS
from strop.export.onnx_files.reading import Node, Reading
from strop.export.onnx_files.transposed import read_transposed
from strop.export.onnx_files.values import (
    NHWC,
    Order,
    Shape,
    Value,
    in_order,
    own_order,
)
from strop.export.onnx_files.vet import OnnxFile, initial
from strop.runtime.classify.decision import is_row
from strop.runtime.errors import SourceError

READERS: dict[str, Callable[[Reading, Node], None]] = {
    **PRODUCTS,
    "ConvTranspose": read_transposed,
    **POOLS,
    **ELEMENTWISE,
    **MOVES,
    **ACTIVATIONS,
    **NORMALIZATIONS,
}
# What operators raise where a file says things that do not fit together.
CONTRADICTIONS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A model as a float .tflite.

    Attributes:
        tflite: float32 [1, H, W, C], pixels 0..255, to float32 [1, size] for each output, or to a
            map [1, height, width, channels].
        shapes: Of the outputs, without the batch.
        places: Of the tensors by the .onnx' names of them.
    """

    tflite: bytes
    shapes: tuple[Shape, ...]
    places: Mapping[str, int]


def as_tflite(
    file: OnnxFile,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    kept: Collection[str] = (),
    positive: Collection[str] = (),
) -> Written:
    """Write a model with a normalization of the pixels in front.

    Args:
        file: The model.
        mean: Per channel, subtracted from the pixels.
        std: Per channel, what they are divided by after that.
        kept: Results that stay on their own, whatever could be folded into them.
        positive: Results that are never below 0.

    Raises:
        SourceError: It holds what strop does not read; node, operator and remedy are named.
    """
    nodes = [Node(proto) for proto in _in_use(file.model.graph, file.names[1:])]
    constants = {tensor.name: initial(tensor, file.path) for tensor in file.model.graph.initializer}
    known = {**constants, **_given(nodes)}
    nodes = group_norms(gelus(nodes, _numbers(known)), known)
    reading = Reading(file, nodes)
    reading.constants.update(constants)
    reading.readers.update(tuple(kept))
    reading.positive.update(positive)
    image = _put_image(reading, mean, std)
    for node in nodes:
        _read(reading, node)
    rows = [_row(reading, name) for name in file.names[1:]]
    return Written(
        tflite=reading.written.packed([image], [place for place, _ in rows]),
        shapes=tuple(shape for _, shape in rows),
        places={name: value.tensor for name, value in reading.values.items()},
    )


def _given(nodes: Sequence[Node]) -> dict[str, Array]:
    """Values of Constants."""
    return {
        node.outputs[0]: np.asarray(node.attributes["value"])
        for node in nodes
        if node.kind == "Constant" and "value" in node.attributes
    }


def _numbers(known: Mapping[str, Array]) -> dict[str, float]:
    """Values of constants that are one number."""
    return {
        name: float(value.item())
        for name, value in known.items()
        if value.size == 1 and value.dtype.kind == "f"
    }


def _in_use(graph: onnx.GraphProto, outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that the results are computed by, in order."""
    wanted = set(outputs)
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if not wanted.isdisjoint(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _put_image(reading: Reading, mean: Sequence[float], std: Sequence[float]) -> int:
    file = reading.file
    stored = (1, file.height, file.width, file.channels)
    image = reading.written.tensor(file.names[0], stored)
    shape = (1, file.channels, file.height, file.width)
    value = Value(shape=shape, order=NHWC, tensor=image)
    node = Node(onnx.NodeProto(op_type="Sub", name="normalization"))
    for kind, numbers, neutral in (("SUB", mean, 0.0), ("DIV", std, 1.0)):
        if set(numbers) != {neutral}:
            value = with_number(reading, node, value, kind, numbers)
    if not file.is_nchw:
        value = replace(value, shape=stored, order=own_order(stored))
    reading.values[file.names[0]] = value
    return image


def _read(reading: Reading, node: Node) -> None:
    try:
        if not _folded(reading, node):
            _reader(reading, node)(reading, node)
    except TooLargeError as err:
        raise reading.refusal(node, f"a constant of {err}", "check --size") from err
    except CONTRADICTIONS as err:
        raise reading.refusal(
            node, f"what it is given does not fit together ({_line(err)})", "export the model again"
        ) from err


def _reader(reading: Reading, node: Node) -> Callable[[Reading, Node], None]:
    found = READERS.get(node.kind)
    if found is None:
        raise reading.refusal(
            node, "an operator that strop does not read", "replace the layer that it comes from"
        )
    return found


def _folded(reading: Reading, node: Node) -> bool:
    """Compute a node whose inputs are all known; of an activation, its shape is."""
    names = list(node.inputs)
    while names and not names[-1]:
        names.pop()
    if node.kind in ("Shape", "Size") and names[0] in reading.values:
        shape = np.array(reading.values[names[0]].shape, np.int64)
        start, end = node.attributes.get("start", 0), node.attributes.get("end")
        found = shape[start:end] if node.kind == "Shape" else np.array(shape.prod())
        reading.constants[node.outputs[0]] = found
        return True
    if any(name not in reading.constants for name in names):
        return False
    result = fold(node.kind, [reading.constants[name] for name in names], node.attributes)
    if result is None:
        raise reading.refusal(node, "computed of constants alone", "fold it before: onnxsim does")
    reading.constants[node.outputs[0]] = result
    return True


def _row(reading: Reading, name: str) -> tuple[int, Shape]:
    """Place a result, a row as [1, classes], a map with its channels last; and give its shape."""
    if name not in reading.values:
        raise SourceError(f"{reading.file.path}: output {name} does not depend on the picture")
    value = reading.values[name]
    if len(value.shape) < 2 or value.shape[0] != 1 or not prod(value.shape):
        raise SourceError(
            f"{reading.file.path}: output {name} is {value.shape}; needed is one row of scores per"
            " image, (N, classes) or (N, classes, 1, 1), or a map; export the model with a batch of"
            " one picture, or leave the output out with --outputs"
        )
    node = Node(onnx.NodeProto(op_type="Reshape", name=name))
    if value.flattened is not None:
        value = reading.unflattened(value)
    if is_row(value.shape):
        classes = prod(value.shape)
        place = reading.reshaped_tensor(node, value.tensor, value.stored, (1, classes))
        return place, (classes,)
    order = output_order(value.shape, has_classes_last=reading.file.has_classes_last)
    return reading.moved(node, value, order), in_order(value.shape, order)[1:]


def output_order(shape: Sequence[int], *, has_classes_last: bool = False) -> Order:
    """In which order a result's dimensions are given out: of four, channels last."""
    is_moved = len(shape) == len(NHWC) and not has_classes_last
    return NHWC if is_moved else own_order(tuple(shape))


def _line(err: BaseException) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0]
