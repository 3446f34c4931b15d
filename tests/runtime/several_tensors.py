"""Artifacts that are no classifiers: two inputs, two outputs, one as long as a run finds."""

from __future__ import annotations

import warnings

import numpy as np

TABLE = np.arange(12, dtype=np.float32).reshape(2, 6)


def several_tflite() -> bytes:
    """Takes int32 tokens and a bool mask; returns rows of a table, and where the mask is set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow warns of its own deprecations
        import tensorflow as tf

        class Several(tf.Module):  # type: ignore[misc]
            @tf.function(  # type: ignore[untyped-decorator]
                input_signature=[tf.TensorSpec([1, 5], tf.int32), tf.TensorSpec([5], tf.bool)]
            )
            def __call__(self, tokens: object, mask: object) -> tuple[object, object]:
                return tf.gather(TABLE, tokens), tf.where(mask)

        module = Several()
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [module.__call__.get_concrete_function()], module
        )
        artifact: bytes = converter.convert()
    return artifact


def several_onnx() -> bytes:
    """The same as an .onnx."""
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "tokens"], ["rows"]),
            helper.make_node("NonZero", ["mask"], ["places"]),
        ],
        "several",
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT32, ["n", 5]),
            helper.make_tensor_value_info("mask", TensorProto.BOOL, [5]),
        ],
        [
            helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 5, 6]),
            helper.make_tensor_value_info("places", TensorProto.INT64, [1, "found"]),
        ],
        [onnx.numpy_helper.from_array(TABLE, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    serialized: bytes = model.SerializeToString()
    return serialized


def stateful_tflite() -> bytes:
    """Adds what comes in to a variable; that is written by an operator without a result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow warns of its own deprecations
        import tensorflow as tf

        class Sum(tf.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.sum = tf.Variable(tf.zeros([1, 3]))

            @tf.function(input_signature=[tf.TensorSpec([1, 3])])  # type: ignore[untyped-decorator]
            def __call__(self, added: object) -> object:
                return self.sum.assign_add(added) * 2

        module = Sum()
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [module.__call__.get_concrete_function()], module
        )
        converter.experimental_enable_resource_variables = True
        artifact: bytes = converter.convert()
    return artifact
