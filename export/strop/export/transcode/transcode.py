"""The way from an int8 file to one of the same integers in the other format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.onnx_metadata import onnx_metadata
from strop.export.emit.tflite import emit_tflite
from strop.export.inspect.audit import UNREADABLE
from strop.export.ir.graph import CODE_MIN, LINEAR, Graph, QuantParams
from strop.export.options.choices import Input, OnnxInput, ResultType
from strop.export.passes.fold import InputValues
from strop.export.passes.split_windows import split_windows
from strop.export.quantize.quantize import QuantizedGraph
from strop.export.transcode.assign import quantized_graph
from strop.export.transcode.coded_model import FLOAT32, INT8, CodedModel
from strop.export.transcode.read_onnx import read_coded_onnx
from strop.export.transcode.read_tflite import read_coded_tflite
from strop.runtime.artifact.artifact import Format, append_contract, detect_format, seal_onnx
from strop.runtime.artifact.contract import Contract, Layout
from strop.runtime.errors import ArtifactError

NAMES = ("image", "scores")  # in the signature
# What readers and writers run into where a file says things that do not fit together.
CONTRADICTIONS = (
    *(*UNREADABLE, ArithmeticError, RuntimeError),
    *(onnx.checker.ValidationError, onnx.shape_inference.InferenceError),
)
OTHER = {Format.TFLITE: Format.ONNX, Format.ONNX: Format.TFLITE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcoded:
    """A file of the same integers.

    Attributes:
        content: Its bytes.
        image: What the codes of the image mean.
        step: Real size of one code of the scores; 0.0 where they are computed in float.
        operations: How many the network has.
    """

    content: bytes
    image: QuantParams
    step: float
    operations: int


def transcode(path: Path, contract: Contract | None = None) -> Transcoded:
    """Write an int8 .tflite as .onnx, or a quantized .onnx as .tflite.

    An .onnx takes bytes or reals, channels last, and returns reals. A .tflite takes and returns
    what the .onnx does, channels last.

    Args:
        path: The file.
        contract: For inside the new file, by which an input of codes takes the image's bytes;
            None for none.

    Raises:
        ArtifactError: It holds what the other format has not; operation and remedy are named.
    """
    is_tflite = detect_format(path) is Format.TFLITE
    with np.errstate(all="ignore"):  # of numbers that a damaged file has
        model = read_coded_tflite(path) if is_tflite else read_coded_onnx(path)
        graph, content = _written(model, contract, is_tflite=is_tflite)
    return Transcoded(
        content=content,
        image=graph.quant(graph.input),
        step=0.0 if graph.is_real(graph.output) else graph.quant(graph.output).scale,
        operations=len(graph.ops),
    )


def _written(
    model: CodedModel, contract: Contract | None, *, is_tflite: bool
) -> tuple[Graph, bytes]:
    """The graph, and the file in the other format."""
    try:
        graph = split_windows(quantized_graph(model))
        write = _onnx if is_tflite else _tflite
        return graph, write(_quantized(graph), model, contract)
    except CONTRADICTIONS as err:
        found = (str(err).strip().splitlines() or [type(err).__name__])[0]
        raise ArtifactError(
            f"{model.where}: its tensors do not fit together ({found:.200}); export it again, or"
            " copy it again"
        ) from err


def _quantized(graph: Graph) -> QuantizedGraph:
    quant = graph.quant(graph.input)
    zero = quant.zero_point - CODE_MIN
    return QuantizedGraph(
        graph=graph, input_offset=zero, values=InputValues(zero=zero, unit=1 / quant.scale)
    )


def _onnx(quantized: QuantizedGraph, model: CodedModel, contract: Contract | None) -> bytes:
    image = None if model.image == FLOAT32 else OnnxInput.BYTES
    write = partial(emit_onnx, image=image, sums_as_xnnpack=True, averages_from=model.averages_from)
    if contract is None:
        return write(quantized, {})
    if model.image != FLOAT32:
        contract = replace(contract, mean=(0.0,), std=(1.0,))  # bytes are the pixels
    return seal_onnx(write(quantized, onnx_metadata(replace(contract, layout=Layout.NHWC))))


def _tflite(quantized: QuantizedGraph, model: CodedModel, contract: Contract | None) -> bytes:
    graph = quantized.graph
    for op in graph.ops:
        if op.kind in LINEAR and (zero_point := graph.quant(op.inputs[1]).zero_point):
            raise ArtifactError(
                f"{model.where}: {op.output}: its weights have the zero point {zero_point}, and"
                " int8 weights of a .tflite have 0; quantize them symmetrically (in"
                " quantize_static weight_type=QuantType.QInt8)"
            )
    image = None if model.image == FLOAT32 else Input.INT8 if model.image == INT8 else Input.UINT8
    result = ResultType(model.result)
    if contract is None:
        return emit_tflite(quantized, image, NAMES, result)
    contract = replace(contract, layout=Layout.NHWC)
    if image is not None:  # bytes are the pixels, and what these mean is in the file
        values = quantized.values
        contract = replace(contract, mean=(float(values.zero),), std=(values.unit,))
    content = emit_tflite(quantized, image, NAMES, result, contract)
    return append_contract(content, contract)
