"""The way through `strop export`: a source in, a certified bundle out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from strop.export.audit import audit
from strop.export.bundle import MANIFEST, bundle
from strop.export.calibrate import calibrate
from strop.export.certify import Certificate, broken_promises
from strop.export.correct import correct
from strop.export.emit_float_onnx import emit_float_onnx
from strop.export.emit_onnx import emit_onnx
from strop.export.emit_tflite import emit_tflite
from strop.export.equalize import equalize
from strop.export.fold import cut_activation, fold
from strop.export.front_end import convert, float_graph
from strop.export.graph import Graph
from strop.export.manifest import Artifact, manifest_json
from strop.export.options import ExportOptions
from strop.export.precision import FORMATS, Precision
from strop.export.quantize import QuantizedGraph, quantize
from strop.export.score import certify
from strop.export.source import Source
from strop.runtime.artifact import ONNX_CONTRACT_KEY, Format, append_contract
from strop.runtime.contract import Activation, Contract
from strop.runtime.dataset import batches
from strop.runtime.errors import GateError, QuantizationError, SourceError
from strop.runtime.record import installed_version

BATCH_SIZE = 25  # images in memory at once; 25 of 224 x 224 take 4 MB, activations 200 MB
MAX_CORRECTION_IMAGES = 128  # their int8 activations are held all at once: 150 MB at 224 x 224


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What an export made.

    Attributes:
        artifacts: The files, in the order they were asked for.
        certificate: What they are worth.
        broken: Why `max_drop` cannot be promised; empty if it can or was not asked for.
    """

    artifacts: tuple[Artifact, ...]
    certificate: Certificate
    broken: tuple[str, ...]


def export(
    source: Source,
    options: ExportOptions,
    *,
    on_step: Callable[[str], None] = lambda step: None,
) -> Export:
    """Fold, calibrate, quantize, write, audit, certify and bundle a model.

    Args:
        source: The float model.
        options: What to make of it.
        on_step: Called with the name of each step as it begins.

    Returns:
        What was written to `options.output`.

    Raises:
        SourceError: The model cannot be converted, or does not fit the labels.
        QuantizationError: It cannot be quantized, or there are too few images.
        GateError: `max_drop` cannot be promised, and `keep_failed` is not set.
        OutputError: The output cannot be written.
    """
    _check(source, options)
    with bundle(options.output, force=options.force) as folder:
        artifacts: dict[Path, Precision] = {}
        for precision in options.precisions:
            on_step(f"make {precision.value}")
            for form, content in _contents(source, options, precision):
                path = folder / f"{source.name}.{precision.value}.{form.value}"
                path.write_bytes(content)
                artifacts[path] = precision
        on_step("certify")
        certificate = certify(source, tuple(artifacts), options)
        broken: tuple[str, ...] = ()
        if options.max_drop is not None:
            broken = broken_promises(certificate, options.max_drop)
        if broken and not options.keep_failed:
            raise GateError(
                "\n".join(broken) + "\nnothing was written; --keep-failed writes it all the same"
            )
        on_step("bundle")
        made = tuple(
            Artifact(path=path, precision=precision, audit=audit(path))
            for path, precision in artifacts.items()
        )
        (folder / MANIFEST).write_text(manifest_json(source, options, made, certificate))
    moved = tuple(replace(artifact, path=options.output / artifact.path.name) for artifact in made)
    return Export(artifacts=moved, certificate=certificate, broken=broken)


def _check(source: Source, options: ExportOptions) -> None:
    """Refuse what cannot end well, before the work starts."""
    if options.labels and len(options.labels) != source.classes:
        raise SourceError(
            f"{source.name}: has {source.classes} classes, and there are {len(options.labels)}"
            " labels; needed is one label a class, in the order of the scores"
        )
    if Precision.INT8 in options.precisions and len(options.calibration) < options.min_images:
        raise QuantizationError(
            f"calibration data: {len(options.calibration)} images, int8 calibration needs at least"
            f" {options.min_images}; add images, or lower --min-images"
        )
    if not options.calibration and not options.validation:
        raise SourceError(
            "no images to certify the artifacts with; give --validation-data, or at least"
            " --calibration-data"
        )
    if not any(form in options.formats for name in options.precisions for form in FORMATS[name]):
        raise SourceError(
            f"{', '.join(name.value for name in options.precisions)} is not written as"
            f" {', '.join(form.value for form in options.formats)}; float16 and dynamic are .tflite"
        )


def _contract(source: Source, options: ExportOptions, activation: Activation) -> Contract:
    return Contract(
        height=source.height,
        width=source.width,
        channels=source.channels,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
        activation=activation,
        labels=options.labels,
        source=source.name,
        source_sha256=source.sha256,
        strop_version=installed_version(),
    )


def _contents(
    source: Source, options: ExportOptions, precision: Precision
) -> Iterator[tuple[Format, bytes]]:
    """Every format of a precision, its contract inside."""
    formats = [form for form in FORMATS[precision] if form in options.formats]
    if precision is Precision.INT8:
        graph, activation = cut_activation(float_graph(source))
        contract = _contract(source, options, activation)
        quantized = _quantized(graph, contract, options)
    else:
        # The converters' files keep the model's own last activation.
        contract = _contract(source, options, Activation.NONE)
    metadata = {ONNX_CONTRACT_KEY: contract.to_json()}
    for form in formats:
        if precision is Precision.INT8 and form is Format.ONNX:
            yield form, emit_onnx(quantized, metadata)
        elif precision is Precision.INT8:
            yield form, append_contract(emit_tflite(quantized), contract)
        elif form is Format.ONNX:
            yield form, emit_float_onnx(source, metadata)
        else:
            yield form, append_contract(convert(source, precision), contract)


def _quantized(graph: Graph, contract: Contract, options: ExportOptions) -> QuantizedGraph:
    images = options.calibration
    folded = fold(graph)
    calibration = calibrate(folded, batches(images, contract, batch_size=BATCH_SIZE))
    equalized = equalize(folded, calibration)
    quantized = quantize(equalized.deploy, equalized.calibration)
    # Evenly spread: folders are sorted by class.
    some = images[:: -(-len(images) // MAX_CORRECTION_IMAGES)]
    return correct(quantized, equalized.calibration, batches(some, contract, batch_size=BATCH_SIZE))
