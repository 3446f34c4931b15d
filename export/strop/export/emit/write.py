"""Writes the files of one precision, each with its contract inside."""

from __future__ import annotations

from collections.abc import Sequence
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
from strop.export.ir.outputs import output_names, with_outputs
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
from strop.runtime.artifact.contract import (
    Activation,
    Contract,
    Layout,
    OutputContract,
    Points,
)
from strop.runtime.classify.decision import Decision
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
        endings: What the files apply to the scores of each output themselves; none for nothing.
    """

    quantized: QuantizedGraph
    contract: Contract
    endings: tuple[Activation, ...] = ()


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


def contract_of(
    source: Source, options: ExportOptions, activations: Sequence[Activation] = ()
) -> Contract:
    """Return the contract of a file.

    Args:
        source: The model.
        options: How images become its input, and what its outputs are.
        activations: What the scores of each output still need; none for nothing.
    """
    decision = options.decision
    needed = activations or (Activation.NONE,) * len(source.sizes)
    outputs = tuple(
        OutputContract(
            name=one.name,
            activation=activation,
            labels=one.labels,
            task=one.decision.task,
            thresholds=_limits(one.decision),
            points=_points(one.decision),
        )
        for one, activation in zip(options.outputs, needed, strict=False)
    )
    return Contract(
        height=source.height,
        width=source.width,
        channels=source.channels,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
        activation=Activation.NONE if outputs else needed[0],
        labels=options.labels,
        task=None if decision is None else decision.task,
        thresholds=() if decision is None else _limits(decision),
        points=None if decision is None else _points(decision),
        outputs=outputs,
        detection=options.detection,
        source=source.name,
        source_sha256=source.sha256,
        strop_version=installed_version(),
    )


def _points(decision: Decision) -> Points | None:
    """Return for a contract how an output's numbers are points; None where they are not."""
    return None if decision.points is None else decision.points.given


def _limits(decision: Decision) -> tuple[float, ...]:
    """Return thresholds for a contract: one where all are the same."""
    limits = tuple(sorted(set(decision.thresholds)))
    return limits if len(limits) < 2 else decision.thresholds


def write_int8(folder: Path, source: Source, options: ExportOptions, int8: Int8) -> list[Path]:
    """Write the int8 files, in the formats that are asked for.

    Returns:
        Their paths in `folder`, which exists.
    """
    paths = []
    for form, path in artifact_paths(folder, source, options, Precision.INT8).items():
        if form is Format.ONNX:
            quantized = _with_endings(int8.quantized, int8.endings)
            metadata = onnx_metadata(replace(int8.contract, layout=_layout(options)))
            emit = EMITTERS[options.onnx_form]
            content = emit(quantized, metadata, options.onnx_input, source.outputs)
            path.write_bytes(seal_onnx(content))
        else:
            are_codes = options.written_type is not ResultType.FLOAT32
            quantized = _with_endings(int8.quantized, int8.endings, are_codes=are_codes)
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


def _with_endings(
    quantized: QuantizedGraph, activations: Sequence[Activation], *, are_codes: bool = False
) -> QuantizedGraph:
    """Append activations.

    Args:
        quantized: A graph that ends in scores.
        activations: Of each output; NONE leaves it as it is, and so do none at all.
        are_codes: Compute it in int8, whose steps of 1/256 make ties of small probabilities.

    Returns:
        A graph whose results are in 0..1.
    """
    if set(activations) <= {Activation.NONE}:
        return quantized
    graph = quantized.graph
    names = output_names(graph)
    ops = [op for op in graph.ops if op.kind is not Kind.OUTPUTS]
    ends, added = [], []
    for name, activation in zip(names, activations, strict=True):
        ends.append(name)
        if activation is not Activation.NONE:
            kind = ENDINGS[activation]
            quant = FIXED[kind] if are_codes else None
            shape = graph.tensors[name].shape
            added.append(Tensor(name=f"{name}/probabilities", shape=shape, quant=quant))
            ops.append(Op(kind=kind, inputs=(name,), output=added[-1].name))
            ends[-1] = added[-1].name
    ended = graph.rewired(ops, added=added, output=ends[0])
    return replace(quantized, graph=with_outputs(ended, ends))


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
    contract = contract_of(source, options)
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
