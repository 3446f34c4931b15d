"""Decides what a source's own outputs are: probabilities or numbers, and of which task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from types import MappingProxyType
from typing import Any

from strop.export.frontend.convert import convert
from strop.export.frontend.read_tflite import read_tflite
from strop.export.ir.faults import named_faults
from strop.export.passes.cut_activation import cut_activations
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Activation, Points, Task
from strop.runtime.classify.decision import Decision, decide
from strop.runtime.classify.point_layout import point_layout
from strop.runtime.errors import ContractError

ENDINGS = {"Softmax": Activation.SOFTMAX, "Sigmoid": Activation.SIGMOID}
DIVISIONS = ("Mul", "RealDiv", "DivNoNan")
ARGMAX = "ArgMax"
PASSED_OVER = ("Identity", "Reshape", "Cast", "Squeeze", "StopGradient")


def source_decision(
    source: Source,
    *,
    task: Task | None = None,
    thresholds: Sequence[float] = (),
    points: Points | None = None,
) -> Decision:
    """Decide how a source's only output becomes an answer.

    Args:
        source: The model; TensorFlow traces it, which takes a second or two for a large one.
        task: None for what the source says, or else its ending and its number of scores say.
        thresholds: In the unit of its output; empty for even odds.
        points: Of a LANDMARKS task, how its numbers are points; None for shares, or heat maps.

    Returns:
        For the output itself, so that no activation is left to apply.

    Raises:
        ContractError: The task, the scores and the thresholds contradict each other.
    """
    (name,) = source.outputs
    tasks = {} if task is None else {name: task}
    asked = {} if points is None else {name: points}
    (found,) = source_decisions(source, tasks=tasks, thresholds={name: thresholds}, points=asked)
    return found


def source_decisions(
    source: Source,
    *,
    tasks: Mapping[str, Task],
    thresholds: Mapping[str, Sequence[float]],
    points: Mapping[str, Points] = MappingProxyType({}),
) -> tuple[Decision, ...]:
    """Decide how each output of a source becomes an answer.

    Args:
        source: The model.
        tasks: By the output's name; others as of `source_decision`.
        thresholds: By the output's name, likewise.
        points: By the output's name, likewise.

    Raises:
        ContractError: The task, the scores and the thresholds of an output contradict each other.
    """
    found = []
    for name, shape, ending in zip(source.outputs, source.shapes, endings(source), strict=True):
        where = source.name if len(source.sizes) == 1 else f"{source.name}: output {name}"
        task = tasks.get(name) or source.task
        layout = None
        if task is Task.LANDMARKS:
            size = (source.height, source.width)
            layout = point_layout(shape, points.get(name), size=size, where=where)
        elif name in points:
            raise ContractError(
                f"{where}: --points given, and the task is not landmarks; give --task landmarks"
            )
        if task is Task.SEGMENT:
            _check_alone(source, name)
            _check_scores(source, where)
        decision = decide(
            prod(shape),
            ending,
            task=task,
            thresholds=thresholds.get(name, ()),
            shape=shape,
            points=layout,
            where=where,
        )
        found.append(replace(decision, activation=Activation.NONE))
    return tuple(found)


def _check_alone(source: Source, name: str) -> None:
    """Refuse a map beside other outputs: its certificate counts pixels, and theirs images."""
    if len(source.sizes) > 1:
        others = ",".join(other for other in source.outputs if other != name)
        raise ContractError(
            f"{source.name}: output {name} is a map of classes, which is exported alone; give"
            f" --outputs {name}, and --outputs {others} for a file of the others"
        )


def _check_scores(source: Source, where: str) -> None:
    """Refuse a model that gives the class of each pixel and not their scores."""
    if source.tflite is not None:
        return  # readers of files refuse it by the operator's name
    from strop.export.frontend.tensorflow_converter import freeze  # loads TensorFlow

    if any(_last_kind(tensor) == ARGMAX for tensor in freeze(source).outputs):
        raise ContractError(
            f"{where}: gives the class of each pixel, by an argmax; end the model in front of it,"
            " in a score for each class: the highest has the same class"
        )


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
