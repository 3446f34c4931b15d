"""Finds leaky ReLUs that a .tflite writes in several operations, and makes one PRELU of each.

Networks of TensorFlow 1 write PReLU as relu(x) + slopes * (x - |x|) * 0.5, others as
relu(x) - slopes * relu(-x) or max(x, slope * x). In int8 each of these operations would round, and
the slopes of all channels would share one scale. So they are known by what they do: on x > 0 they
are x, on x < 0 a slope per channel times x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array
from strop.export.ir.tflite_edit import add_constant, new_operator
from strop.export.ir.tflite_names import operator_name

MOST_OPERATIONS = 8  # that one is written in
# The function is evaluated here, on both sides of 0, to see that its only kink is at 0.
PROBES = np.concatenate([-np.geomspace(1e-3, 1e3, 7), np.geomspace(1e-3, 1e3, 7)])[:, None]
RELATIVE = 1e-5  # what float32 slopes and halves of them may miss

Values = dict[int, Array]
COMPUTED: dict[str, Callable[..., Array]] = {
    "ABS": np.abs,
    "ADD": np.add,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "MUL": np.multiply,
    "NEG": np.negative,
    "RELU": lambda x: np.maximum(x, 0),
    "SUB": np.subtract,
}
ENDS = ("ADD", "SUB", "MAXIMUM", "MINIMUM")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """Operations, by their places, that together are a leaky ReLU of one tensor."""

    places: frozenset[int]
    image: int
    slopes: Array


def join_slopes(model: Any) -> None:
    """Replace them in place, each by one PRELU.

    Args:
        model: A schema.ModelT.
    """
    flow = _Flow(model)
    subgraph = model.subgraphs[0]
    joined: set[int] = set()
    made: dict[int, Any] = {}
    for place in reversed(range(len(subgraph.operators))):
        if place in joined or flow.kinds[place] not in ENDS:
            continue
        found = _leaky_relu(flow, place)
        if found is None:
            continue
        joined |= found.places
        slopes = add_constant(model, f"slopes{place}", found.slopes.astype(np.float32))
        result = int(subgraph.operators[place].outputs[0])
        made[place] = new_operator(model, "PRELU", [found.image, slopes], result)
    subgraph.operators = [
        made.get(place, operator)
        for place, operator in enumerate(subgraph.operators)
        if place in made or place not in joined
    ]


class _Flow:
    """What is read and written by which operation of a model."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.subgraph = model.subgraphs[0]
        self.operators = self.subgraph.operators
        self.kinds = [operator_name(model, operator) for operator in self.operators]
        self.writer = {
            int(index): place
            for place, operator in enumerate(self.operators)
            for index in operator.outputs
        }
        self.readers: dict[int, set[int]] = {int(index): {-1} for index in self.subgraph.outputs}
        for place, operator in enumerate(self.operators):
            for index in operator.inputs:
                self.readers.setdefault(int(index), set()).add(place)

    def constant(self, index: int) -> Array | None:
        """Return float64 values of a constant, one or one per channel; None for anything else."""
        tensor = self.subgraph.tensors[index]
        data = self.model.buffers[tensor.buffer].data
        if data is None or len(data) == 0 or tensor.type != schema.TensorType.FLOAT32:
            return None
        values = np.frombuffer(bytes(data), np.float32).astype(np.float64)
        sides = [] if tensor.shape is None else list(tensor.shape)
        is_per_channel = values.size == 1 or sides[-1] == values.size
        return values if is_per_channel else None

    def activations(self, place: int) -> set[int]:
        """Return the tensors that an operation reads, but for constants."""
        inputs = (int(index) for index in self.operators[place].inputs)
        return {index for index in inputs if self.constant(index) is None}

    def can_join(self, place: int) -> bool:
        """Whether an operation computes value by value."""
        options = self.operators[place].builtinOptions
        fused = getattr(options, "fusedActivationFunction", schema.ActivationFunctionType.NONE)
        return self.kinds[place] in COMPUTED and fused == schema.ActivationFunctionType.NONE


def _leaky_relu(flow: _Flow, end: int) -> _Found | None:
    """Go back from an operation until all that was passed is a leaky ReLU of one tensor."""
    if not flow.can_join(end):
        return None
    places, left = {end}, flow.activations(end)
    while len(places) <= MOST_OPERATIONS:
        (image, *others) = left or {-1}
        if left and not others and len(places) > 1:
            slopes = _slopes(flow, places, image, end)
            if slopes is not None:
                return _Found(places=frozenset(places), image=image, slopes=slopes)
        # The one that is computed last: what it reads was computed before the others.
        last = max(left, key=lambda index: flow.writer.get(index, -1), default=-1)
        place = flow.writer.get(last, -1)
        if place < 0 or not flow.can_join(place) or not flow.readers[last] <= places:
            return None
        places.add(place)
        left = (left - {last}) | flow.activations(place)
    return None


def _slopes(flow: _Flow, places: set[int], image: int, end: int) -> Array | None:
    """Return the slopes below 0, if the operations are x above it; [channels] or [1]."""
    values: Values = {image: PROBES}
    for place in sorted(places):
        operator = flow.operators[place]
        operands = [
            values[index] if index in values else flow.constant(index)
            for index in map(int, operator.inputs)
        ]
        values[int(operator.outputs[0])] = COMPUTED[flow.kinds[place]](*operands)
    found = values[int(flow.operators[end].outputs[0])]
    slopes = found / PROBES
    below, above = np.split(slopes, 2)
    expected = np.concatenate([np.broadcast_to(below[-1], below.shape), np.ones_like(above)])
    is_leaky = np.allclose(slopes, expected, rtol=RELATIVE, atol=RELATIVE)
    return below[-1] if is_leaky and np.any(below[-1] != 1) else None
