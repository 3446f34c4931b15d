"""Writes a float graph as .onnx, by the nodes that the int8 file has, without quantizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from strop.export.emit.onnx import EMITTERS
from strop.export.emit.onnx_conventions import TO_NCHW
from strop.export.emit.onnx_writer import IMAGE, OnnxWriter, codes_of, constant_in_nchw
from strop.export.ir.channel_shuffle import expand_shuffles
from strop.export.ir.graph import Graph, Op
from strop.export.options.choices import OnnxInput
from strop.export.passes.fold import fold_layers
from strop.runtime.artifact.contract import Layout


def emit_float_graph(
    graph: Graph,
    metadata: Mapping[str, str],
    layout: Layout,
    outputs: Sequence[str] = ("scores",),
) -> bytes:
    """Write a .onnx with float32 image, pixels 0..255, and the graph's own output.

    Args:
        graph: Float; its input stands for the pixels.
        metadata: For the model's metadata_props.
        layout: Of the image.
        outputs: What the outputs are called, where there are several.

    Returns:
        The serialized ModelProto; the same graph gives the same bytes.

    Raises:
        QuantizationError: Nothing writes one of its islands for ONNX.
    """
    writer = _FloatWriter(expand_shuffles(fold_layers(graph)), layout)
    writer.add_image()
    for op in writer.graph.ops:
        EMITTERS[op.kind](writer, op)
    return writer.finish(metadata, outputs)


class _FloatWriter(OnnxWriter):
    """What stands for codes elsewhere are reals here."""

    def __init__(self, graph: Graph, layout: Layout) -> None:
        super().__init__(graph, OnnxInput.BYTES)
        self._layout = layout

    def add_image(self) -> None:
        pixels = codes_of(self.graph.input)
        if self._layout is Layout.NHWC:
            self.node("Transpose", [IMAGE], pixels, perm=TO_NCHW)
        else:
            self.node("Identity", [IMAGE], pixels)

    def _image_info(self) -> Any:
        shape = self.graph.tensors[self.graph.input].shape
        if self._layout is Layout.NCHW:
            shape = tuple(shape[axis] for axis in TO_NCHW)
        return helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, self._open(shape))

    def real(self, name: str, reader: Op | None) -> str:
        tensor = self.graph.tensors[name]
        if tensor.data is None:
            return codes_of(name)
        rank = len(self.graph.tensors[reader.output if reader else name].shape)
        return self.constant(name, constant_in_nchw(tensor.data, rank))

    def coded(self, real: str, op: Op) -> None:
        limited = self.limited(real, op)
        if self.nodes[-1].output[0] == limited:
            self.nodes[-1].output[0] = codes_of(op.output)
        else:
            self.node("Identity", [limited], codes_of(op.output))

    def zero_code(self, name: str) -> str:
        return self.constant("zero", np.array(0, np.float32))
