"""Refuses by name the operators of a .tflite that no int8 file can hold.

Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.tflite_names import layer_name, operator_code, result_name
from strop.export.tflite_files.tensors import (
    indices_of,
    is_constant,
    is_quantized,
    kind_of,
)
from strop.runtime.errors import SourceError

CONTROL_FLOW = frozenset({"IF", "WHILE", "CALL", "CALL_ONCE"})
STATE = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"})
RANDOM = frozenset({"MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"})
QUANTIZED = (
    "this model is quantized already, and strop starts from float: give that; `strop evaluate`,"
    " `strop bench` and `strop transcode` take this file as it is"
)


def check_operators(model: Any, subgraph: Any, path: Path) -> None:
    """Refuse the first operator that strop cannot start from.

    Raises:
        SourceError: There is one; its result, its kind and what to do are named.
    """
    weights = _constants(model, subgraph)
    for operator in subgraph.operators:
        reason = _why_not(model, subgraph, operator, weights)
        if reason:
            raise _refusal(model, subgraph, operator, reason, path)
        if weights.issuperset(indices_of(operator.inputs)):
            weights.update(indices_of(operator.outputs))


def check_order(model: Any, subgraph: Any, image: int, path: Path) -> None:
    """Refuse a file whose operators read what is not yet there, or write twice: LiteRT runs it.

    Raises:
        SourceError: One does; `image` is the place of the picture.
    """
    kept = {at for at, tensor in enumerate(subgraph.tensors) if tensor.isVariable}
    known = _constants(model, subgraph) | kept | {-1, image}
    for operator in subgraph.operators:
        results = indices_of(operator.outputs)
        if not known.issuperset(indices_of(operator.inputs)) or not known.isdisjoint(results):
            reason = "the operators are out of order: the file is damaged, copy or convert it again"
            raise _refusal(model, subgraph, operator, reason, path)
        known.update(results)


def _constants(model: Any, subgraph: Any) -> set[int]:
    return {index for index in range(len(subgraph.tensors)) if is_constant(model, index)}


def _refusal(model: Any, subgraph: Any, operator: Any, reason: str, path: Path) -> SourceError:
    place = layer_name(result_name(subgraph, operator)) or "an operator"
    return SourceError(f"{path}: {place} is {kind_of(model, operator)}; {reason}")


def _why_not(model: Any, subgraph: Any, operator: Any, weights: Set[int]) -> str:
    """Why strop cannot start from an operator; empty if nothing is against it so far.

    `weights` are the tensors that are known without a picture.
    """
    kind = kind_of(model, operator)
    if kind in CONTROL_FLOW:
        return "int8 models hold no control flow; write it out and convert"
    if kind in STATE:
        return "a model that keeps values from picture to picture; convert it for inference"
    if kind in RANDOM:
        return "the certificate needs the same answer each time; convert it for inference"
    if operator_code(model, operator) == schema.BuiltinOperator.CUSTOM:
        return "an operator of its writer, not of TFLite; replace the layer and convert"
    return _why_not_float(subgraph, operator, kind, weights)


def _why_not_float(subgraph: Any, operator: Any, kind: str, weights: Set[int]) -> str:
    inputs = {index for index in indices_of(operator.inputs) if index >= 0}
    if inputs <= weights:
        return ""  # makes float weights of others, as DENSIFY and DEQUANTIZE do
    results = [subgraph.tensors[index] for index in indices_of(operator.outputs)]
    if kind in ("QUANTIZE", "DEQUANTIZE") or any(map(is_quantized, results)):
        return QUANTIZED
    return ""
