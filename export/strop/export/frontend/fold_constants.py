"""Computes the operations of a .tflite that read constants only, before it is read.

TensorFlow's converter leaves some: extract_patches transposes a kernel of zeros and ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from strop.export.frontend.cut_island import cut_out
from strop.export.frontend.tflite_names import operator_name
from strop.export.tensorflow_logs import native_stderr_held

RANDOM = ("RANDOM", "MULTINOMIAL")  # what their names begin with


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
