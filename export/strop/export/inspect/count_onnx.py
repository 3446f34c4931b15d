"""Count what an .onnx computes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from strop.export.inspect.audit import UNREADABLE
from strop.export.inspect.count import Count, LayerCount, Role, role_of
from strop.export.ir.quiet_session import quiet_options
from strop.runtime.engines.silent_onnxruntime import onnxruntime

# Where weights and bias are among an operation's inputs.
PRODUCTS = {
    "Conv": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (1, None),
    "QLinearConv": (3, 8),
    "QLinearMatMul": (3, None),
}
QUANTIZERS = frozenset({"QuantizeLinear", "DequantizeLinear"})
CONVOLUTIONS = frozenset({"Conv", "QLinearConv"})
UNCOUNTED = frozenset({"ConvTranspose", "ConvInteger", "MatMulInteger", "Einsum", "QGemm"})
REALS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16})
MAX_INPUT = 1 << 26  # numbers; what is run to learn the shapes


def count_onnx(path: Path) -> Count | None:
    """Count a file that `audit` can read.

    Shapes are learned by running it once on zeros: those of ONNX Runtime's own operations
    are inferred by nothing else.

    Returns:
        One layer an operation; None where a side other than the batch is open, weights are
        computed, an operation multiplies in a way that is not counted here, ONNX Runtime does
        not run it, or the file contradicts itself.
    """
    model = onnx.load(path)
    try:
        return Count(layers=tuple(_Graph(model.graph, _shapes(model)).layers()))
    except (_UnknownError, ZeroDivisionError, *UNREADABLE):
        return None


class _UnknownError(Exception):
    """Something that has no count."""


class _Graph:
    """The main graph, and which of its constants have been counted."""

    def __init__(self, graph: Any, shapes: dict[str, tuple[int, ...]]) -> None:
        self._graph = graph
        self._shapes = shapes
        self._constants = {each.name: each for each in graph.initializer}
        self._counted: set[str] = set()
        # Codes that become reals in front of what multiplies by them.
        self._source = {
            node.output[0]: node.input[0]
            for node in graph.node
            if node.op_type in ("DequantizeLinear", "Cast", "Identity")
            and node.input[0] in self._constants
        }

    def layers(self) -> Iterator[LayerCount]:
        for node in self._graph.node:
            if node.output[0] not in self._source and node.op_type != "Constant":
                yield self._layer(node)

    def _layer(self, node: Any) -> LayerCount:
        if node.op_type in UNCOUNTED:
            raise _UnknownError
        inputs = [self._source.get(name, name) for name in node.input]
        shape = self._shapes[node.output[0]][1:]
        if len(shape) == 3:
            shape = (shape[1], shape[2], shape[0])
        weights, role, kernel = 0, Role.OTHER, (1, 1)
        if node.op_type in PRODUCTS:
            weights, role, kernel = self._product(node, inputs, shape)
        return LayerCount(
            name=node.output[0],
            kind=node.op_type,
            role=role,
            kernel=kernel,
            shape=shape,
            weights=weights,
            parameters=self._parameters(node.op_type, inputs),
            # Every weight is used once for each place of the result.
            multiply_adds=weights * math.prod(shape[:-1]),
        )

    def _product(
        self, node: Any, inputs: list[str], shape: tuple[int, ...]
    ) -> tuple[int, Role, tuple[int, int]]:
        constant = self._constants.get(inputs[PRODUCTS[node.op_type][0]])
        if constant is None:
            raise _UnknownError
        sides = tuple(constant.dims)
        if node.op_type not in CONVOLUTIONS:
            return math.prod(sides), Role.DENSE, (1, 1)
        if len(sides) != 4:
            raise _UnknownError
        kernel, channels = (sides[2], sides[3]), self._shapes[node.input[0]][1]
        role = role_of(kernel=kernel, shape=shape, groups=channels // sides[1], channels=channels)
        return math.prod(sides), role, kernel

    def _parameters(self, kind: str, inputs: list[str]) -> int:
        """Count an operation's parameters; a shared constant counts at its first reader."""
        if kind in PRODUCTS:
            places = [place for place in PRODUCTS[kind] if place is not None]
            found = [inputs[place] for place in places if place < len(inputs)]
        elif kind in QUANTIZERS:
            return 0  # scales and zero points
        else:
            found = [
                name
                for name in inputs
                if name in self._constants and self._constants[name].data_type in REALS
            ]
        new = {name for name in found if name in self._constants} - self._counted
        self._counted |= new
        return sum(math.prod(self._constants[name].dims) for name in new)


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Infer the shape of every tensor that is no constant, with a batch of 1."""
    graph = model.graph
    constants = {each.name for each in graph.initializer}
    feeds = {value.name: _zeros(value) for value in graph.input if value.name not in constants}
    names = [name for node in graph.node for name in node.output if name]
    del graph.output[:]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = quiet_options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        results = session.run(names, feeds)
    except Exception as err:  # ONNX Runtime's have no base class of their own
        raise _UnknownError from err
    found = {name: np.shape(values) for name, values in feeds.items()}
    return {**found, **{name: np.shape(each) for name, each in zip(names, results, strict=True)}}


def _zeros(value: Any) -> Any:
    tensor = value.type.tensor_type
    first, *others = [int(side.dim_value) for side in tensor.shape.dim] or [0]
    sides = (first or 1, *others)
    if min(sides) < 1 or math.prod(sides) > MAX_INPUT:
        raise _UnknownError
    return np.zeros(sides, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
