"""Simplifies a .tflite of TensorFlow's converter in place, before it is read.

The converter leaves operations on constants alone: extract_patches transposes a kernel of zeros
and ones. Limits other than ReLU's and ReLU6's are fused, which int8 has as operations only.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from strop.export.ir.cut_island import cut_out
from strop.export.ir.tflite_edit import add_constant, new_operator, set_values
from strop.export.ir.tflite_names import operator_name
from strop.export.tensorflow_logs import native_stderr_held

RANDOM = ("RANDOM", "MULTINOMIAL")  # what their names begin with
FUSED = {schema.ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0)}
ALONE = {"RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}


def fold_constants(model: Any) -> None:
    """Replace operations on constants by their results, in place.

    Args:
        model: A schema.ModelT.
    """
    subgraph = model.subgraphs[0]
    kept = []
    for operator in subgraph.operators:
        is_random = operator_name(model, operator).startswith(RANDOM)
        is_known = all(_is_constant(model, index) for index in operator.inputs if index >= 0)
        if is_random or not is_known or not len(operator.inputs):
            kept.append(operator)
            continue
        for index, values in zip(operator.outputs, _results(model, operator), strict=True):
            set_values(model, subgraph.tensors[index], values)
            subgraph.tensors[index].shape = list(values.shape)
    subgraph.operators = kept


def _is_constant(model: Any, index: int) -> bool:
    data = model.buffers[model.subgraphs[0].tensors[index].buffer].data
    return data is not None and len(data) > 0


def _results(model: Any, operator: Any) -> list[Any]:
    names = [str(index) for index in range(len(model.subgraphs[0].tensors))]
    content = cut_out(model, [operator], names, (), operator.outputs)
    with native_stderr_held():  # LiteRT says which delegate it made
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def unfuse_limits(model: Any) -> None:
    """Write limits of -1 to 1 and of 0 to 1 as a MAXIMUM and a MINIMUM by constants, in place.

    Args:
        model: A schema.ModelT.
    """
    subgraph = model.subgraphs[0]
    operators: list[Any] = []
    for operator in subgraph.operators:
        options = operator.builtinOptions
        fused = getattr(options, "fusedActivationFunction", schema.ActivationFunctionType.NONE)
        name = operator_name(model, operator)
        if name in ALONE:
            operators += _limits(model, operator.inputs[0], operator.outputs[0], ALONE[name])
        elif fused in FUSED:
            options.fusedActivationFunction = schema.ActivationFunctionType.NONE
            result = operator.outputs[0]
            operator.outputs = [_another(model, result, b"/unlimited")]
            limits = _limits(model, operator.outputs[0], result, FUSED[fused])
            operators += [operator, *limits]
        else:
            operators.append(operator)
    subgraph.operators = operators


def _limits(model: Any, image: int, result: int, limits: tuple[float, float]) -> list[Any]:
    middle = _another(model, result, b"/at_least")
    places = [add_constant(model, f"limit{each:g}", np.array(each, np.float32)) for each in limits]
    options = schema.MaximumMinimumOptionsT()
    return [
        new_operator(model, "MAXIMUM", [image, places[0]], middle, options),
        new_operator(model, "MINIMUM", [middle, places[1]], result, options),
    ]


def _another(model: Any, index: int, ending: bytes) -> int:
    """Add a tensor of the same shape."""
    tensors = model.subgraphs[0].tensors
    made = copy(tensors[index])
    made.name = (made.name or b"") + ending
    tensors.append(made)
    return len(tensors) - 1
