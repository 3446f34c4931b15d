"""Finds which operations of a .tflite XNNPACK takes on this machine, and why not the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strop.export.inspect.audit import TFLITE_TYPES, UNREADABLE
from strop.export.inspect.contents import Delegation, Undelegated, observed_delegation
from strop.export.ir.tflite_bytes import unpacked
from strop.export.ir.tflite_names import layer_name, operator_name, result_name, results_of
from strop.export.kernels.xnnpack import CODES, UNKNOWN, Operand, refusal
from strop.runtime.engines.litert import open_artifact
from strop.runtime.errors import ArtifactError


def delegation(path: Path) -> Delegation | None:
    """Load a .tflite and look which nodes its interpreter runs.

    Args:
        path: An artifact.

    Returns:
        What XNNPACK left; None for an .onnx, which has no delegates, and where the
        interpreter does not tell.

    Raises:
        ArtifactError: LiteRT refuses the file, or it contradicts itself.
    """
    if path.suffix == ".onnx":
        return None
    with open_artifact(path, num_threads=1) as engine:
        partitions, places = engine.facts.partitions, engine.undelegated()
    if partitions is None or places is None:
        return None
    try:
        model = unpacked(path.read_bytes())
        operators = [model.subgraphs[0].operators[place] for place in places]
        undelegated = tuple(_undelegated(model, operator) for operator in operators)
    except UNREADABLE as err:
        raise ArtifactError(
            f"{path}: not a readable .tflite ({err}); export it again, or copy it again"
        ) from err
    return observed_delegation(partitions, undelegated)


def _takes_image(model: Any, operator: Any) -> bool:
    if operator_name(model, operator) != "QUANTIZE":
        return False
    subgraph, image = model.subgraphs[0], operator.inputs[0]
    tensors = (subgraph.tensors[index] for index in (image, operator.outputs[0]))
    return image in subgraph.inputs and {TFLITE_TYPES[tensor.type] for tensor in tensors} == CODES


def _undelegated(model: Any, operator: Any) -> Undelegated:
    subgraph, kind = model.subgraphs[0], operator_name(model, operator)
    # -1 stands for an input that is left out.
    inputs, results = (
        [_operand(subgraph.tensors[index]) for index in places if index >= 0]
        for places in (() if operator.inputs is None else operator.inputs, results_of(operator))
    )
    return Undelegated(
        kind=kind,
        layer=layer_name(result_name(subgraph, operator)),
        reason=refusal(kind, inputs, results[0]) if results else UNKNOWN,
        takes_image=_takes_image(model, operator),
    )


def _operand(tensor: Any) -> Operand:
    scales = [] if tensor.quantization is None else tensor.quantization.scale
    # No scale is no array, not an empty one.
    first = next(iter(scales if scales is not None else []), 0.0)
    return Operand(dtype=TFLITE_TYPES[tensor.type], scale=float(first))
