"""Small .onnx models, made node by node as PyTorch and others write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 12
CLASSES = 5


class Net:
    """A model being made: channels first, one picture in, whatever is put behind it out.

    Attributes:
        opset: Version of ONNX' operators.
        random: Draws the weights.
    """

    def __init__(self, *, opset: int = 17, seed: int = 0, channels: int = 3) -> None:
        self.opset = opset
        self.random = np.random.default_rng(seed)
        self.channels = channels
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node, and return the name of its result."""
        return self.add_all(kind, *inputs, count=1, **attributes)[0]

    def add_all(self, kind: str, *inputs: str, count: int, **attributes: Any) -> list[str]:
        """Add a node, and return the names of its results."""
        names = [f"{kind.lower()}_{len(self.nodes)}_{at}" for at in range(count)]
        node = helper.make_node(kind, inputs, names, f"/layer/{len(self.nodes)}", **attributes)
        self.nodes.append(node)
        return names

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Add an initializer."""
        name = f"constant_{len(self.initializers)}"
        array = np.asarray(values, dtype)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, *values: int) -> str:
        """Add an initializer of int64."""
        return self.constant(values, np.int64)

    def drawn(self, *shape: int, scale: float = 1.0) -> str:
        """Add an initializer of normal numbers."""
        return self.constant(self.random.normal(0, scale, shape))

    def conv(
        self, x: str, before: int, after: int, size: int = 3, *, group: int = 1, **attributes: Any
    ) -> str:
        """Add a convolution whose results are about as large as what goes in."""
        scale = (before // group * size * size) ** -0.5
        weights = self.drawn(after, before // group, size, size, scale=scale)
        bias = self.drawn(after, scale=0.1)
        attributes.setdefault("pads", [size // 2] * 4)
        if "auto_pad" in attributes:
            del attributes["pads"]
        settings = {"kernel_shape": [size, size], "group": group, **attributes}
        return self.add("Conv", x, weights, bias, **settings)

    def batch_norm(self, x: str, channels: int) -> str:
        """Add a normalization with live statistics."""
        positive = [self.constant(self.random.uniform(0.5, 1.5, channels)) for _ in range(2)]
        any_sign = [self.drawn(channels, scale=0.3) for _ in range(2)]
        return self.add("BatchNormalization", x, positive[0], *any_sign, positive[1])

    def axes(self, kind: str, x: str, *axes: int, **attributes: Any) -> str:
        """Add an operation whose axes are an attribute or an input, as its opset has them."""
        from_opset = {"ReduceMean": 18, "ReduceMax": 18, "ReduceL2": 18}.get(kind, 13)
        if self.opset < from_opset:
            return self.add(kind, x, axes=list(axes), **attributes)
        return self.add(kind, x, self.integers(*axes), **attributes)

    def clip(self, x: str, low: float | None, high: float | None) -> str:
        """Add limits, which are attributes up to opset 10."""
        given = {"min": low, "max": high}
        if self.opset < 11:
            known = {name: value for name, value in given.items() if value is not None}
            return self.add("Clip", x, **known)
        inputs = ["" if value is None else self.constant(value) for value in given.values()]
        return self.add("Clip", x, *inputs)

    def scores(self, x: str, features: int) -> str:
        """Add global pooling and a dense layer."""
        pooled = self.add("Flatten", self.add("GlobalAveragePool", x))
        weights = self.drawn(CLASSES, features, scale=features**-0.5)
        return self.add("Gemm", pooled, weights, self.drawn(CLASSES), transB=1)

    def model(
        self,
        output: str,
        *,
        batch: int | str = "batch",
        sides: tuple[int | str, int | str] = (SIDE, SIDE),
    ) -> onnx.ModelProto:
        """Return the model, checked."""
        image = helper.make_tensor_value_info(
            "image", TensorProto.FLOAT, (batch, self.channels, *sides)
        )
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, (batch, "classes"))
        graph = helper.make_graph(self.nodes, "net", [image], [result], self.initializers)
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8
        )
        onnx.checker.check_model(made)
        return made
