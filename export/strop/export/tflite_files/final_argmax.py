"""Finds the scores that an argmax at the end of a .tflite chooses from."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.tflite_files.tensors import indices_of, is_constant, kind_of, type_of

MAP_RANK = 4  # batch, height, width, classes
LAST = MAP_RANK - 1
AXIS_TYPES = {schema.TensorType.INT32: np.int32, schema.TensorType.INT64: np.int64}
PASSED_OVER = frozenset({"CAST", "EXPAND_DIMS", "RESHAPE", "SQUEEZE"})


def scores_of_classes(model: Any, result: int) -> int | None:
    """Return the place of the scores whose highest a result is, of each pixel; None of others.

    Args:
        model: With one graph, whose operators are in order.
        result: The place of its only output.
    """
    (subgraph,) = model.subgraphs
    made_by = {
        index: operator for operator in subgraph.operators for index in indices_of(operator.outputs)
    }
    operator = made_by.get(result)
    while operator is not None and kind_of(model, operator) in PASSED_OVER:
        operator = made_by.get(int(operator.inputs[0]))
    if operator is None or kind_of(model, operator) != "ARG_MAX":
        return None
    scores, axis = indices_of(operator.inputs)
    tensor = subgraph.tensors[scores]
    is_map = len(indices_of(tensor.shape)) == MAP_RANK and type_of(tensor) == "float32"
    is_over_classes = _number(model, subgraph, axis) in (LAST, -1)
    return scores if is_map and is_over_classes and scores in made_by else None


def _number(model: Any, subgraph: Any, index: int) -> int | None:
    """Return a constant that is one whole number."""
    dtype = AXIS_TYPES.get(subgraph.tensors[index].type)
    if dtype is None or not is_constant(model, index):
        return None
    data = bytes(model.buffers[subgraph.tensors[index].buffer].data)
    if len(data) != np.dtype(dtype).itemsize:
        return None
    return int(np.frombuffer(data, dtype)[0])
