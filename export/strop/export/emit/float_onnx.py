"""Writes the float .onnx: float32 image, pixels 0..255, and the model's own output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from strop.export.emit.float_onnx_writer import emit_float_graph
from strop.export.emit.onnx_conventions import TO_NCHW, TO_NHWC
from strop.export.frontend.convert import float_graph
from strop.export.onnx_files.vet import OnnxFile, open_onnx
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Layout
from strop.runtime.errors import SourceError

IMAGE = "strop_image"


def emit_float_onnx(
    source: Source, metadata: Mapping[str, str], layout: Layout = Layout.NHWC
) -> bytes:
    """Write a .onnx with float32 image and the model's own output.

    Args:
        source: The model; its `forward` takes the pixel values 0..255.
        metadata: For the model's metadata_props.
        layout: Of the image.

    Returns:
        The serialized ModelProto. Of an .onnx, the user's own graph behind its normalization.

    Raises:
        SourceError, QuantizationError: There is no ONNX operation for one of the model's.
    """
    if source.tflite is None:
        from strop.export.emit.tf2onnx_float import emit_by_tf2onnx  # loads TensorFlow

        return emit_by_tf2onnx(source, metadata, layout)
    if source.engine == "litert":
        return emit_float_graph(float_graph(source), metadata, layout, source.outputs)
    return _behind_pixels(source, metadata, layout)


def _behind_pixels(source: Source, metadata: Mapping[str, str], layout: Layout) -> bytes:
    """Put what makes the file's own input of pixels in front of its graph."""
    if source.file is None:
        raise SourceError(f"{source.name}: no file of it is known; load it from its .onnx")
    sides = (source.height, source.width)
    file = open_onnx(source.file, size=sides, outputs=source.outputs)
    graph = file.model.graph
    steps = _steps(source, file, graph, layout)
    shape = (1, *sides, source.channels)
    if layout is Layout.NCHW:
        shape = (1, source.channels, *sides)
    others = [value for value in graph.input if value.name != file.names[0]]
    nodes = list(graph.node)
    kept = [value for value in graph.output if value.name in file.names[1:]]
    # What was known of shapes may be known of another batch.
    del graph.input[:], graph.node[:], graph.value_info[:], graph.output[:]
    graph.output.extend(kept)
    graph.input.extend([helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, shape), *others])
    graph.node.extend([*steps, *nodes])
    helper.set_model_props(file.model, dict(metadata))
    onnx.checker.check_model(file.model)
    serialized: bytes = file.model.SerializeToString(deterministic=True)
    return serialized


def _steps(source: Source, file: OnnxFile, graph: Any, layout: Layout) -> list[Any]:
    """Nodes from the image to the file's own input; their constants are added to the graph."""
    per_channel = (-1,) if layout is Layout.NHWC else (-1, 1, 1)
    name, steps = IMAGE, []
    for kind, numbers, neutral in (("Sub", source.mean, 0.0), ("Div", source.std, 1.0)):
        if set(numbers) == {neutral}:
            continue
        values = np.array(numbers, np.float32).reshape(per_channel)
        constant = numpy_helper.from_array(values, f"{IMAGE}/{kind}")
        graph.initializer.append(constant)
        steps.append(helper.make_node(kind, [name, constant.name], [f"{IMAGE}/{kind}/result"]))
        name = steps[-1].output[0]
    own = [file.names[0]]
    if file.is_nchw == (layout is Layout.NCHW):
        steps.append(helper.make_node("Identity", [name], own))
    else:
        order = TO_NCHW if file.is_nchw else TO_NHWC
        steps.append(helper.make_node("Transpose", [name], own, perm=order))
    return steps
