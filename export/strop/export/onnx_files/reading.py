"""What is known while an .onnx is read: its constants, its activations, the .tflite so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array
from strop.export.ir.tflite_file import TfliteFile
from strop.export.onnx_files.constants import attributes_of, axes_of
from strop.export.onnx_files.values import (
    NHWC,
    Flattened,
    Order,
    Shape,
    Value,
    completed,
    in_order,
    moving,
    own_order,
    reshape_orders,
)
from strop.export.onnx_files.vet import OnnxFile, place_of
from strop.runtime.errors import SourceError

MAX_ELEMENTS = 2**28  # of one result: 1 GiB in float32, as for Keras' models
MAX_RANK = 6  # of a TRANSPOSE in LiteRT


class Node:
    """One operation of the .onnx, its attributes as Python values.

    Attributes:
        kind: ONNX' name of it.
        place: What a person finds it by.
        inputs: Names; "" for one that is left out.
        outputs: Names.
        attributes: By name.
    """

    def __init__(self, proto: onnx.NodeProto) -> None:
        self.kind = proto.op_type
        self.place = place_of(proto)
        self.inputs = tuple(proto.input)
        self.outputs = tuple(proto.output)
        self.attributes = attributes_of(proto)

    def has_input(self, place: int) -> bool:
        """Whether an optional input is given."""
        return len(self.inputs) > place and self.inputs[place] != ""


class Reading:
    """Constants, activations and what has been written, by the .onnx' names of them."""

    def __init__(self, file: OnnxFile, nodes: Sequence[Node]) -> None:
        self.file = file
        self.opset = file.opset
        self.written = TfliteFile()
        self.constants: dict[str, Array] = {}
        self.values: dict[str, Value] = {}
        self.done: set[str] = set()
        self.positive: set[str] = set()
        self.readers = Counter(name for node in nodes for name in node.inputs)
        self.readers.update(file.names[1:])
        self._nodes = {name: node for node in nodes for name in node.inputs}
        self._moved: dict[tuple[int, Order, Order], int] = {}

    def refusal(self, node: Node, found: str, needs: str) -> SourceError:
        """An error that names the node, its operator, and what to do."""
        return SourceError(f"{self.file.path}: {node.place} is {node.kind}: {found}; {needs}")

    def only_reader(self, name: str) -> Node | None:
        """The one node that reads an activation; None if there are others."""
        return self._nodes.get(name) if self.readers[name] == 1 else None

    def constant(self, node: Node, place: int) -> Array | None:
        """An input's values; None if it is left out, or computed of the picture."""
        return self.constants.get(node.inputs[place]) if node.has_input(place) else None

    def fixed(self, node: Node, place: int, what: str) -> Array:
        """An input's values, which have to be constant.

        Raises:
            SourceError: They are computed of the picture.
        """
        found = self.constant(node, place)
        if found is None and (not node.has_input(place) or node.inputs[place] not in self.values):
            raise self.refusal(
                node, f"nothing in the file gives its input {place}", "export the model again"
            )
        if found is None:
            raise self.refusal(
                node, f"{what} computed from the picture", "needed are constants: export it so"
            )
        return found

    def value(self, node: Node, place: int = 0) -> Value:
        """An input that is an activation, stored as its shape says.

        Raises:
            SourceError: There is none.
        """
        found = self.raw(node, place)
        return found if found.flattened is None else self.unflattened(found)

    def raw(self, node: Node, place: int = 0) -> Value:
        """The same, which may be a picture's values in another order."""
        name = node.inputs[place] if node.has_input(place) else ""
        if name not in self.values:
            raise self.refusal(
                node, f"input {place} ({name}) is no float activation", "strop reads those only"
            )
        return self.values[name]

    def axes(self, node: Node) -> list[int] | None:
        """Axes of a node, an attribute or its second input; None where it names none."""
        given = [self.fixed(node, 1, "its axes are")] if node.has_input(1) else []
        return axes_of([np.empty(0), *given], node.attributes)

    def put(self, node: Node, value: Value, place: int = 0) -> None:
        """Say what a result is."""
        name = node.outputs[place]
        self.values[name] = replace(value, is_positive=True) if name in self.positive else value

    def add(
        self,
        node: Node,
        kind: str,
        inputs: Sequence[int],
        shape: Shape,
        options: Any = None,
        *,
        version: int = 1,
    ) -> int:
        """Write an operation, and return its result's tensor.

        Args:
            node: What it is written for.
            kind: TFLite's name of it.
            inputs: Tensors.
            shape: Of the result, as it is stored.
            options: Of the operation.
            version: Of the operation.

        Raises:
            SourceError: The result is larger than any network's.
        """
        if prod(shape) > MAX_ELEMENTS or min(shape, default=1) < 1:
            raise self.refusal(
                node,
                f"its result is {'x'.join(map(str, shape))}",
                f"strop takes 1 to {MAX_ELEMENTS} numbers in one: check --size",
            )
        result = self.written.tensor(node.place, shape)
        self.written.operation(kind, inputs, [result], options, version)
        return result

    def number(self, node: Node, values: Any) -> int:
        """Write a constant, float32 or int32."""
        return self.written.constant(f"{node.place}/constant", np.asarray(values))

    def moved(self, node: Node, value: Value, order: Order) -> int:
        """A value's tensor with its dimensions stored in this order."""
        if value.order == order:
            return value.tensor
        key = (value.tensor, value.order, order)
        if key not in self._moved:
            shape = in_order(value.shape, order)
            if moving(value.order, value.shape) == moving(order, value.shape):
                self._moved[key] = self.reshaped_tensor(node, value.tensor, value.stored, shape)
            else:
                self._moved[key] = self._transposed(node, value, order)
        return self._moved[key]

    def in_order_of(self, node: Node, value: Value, order: Order) -> Value:
        """The same value, stored in this order."""
        return replace(value, tensor=self.moved(node, value, order), order=order)

    def picture(self, node: Node, place: int = 0) -> Value:
        """An input of four dimensions, stored as NHWC; see `as_picture`."""
        return self.as_picture(node, self.value(node, place))

    def as_picture(self, node: Node, value: Value) -> Value:
        """A value of four dimensions, stored as NHWC.

        Raises:
            SourceError: It has another number of dimensions, or several pictures.
        """
        if len(value.shape) != len(NHWC):
            raise self.refusal(
                node,
                f"its input has {len(value.shape)} dimensions, {value.shape}",
                "strop takes pictures, (N, C, H, W), there",
            )
        if value.shape[0] != 1:
            raise self.refusal(
                node,
                f"its input has {value.shape[0]} pictures, {value.shape}",
                "strop computes one at a time: leave windows beside each other, not in the batch",
            )
        return self.in_order_of(node, value, NHWC)

    def reshaped(self, node: Node, value: Value, shape: Shape) -> Value:
        """A value in another shape of the .onnx, with as little moved as can be.

        A picture that becomes one row stays as it is stored: see `Flattened`.
        """
        is_row = len(moving(own_order(shape), shape)) == 1
        if value.flattened is not None and not is_row:
            value = self.unflattened(value)
        before, after = reshape_orders(value, shape)
        if before != moving(value.order, value.shape):
            if is_row:
                value = replace(value, flattened=Flattened(shape=value.shape, order=value.order))
            else:
                ones = tuple(axis for axis in value.order if value.shape[axis] == 1)
                value = self.in_order_of(node, value, (*ones, *before))
        order = completed(after, shape)
        stored = in_order(shape, order)
        tensor = self.reshaped_tensor(node, value.tensor, value.stored, stored)
        return replace(value, shape=shape, order=order, tensor=tensor)

    def reshaped_tensor(self, node: Node, tensor: int, before: Shape, after: Shape) -> int:
        """Write a RESHAPE of a stored tensor, unless it has that shape."""
        if before == after:
            return tensor
        options = schema.ReshapeOptionsT()
        options.newShape = list(after)
        sides = self.number(node, np.array(after, np.int32))
        return self.add(node, "RESHAPE", [tensor, sides], after, options)

    def unflattened(self, value: Value) -> Value:
        """Put a picture that was made one row into the order of the .onnx."""
        flattened = value.flattened
        if flattened is None:
            return value
        node = _MOVE
        picture = Value(
            shape=flattened.shape,
            order=flattened.order,
            tensor=self.reshaped_tensor(
                node, value.tensor, value.stored, in_order(flattened.shape, flattened.order)
            ),
        )
        tensor = self.moved(node, picture, own_order(flattened.shape))
        tensor = self.reshaped_tensor(node, tensor, flattened.shape, value.stored)
        return replace(value, tensor=tensor, flattened=None)

    def _transposed(self, node: Node, value: Value, order: Order) -> int:
        if len(order) > MAX_RANK:
            raise self.refusal(
                node, f"a transposition of {len(order)} dimensions", f"at most {MAX_RANK} are read"
            )
        places = [value.order.index(axis) for axis in order]
        permutation = self.number(node, np.array(places, np.int32))
        shape = in_order(value.shape, order)
        return self.add(
            node, "TRANSPOSE", [value.tensor, permutation], shape, schema.TransposeOptionsT()
        )


Read = Callable[[Reading, Node], None]
_MOVE = Node(onnx.NodeProto(op_type="Transpose", name="into_the_order_of_onnx"))
