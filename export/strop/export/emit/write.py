"""Writes the files of one precision, each with its contract inside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from strop.export.emit.float_onnx import emit_float_onnx
from strop.export.emit.island_onnx import translated
from strop.export.emit.onnx import emit_onnx
from strop.export.emit.onnx_metadata import onnx_metadata
from strop.export.emit.qoperator_onnx import emit_qoperator_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.emit.tflite_metadata import with_metadata
from strop.export.frontend.convert import convert
from strop.export.ir.graph import Graph, Kind, Op, Tensor
from strop.export.options.choices import FORMATS, OnnxForm, OnnxInput, Precision, ResultType
from strop.export.options.options import ExportOptions
from strop.export.passes.scale_sharing import FIXED
from strop.export.quantize.quantize import QuantizedGraph
from strop.export.source.source import Source
from strop.runtime.artifact.artifact import (
    Format,
    append_contract,
    seal_onnx,
)
from strop.runtime.artifact.contract import Activation, Contract, Layout
from strop.runtime.errors import QuantizationError
from strop.runtime.records.version import installed_version

EMITTERS = {OnnxForm.QDQ: emit_onnx, OnnxForm.QOPERATOR: emit_qoperator_onnx}
ENDINGS = {Activation.SOFTMAX: Kind.SOFTMAX, Activation.SIGMOID: Kind.LOGISTIC}


@dataclass(frozen=True, kw_only=True, slots=True)
class Int8:
    """What the int8 files are written from.

    Attributes:
        quantized: The integers, up to the scores.
        contract: For inside the files.
        ending: What the files apply to the scores themselves.
    """

    quantized: QuantizedGraph
    contract: Contract
    ending: Activation = Activation.NONE


def check_islands(graph: Graph, *, full_int8: bool, is_onnx: bool) -> None:
    """Refuse islands that are not wanted, or that a format cannot hold.

    Args:
        graph: A float deploy graph.
        full_int8: Whether nothing may stay in float.
        is_onnx: Whether an .onnx is to be written.

    Raises:
        QuantizationError: There is one; its operation is named.
    """
    islands = {op.island: op.output for op in graph.ops if op.island is not None}
    if full_int8 and islands:
        causes = [cause for island in islands for cause in island.causes]
        first, others = causes[0], len(causes) - 1
        also = f" ({others} more operations are like it)" if others else ""
        raise QuantizationError(
            f"{first.layer}: {first.found}{also}, and --full-int8 keeps nothing in float;"
            f" {first.needs}, or leave --full-int8 out"
        )
    if is_onnx:
        for island, layer in islands.items():
            translated(island, layer)


def contract_of(source: Source, options: ExportOptions, activation: Activation) -> Contract:
    """Return the contract of a file whose scores still need `activation`."""
    decision = options.decision
    limits = () if decision is None else tuple(sorted(set(decision.thresholds)))
    return Contract(
        height=source.height,
        width=source.width,
        channels=source.channels,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
        activation=activation,
        labels=options.labels,
        task=None if decision is None else decision.task,
        # One where all are the same.
        thresholds=limits if decision is None or len(limits) < 2 else decision.thresholds,
        source=source.name,
        source_sha256=source.sha256,
        strop_version=installed_version(),
    )


def write_int8(folder: Path, source: Source, options: ExportOptions, int8: Int8) -> list[Path]:
    """Write the int8 files, in the formats that are asked for.

    Returns:
        Their paths in `folder`, which exists.
    """
    paths = []
    for form, path in artifact_paths(folder, source, options, Precision.INT8).items():
        if form is Format.ONNX:
            quantized = _with_ending(int8.quantized, int8.ending)
            metadata = onnx_metadata(replace(int8.contract, layout=_layout(options)))
            emit = EMITTERS[options.onnx_form]
            path.write_bytes(seal_onnx(emit(quantized, metadata, options.onnx_input)))
        else:
            are_codes = options.written_type is not ResultType.FLOAT32
            quantized = _with_ending(int8.quantized, int8.ending, are_codes=are_codes)
            contract = _tflite_contract(int8)
            content = emit_tflite(
                quantized,
                options.input,
                source.names,
                options.written_type,
                contract,
                wide_in_groups=options.wide_in_groups,
            )
            path.write_bytes(append_contract(content, contract))
        paths.append(path)
    return paths


def _with_ending(
    quantized: QuantizedGraph, activation: Activation, *, are_codes: bool = False
) -> QuantizedGraph:
    """Append the activation.

    Args:
        quantized: A graph that ends in scores.
        activation: NONE leaves it as it is.
        are_codes: Compute it in int8, whose steps of 1/256 make ties of small probabilities.

    Returns:
        A graph whose result is in 0..1.
    """
    if activation is Activation.NONE:
        return quantized
    graph = quantized.graph
    scores = graph.tensors[graph.output]
    kind = ENDINGS[activation]
    quant = FIXED[kind] if are_codes else None
    result = Tensor(name=f"{scores.name}/probabilities", shape=scores.shape, quant=quant)
    last = Op(kind=kind, inputs=(scores.name,), output=result.name)
    ends = graph.rewired((*graph.ops, last), added=(result,), output=result.name)
    return replace(quantized, graph=ends)


def _tflite_contract(int8: Int8) -> Contract:
    """The contract says the same of the input as its scale and zero point, see `emit_tflite`."""
    values = int8.quantized.values
    return replace(int8.contract, mean=(float(values.zero),), std=(values.unit,))


def _layout(options: ExportOptions) -> Layout:
    """In which order the input of an .onnx has the image's values."""
    return Layout.NCHW if options.onnx_input is OnnxInput.FLOAT_NCHW else Layout.NHWC


def write_converted(
    folder: Path, source: Source, options: ExportOptions, precision: Precision
) -> list[Path]:
    """Write the converters' files of another precision; they keep the model's last activation.

    Returns:
        Their paths in `folder`, which exists.
    """
    contract = contract_of(source, options, Activation.NONE)
    paths = []
    for form, path in artifact_paths(folder, source, options, precision).items():
        if form is Format.ONNX:
            layout = _layout(options)
            metadata = onnx_metadata(replace(contract, layout=layout))
            path.write_bytes(seal_onnx(emit_float_onnx(source, metadata, layout)))
        else:
            described = with_metadata(convert(source, precision), contract)
            path.write_bytes(append_contract(described, contract))
        paths.append(path)
    return paths


def artifact_paths(
    folder: Path, source: Source, options: ExportOptions, precision: Precision
) -> dict[Format, Path]:
    """Return where the files of a precision are written, by format."""
    stem = options.stem or f"{source.name}.{precision.value}"
    formats = [form for form in FORMATS[precision] if form in options.formats]
    return {form: folder / f"{stem}.{form.value}" for form in formats}
