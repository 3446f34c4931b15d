"""Cuts operations out of a .tflite into one of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.tflite_bytes import SCHEMA_VERSION, packed


def cut_out(
    model: Any,
    operators: Sequence[Any],
    names: Sequence[str],
    inputs: Iterable[int],
    outputs: Iterable[int],
) -> bytes:
    """Write a .tflite of some operations of a model.

    Args:
        model: A schema.ModelT.
        operators: Of its first subgraph, in the order they run.
        names: Of all tensors of that, unique.
        inputs: Indices of the activations that come from outside.
        outputs: Indices of the results that are read outside.

    Returns:
        The flatbuffer; what is not read or written by the operations is not in it.
    """
    cut = _Cut(model, names)
    subgraph = schema.SubGraphT()
    subgraph.name = b"island"
    subgraph.inputs = [cut.tensor(index) for index in inputs]
    subgraph.operators = [cut.operator(operator) for operator in operators]
    subgraph.outputs = [cut.tensor(index) for index in outputs]
    subgraph.tensors = cut.tensors
    made = schema.ModelT()
    made.version, made.description = SCHEMA_VERSION, b"strop float island"
    made.operatorCodes, made.subgraphs, made.buffers = cut.codes, [subgraph], cut.buffers
    return packed(made)


class _Cut:
    """What of a model has been taken over so far."""

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        self._model = model
        self._names = names
        self._tensors: dict[int, int] = {}
        self._buffers: dict[int, int] = {}
        self._codes: dict[int, int] = {}
        self.tensors: list[Any] = []
        self.buffers = [schema.BufferT()]  # buffer 0 is empty by the format's definition
        self.codes: list[Any] = []

    def tensor(self, index: int) -> int:
        if index < 0:
            return index  # an input that is left out
        if index not in self._tensors:
            taken = copy(self._model.subgraphs[0].tensors[index])
            taken.name = self._names[index].encode()
            taken.buffer = self._buffer(taken.buffer)
            self._tensors[index] = len(self.tensors)
            self.tensors.append(taken)
        return self._tensors[index]

    def _buffer(self, index: int) -> int:
        buffer = self._model.buffers[index]
        if buffer.data is None or len(buffer.data) == 0:
            return 0
        if index not in self._buffers:
            self._buffers[index] = len(self.buffers)
            self.buffers.append(buffer)
        return self._buffers[index]

    def operator(self, operator: Any) -> Any:
        taken = copy(operator)
        taken.inputs = [self.tensor(index) for index in operator.inputs]
        taken.outputs = [self.tensor(index) for index in operator.outputs]
        taken.intermediates = None
        if operator.opcodeIndex not in self._codes:
            self._codes[operator.opcodeIndex] = len(self.codes)
            self.codes.append(self._model.operatorCodes[operator.opcodeIndex])
        taken.opcodeIndex = self._codes[operator.opcodeIndex]
        return taken
