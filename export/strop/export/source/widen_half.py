"""Rewrite a TensorFlow graph that computes in half precision to compute in float32.

No engine that strop writes for computes in half precision on a CPU, and TensorFlow's converter
refuses such graphs; mixed_float16 leaves them in a SavedModel.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

HALF_TYPES = ("float16", "bfloat16")
FLOAT = tf.float32.as_datatype_enum
HALF = frozenset({tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum})


def widen_half(graph_def: Any) -> Any:
    """Replace half precision in a GraphDef by float32, in place; casts to it do nothing then.

    Returns:
        The same object.
    """
    for node in graph_def.node:
        _widen_node(node)
    for function in graph_def.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            if argument.type in HALF:
                argument.type = FLOAT
        for node in function.node_def:
            _widen_node(node)
    return graph_def


def _widen_node(node: Any) -> None:
    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "type" and value.type in HALF:
            value.type = FLOAT
        elif kind == "list" and any(item in HALF for item in value.list.type):
            value.list.type[:] = [FLOAT if item in HALF else item for item in value.list.type]
        elif kind == "tensor" and value.tensor.dtype in HALF:
            wide = tf.make_ndarray(value.tensor).astype("float32")
            value.tensor.CopyFrom(tf.make_tensor_proto(wide))
