"""Decides what a source's own outputs are: probabilities or numbers, and of which task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from strop.export.frontend.convert import convert
from strop.export.frontend.read_tflite import read_tflite
from strop.export.ir.faults import named_faults
from strop.export.passes.cut_activation import cut_activations
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import Decision, decide

ENDINGS = {"Softmax": Activation.SOFTMAX, "Sigmoid": Activation.SIGMOID}
DIVISIONS = ("Mul", "RealDiv", "DivNoNan")
PASSED_OVER = ("Identity", "Reshape", "Cast", "Squeeze", "StopGradient")


def source_decision(
    source: Source, *, task: Task | None = None, thresholds: Sequence[float] = ()
) -> Decision:
    """Decide how a source's only output becomes an answer.

    Args:
        source: The model; TensorFlow traces it, which takes a second or two for a large one.
        task: None for what the source says, or else its ending and its number of scores say.
        thresholds: In the unit of its output; empty for even odds.

    Returns:
        For the output itself, so that no activation is left to apply.

    Raises:
        ContractError: The task, the scores and the thresholds contradict each other.
    """
    (name,) = source.outputs
    tasks = {} if task is None else {name: task}
    (found,) = source_decisions(source, tasks=tasks, thresholds={name: thresholds})
    return found


def source_decisions(
    source: Source, *, tasks: Mapping[str, Task], thresholds: Mapping[str, Sequence[float]]
) -> tuple[Decision, ...]:
    """Decide how each output of a source becomes an answer.

    Args:
        source: The model.
        tasks: By the output's name; others as of `source_decision`.
        thresholds: By the output's name, likewise.

    Raises:
        ContractError: The task, the scores and the thresholds of an output contradict each other.
    """
    found = []
    for name, shape, ending in zip(source.outputs, source.shapes, endings(source), strict=True):
        where = source.name if len(source.sizes) == 1 else f"{source.name}: output {name}"
        decision = decide(
            prod(shape),
            ending,
            task=tasks.get(name) or source.task,
            thresholds=thresholds.get(name, ()),
            shape=shape,
            where=where,
        )
        found.append(replace(decision, activation=Activation.NONE))
    return tuple(found)


def endings(source: Source) -> tuple[Activation, ...]:
    """Find the softmax, sigmoid or division by the length that each output ends in."""
    if source.tflite is not None:
        with named_faults(source.name, "read"):
            return cut_activations(read_tflite(source.tflite))[1]
    from strop.export.frontend.tensorflow_converter import freeze  # loads TensorFlow

    kinds = [_last_kind(tensor) for tensor in freeze(source).outputs]
    if not set(kinds).isdisjoint(DIVISIONS):
        # It may be the last of many operations: the graph of the converted file says it.
        return cut_activations(read_tflite(convert(source)))[1]
    return tuple(ENDINGS.get(kind, Activation.NONE) for kind in kinds)


def _last_kind(tensor: Any) -> str:
    while tensor.op.type in PASSED_OVER:
        tensor = tensor.op.inputs[0]
    return str(tensor.op.type)
