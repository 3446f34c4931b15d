"""How much noise 8 bits must bring into the scores of a network, whoever chooses the scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from strop.export.ir.execute import execute
from strop.export.ir.graph import LINEAR, Array, Graph, Kind, Op, Tensor
from strop.export.passes.scale_sharing import FIXED, SHARING, sharing_groups

DRAWS = 4  # of all errors, on every image
WEIGHT_CODES = 127  # on each side of 0
CODES = 255


def expected_noise(graph: Graph, images: Array) -> float:
    """Mean square of the scores' error, if everything is rounded to 8 bits of its own range.

    Every activation gets an error that is drawn evenly from half a step on either side, and so
    does every weight of a linear operation. What cancels in the network leaves as much noise
    beside a small result as it does in the int8 file.

    Args:
        graph: A float deploy graph.
        images: float32 [N, height, width, channels], what the graph's input stands for.
    """
    random = np.random.default_rng(0)
    steps = _steps(graph, images)
    reference = execute(graph, images)

    def rounded(name: str, values: Array) -> Array:
        return values if name not in steps else values + _error(random, values.shape, steps[name])

    noises = []
    for _ in range(DRAWS):
        weights = [_with_errors(random, graph, op.inputs[1], op.kind) for op in _linear(graph)]
        noisy = graph.rewired(graph.ops, added=weights)
        noises.append(np.mean((execute(noisy, images, rounded) - reference) ** 2))
    return float(np.mean(noises))


def _steps(graph: Graph, images: Array) -> Mapping[str, float]:
    """Size of a code of every activation that is rounded: not of those that copy codes."""
    ranges: dict[str, tuple[float, float]] = {}

    def see(name: str, values: Array) -> Array:
        found = np.asarray(values)  # the input is an array already
        ranges[name] = min(0.0, float(found.min())), max(0.0, float(found.max()))
        return values

    execute(graph, images, see)
    for group in sharing_groups(graph):
        lows, highs = zip(*(ranges[name] for name in group), strict=True)
        ranges |= dict.fromkeys(group, (min(lows), max(highs)))
    copied = {op.output for op in graph.ops if op.kind in SHARING}
    steps = {name: (high - low) / CODES for name, (low, high) in ranges.items()}
    fixed = {op.output: FIXED[op.kind].scale for op in graph.ops if op.kind in FIXED}
    return {name: step for name, step in (steps | fixed).items() if name not in copied}


def _linear(graph: Graph) -> list[Op]:
    return [op for op in graph.ops if op.kind in LINEAR and graph.is_constant(op.inputs[1])]


def _with_errors(random: np.random.Generator, graph: Graph, name: str, kind: Kind) -> Tensor:
    """Weights as they are rounded per output channel."""
    values = graph.data(name)
    channels = 3 if kind is Kind.DEPTHWISE else 0
    others = tuple(axis for axis in range(values.ndim) if axis != channels)
    step = np.abs(values).max(others, keepdims=True) / WEIGHT_CODES
    return replace(graph.tensors[name], data=values + _error(random, values.shape, step))


def _error(random: np.random.Generator, shape: tuple[int, ...], step: Array | float) -> Array:
    drawn: Array = (random.uniform(-0.5, 0.5, shape) * step).astype(np.float32)
    return drawn
