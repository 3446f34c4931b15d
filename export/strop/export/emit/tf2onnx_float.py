"""Writes the float .onnx of a source that TensorFlow runs, with tf2onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from onnx import helper

from strop.export.emit.onnx_conventions import OPSET
from strop.export.frontend.tensorflow_converter import freeze
from strop.export.source.source import Source
from strop.export.tensorflow_logs import native_stderr_dropped
from strop.runtime.artifact.contract import Layout
from strop.runtime.errors import SourceError

# On functions that Keras compiles, as it does convolutions in groups.
KEPT_AS_CALLS = ("_XlaMustCompile", "_noinline")
CONVERSION_ERRORS = (
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
)


def emit_by_tf2onnx(source: Source, metadata: Mapping[str, str], layout: Layout) -> bytes:
    """Write a .onnx with float32 image and the model's own output.

    Args:
        source: The model; its `forward` takes the pixel values 0..255.
        metadata: For the model's metadata_props.
        layout: Of the image.

    Returns:
        The serialized ModelProto.

    Raises:
        SourceError: tf2onnx has no ONNX operation for one of the model's.
    """
    # From the frozen graph: of a function, tf2onnx makes every captured constant an input.
    frozen = freeze(source)
    graph_def = frozen.graph_def()
    _allow_inlining(graph_def)
    image = [frozen.image.name]
    try:
        with native_stderr_dropped():
            model, _ = tf2onnx.convert.from_graph_def(
                graph_def,
                input_names=image,
                output_names=[tensor.name for tensor in frozen.outputs],
                opset=OPSET,
                inputs_as_nchw=image if layout is Layout.NCHW else None,
                custom_op_handlers={"Erfc": (_erfc, [])},
            )
        if len(source.sizes) > 1:
            _name_outputs(model.graph, source.outputs)
        onnx.checker.check_model(model, full_check=True)
    except (*CONVERSION_ERRORS, tf.errors.OpError) as err:
        raise SourceError(
            f"{source.name}: tf2onnx does not take this model ({' '.join(str(err).split())[:300]});"
            " replace the layer that it names, or leave .onnx out with --format tflite"
        ) from err
    helper.set_model_props(model, dict(metadata))
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def _name_outputs(graph: Any, names: Sequence[str]) -> None:
    """Call the outputs as the source does: tf2onnx calls them as TensorFlow's tensors."""
    for value, name in zip(graph.output, names, strict=True):
        graph.node.append(helper.make_node("Identity", [value.name], [name]))
        value.name = name


def _erfc(graph: Any, node: Any, name: str, args: Any) -> None:
    """Replace erfc(x), of which Keras makes a GELU, by 1 - erf(x): ONNX has only that."""
    del args  # tf2onnx passes what stands beside this function
    dtype, shape = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0])
    results = list(node.output)
    graph.remove_node(node.name)
    erf = graph.make_node("Erf", node.input, shapes=[shape], dtypes=[dtype])
    one = graph.make_const(f"{name}/one", np.array(1, np.float32))
    inputs = [one.output[0], erf.output[0]]
    graph.make_node("Sub", inputs, name=name, outputs=results, shapes=[shape], dtypes=[dtype])


def _allow_inlining(graph_def: Any) -> None:
    """Let TensorFlow inline all functions: tf2onnx reads no calls."""
    library = graph_def.library.function
    nodes = [node for function in library for node in function.node_def]
    for item in (*library, *nodes, *graph_def.node):
        for mark in KEPT_AS_CALLS:
            item.attr.pop(mark, None)
