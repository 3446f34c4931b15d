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

from strop.export.frontend.cut_island import cut_out
from strop.export.frontend.tflite_names import operator_name
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
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            model.buffers.append(buffer)
            subgraph.tensors[index].buffer = len(model.buffers) - 1
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
    low, high = limits
    middle = _another(model, result, b"/at_least")
    return [
        _operator(model, "MAXIMUM", [image, _constant(model, low)], middle),
        _operator(model, "MINIMUM", [middle, _constant(model, high)], result),
    ]


def _operator(model: Any, name: str, inputs: list[int], output: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
    code.version = 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = inputs, [output]
    operator.builtinOptions = schema.MaximumMinimumOptionsT()
    operator.builtinOptionsType = schema.BuiltinOptions.MaximumMinimumOptions
    return operator


def _another(model: Any, index: int, ending: bytes) -> int:
    """Add a tensor of the same shape."""
    tensors = model.subgraphs[0].tensors
    made = copy(tensors[index])
    made.name = (made.name or b"") + ending
    tensors.append(made)
    return len(tensors) - 1


def _constant(model: Any, value: float) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.float32(value).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.hasRank = f"limit{value:g}".encode(), [], True
    tensor.type, tensor.buffer = schema.TensorType.FLOAT32, len(model.buffers) - 1
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1
