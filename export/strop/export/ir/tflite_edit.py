"""Makes operators, and adds tensors, constants and operators to a schema.ModelT's first graph.

Source: TensorFlow Lite schema, version 3,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array

# The old field of an operator's code has 8 bits; what does not fit is said by this.
LARGEST_OLD_CODE = schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES
TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
}


def add_tensor(model: Any, name: str, shape: Sequence[int]) -> int:
    """Add a float32 activation, and return its place."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.hasRank = name.encode(), list(shape), True
    tensor.type, tensor.buffer = schema.TensorType.FLOAT32, 0
    tensors = model.subgraphs[0].tensors
    tensors.append(tensor)
    return len(tensors) - 1


def add_constant(model: Any, name: str, values: Array) -> int:
    """Add a constant, float32 or int32, and return its place."""
    place = add_tensor(model, name, values.shape)
    tensor = model.subgraphs[0].tensors[place]
    tensor.type = TYPES[values.dtype]
    set_values(model, tensor, values)
    return place


def set_values(model: Any, tensor: Any, values: Array) -> None:
    """Make a tensor a constant with these values, whose type it has."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1


def new_operator(
    model: Any, kind: str, inputs: Sequence[int], output: int, options: Any = None
) -> Any:
    """Make an operator with a code of its own; it is not yet among the graph's.

    Args:
        model: A schema.ModelT.
        kind: TFLite's name of it.
        inputs: Places of tensors.
        output: Place of a tensor.
        options: An object of the schema, as ReshapeOptionsT; None for one without.
    """
    model.operatorCodes.append(operator_code(kind, 1))
    return operator_with(len(model.operatorCodes) - 1, inputs, [output], options)


def operator_code(kind: str, version: int) -> Any:
    """Make the entry of an operation, by TFLite's name, in a file's list of operations."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = min(code.builtinCode, LARGEST_OLD_CODE)
    code.version = version
    return code


def operator_with(
    code: int, inputs: Sequence[int], outputs: Sequence[int], options: Any = None
) -> Any:
    """Make an operator.

    Args:
        code: Place of its entry in the file's list of operations.
        inputs: Places of tensors.
        outputs: Places of tensors.
        options: An object of the schema, as ReshapeOptionsT; None for one without.
    """
    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs, operator.outputs = list(inputs), list(outputs)
    if options is not None:
        operator.builtinOptions = options
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    return operator
