"""Count what a .tflite computes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.inspect.audit import UNREADABLE
from strop.export.inspect.count import Count, LayerCount, Role, role_of
from strop.export.ir.tflite_bytes import unpacked
from strop.export.ir.tflite_names import layer_name, operator_name, result_name, results_of

DEPTHWISE, DENSE = "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"
PRODUCTS = frozenset({"CONV_2D", DEPTHWISE, DENSE})
UNCOUNTED = frozenset(
    {
        "TRANSPOSE_CONV",
        "CONV_3D",
        "CONV_3D_TRANSPOSE",
        "BATCH_MATMUL",
        "CUSTOM",
        "LSTM",
        "RNN",
        "SVDF",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "WHILE",
        "IF",
        "CALL",
    }
)
# Numbers that a network computes with; other constants are shapes and axes.
VALUES = frozenset(
    {
        *(schema.TensorType.FLOAT32, schema.TensorType.FLOAT16),
        *(schema.TensorType.INT8, schema.TensorType.UINT8),
    }
)


def count_tflite(path: Path) -> Count | None:
    """Count a file that `audit` can read.

    Returns:
        One layer an operation; None where a side is open, weights are computed, an operation
        multiplies in a way that is not counted here, or the file contradicts itself.
    """
    try:
        return Count(layers=tuple(_Graph(unpacked(path.read_bytes())).layers()))
    except (_UnknownError, ZeroDivisionError, *UNREADABLE):
        return None


class _UnknownError(Exception):
    """Something that has no count."""


class _Graph:
    """The main graph, and which of its constants have been counted."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._graph = model.subgraphs[0]
        self._counted: set[int] = set()
        # float16 weights are made float32 by an operation of their own.
        self._source = {
            int(op.outputs[0]): int(op.inputs[0])
            for op in self._graph.operators
            if operator_name(model, op) == "DEQUANTIZE" and self._is_constant(int(op.inputs[0]))
        }

    def layers(self) -> Iterator[LayerCount]:
        for op in self._graph.operators:
            results = results_of(op)
            if results and results[0] not in self._source:
                yield self._layer(operator_name(self._model, op), op)

    def _layer(self, kind: str, op: Any) -> LayerCount:
        if kind in UNCOUNTED:
            raise _UnknownError
        given = () if op.inputs is None else op.inputs
        inputs = [self._source.get(int(index), int(index)) for index in given]
        shape = self._sides(op.outputs[0])[1:]
        weights, role, kernel = 0, Role.OTHER, (1, 1)
        if kind in PRODUCTS:
            weights, role, kernel = self._product(kind, inputs, shape)
        return LayerCount(
            name=layer_name(result_name(self._graph, op)),
            kind=kind,
            role=role,
            kernel=kernel,
            shape=shape,
            weights=weights,
            parameters=self._parameters(inputs, has_bias=bool(weights)),
            # Every weight is used once for each place of the result.
            multiply_adds=weights * math.prod(shape[:-1]),
        )

    def _product(
        self, kind: str, inputs: list[int], shape: tuple[int, ...]
    ) -> tuple[int, Role, tuple[int, int]]:
        if not self._is_constant(inputs[1]) or min(shape, default=0) < 1:
            raise _UnknownError
        sides = self._sides(inputs[1])
        if kind == DENSE:
            return math.prod(sides), Role.DENSE, (1, 1)
        kernel, channels = (sides[1], sides[2]), self._sides(inputs[0])[-1]
        groups = channels if kind == DEPTHWISE else channels // sides[3]
        role = role_of(kernel=kernel, shape=shape, groups=groups, channels=channels)
        return math.prod(sides), role, kernel

    def _parameters(self, inputs: list[int], *, has_bias: bool) -> int:
        """Count an operation's parameters; a shared constant counts at its first reader."""
        found = [
            index
            for place, index in enumerate(inputs)
            # A bias of int8 weights is int32, as shapes are elsewhere.
            if self._is_constant(index)
            and (self._graph.tensors[index].type in VALUES or (has_bias and place == 2))
        ]
        new = set(found) - self._counted
        self._counted |= new
        return sum(math.prod(self._sides(index)) for index in new)

    def _is_constant(self, index: int) -> bool:
        if index < 0:
            return False
        data = self._model.buffers[self._graph.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def _sides(self, index: int) -> tuple[int, ...]:
        shape = self._graph.tensors[index].shape
        return () if shape is None else tuple(int(side) for side in shape)
