"""Decides what a source's own output is: probabilities or numbers, and of which task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from strop.export.frontend.convert import convert
from strop.export.frontend.read_tflite import read_tflite
from strop.export.ir.faults import named_faults
from strop.export.passes.cut_activation import cut_activation
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import Decision, decide

ENDINGS = {"Softmax": Activation.SOFTMAX, "Sigmoid": Activation.SIGMOID}
DIVISIONS = ("Mul", "RealDiv", "DivNoNan")
PASSED_OVER = ("Identity", "Reshape", "Cast", "Squeeze", "StopGradient")


def source_decision(
    source: Source, *, task: Task | None = None, thresholds: Sequence[float] = ()
) -> Decision:
    """Decide how a source's output becomes an answer.

    Args:
        source: The model; TensorFlow traces it, which takes a second or two for a large one.
        task: None for what the source says, or else its ending and its number of scores say.
        thresholds: In the unit of its output; empty for even odds.

    Returns:
        For the output itself, so that no activation is left to apply.

    Raises:
        ContractError: The task, the scores and the thresholds contradict each other.
    """
    found = decide(
        source.classes,
        ending(source),
        task=task or source.task,
        thresholds=thresholds,
        where=source.name,
    )
    return replace(found, activation=Activation.NONE)


def ending(source: Source) -> Activation:
    """Find the softmax, sigmoid or division by the length that a source ends in."""
    if source.tflite is not None:
        with named_faults(source.name, "read"):
            _, found = cut_activation(read_tflite(source.tflite))
        return found
    from strop.export.frontend.tensorflow_converter import freeze  # loads TensorFlow

    tensor: Any = freeze(source).outputs[0]
    while tensor.op.type in PASSED_OVER:
        tensor = tensor.op.inputs[0]
    if tensor.op.type in DIVISIONS:
        # It may be the last of many operations: the graph of the converted file says it.
        return cut_activation(read_tflite(convert(source)))[1]
    return ENDINGS.get(tensor.op.type, Activation.NONE)
