"""The way through `strop export`: a source in, a certified bundle out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from strop.export.audit import audit
from strop.export.bundle import MANIFEST, bundle
from strop.export.certify import Certificate, broken_promises
from strop.export.emit_float_onnx import emit_float_onnx
from strop.export.emit_onnx import emit_onnx
from strop.export.emit_tflite import emit_tflite
from strop.export.fold import cut_activation, fold
from strop.export.front_end import convert, float_graph
from strop.export.golden import make_golden
from strop.export.manifest import Artifact, manifest_json
from strop.export.options import ExportOptions, check_labels
from strop.export.precision import FORMATS, Precision
from strop.export.score import BATCH_SIZE, Progress, certify, unwatched
from strop.export.source import Source
from strop.export.tune import Step, Tuned, tune
from strop.runtime.artifact import ONNX_CONTRACT_KEY, Format, append_contract
from strop.runtime.contract import Activation, Contract
from strop.runtime.dataset import batches
from strop.runtime.errors import GateError, QuantizationError, SourceError
from strop.runtime.golden import SUFFIX
from strop.runtime.record import installed_version

MAX_SAMPLE_IMAGES = 128  # their int8 activations are held all at once: 150 MB at 224 x 224


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What an export made.

    Attributes:
        artifacts: The files, in the order they were asked for.
        certificate: What they are worth.
        broken: Why `max_drop` cannot be promised; empty if it can or was not asked for.
        steps: What was done for the int8 files, and what each step was worth.
    """

    artifacts: tuple[Artifact, ...]
    certificate: Certificate
    broken: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Int8:
    """The integers, and the contract of the files that carry them."""

    tuned: Tuned
    contract: Contract


def export(
    source: Source,
    options: ExportOptions,
    *,
    on_step: Callable[[str], None] = lambda step: None,
    progress: Progress = unwatched,
) -> Export:
    """Fold, calibrate, quantize, write, audit, certify and bundle a model.

    Args:
        source: The float model.
        options: What to make of it.
        on_step: Called with the name of each step as it begins.
        progress: Passes batches of images on, and may show how far they are.

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
        on_step("convert, fold, calibrate, tune")
        int8 = (
            _make_int8(source, options, progress) if Precision.INT8 in options.precisions else None
        )
        artifacts: dict[Path, Precision] = {}
        for precision in options.precisions:
            on_step(f"write {precision.value}")
            for form, content in _contents(source, options, precision, int8):
                path = folder / f"{source.name}.{precision.value}.{form.value}"
                path.write_bytes(content)
                artifacts[path] = precision
        on_step("certify")
        certificate = certify(source, tuple(artifacts), options, progress)
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
        tuned = None if int8 is None else int8.tuned
        golden = _write_golden(folder / f"{source.name}{SUFFIX}", artifacts, options)
        manifest = manifest_json(source, options, made, certificate, golden, tuned)
        (folder / MANIFEST).write_text(manifest)
    moved = tuple(replace(artifact, path=options.output / artifact.path.name) for artifact in made)
    steps = () if tuned is None else tuned.steps
    return Export(artifacts=moved, certificate=certificate, broken=broken, steps=steps)


def _write_golden(
    path: Path, artifacts: Mapping[Path, Precision], options: ExportOptions
) -> Path | None:
    """Write golden vectors of the int8 artifacts; None where there are no such artifacts."""
    quantized = [found for found, precision in artifacts.items() if precision is Precision.INT8]
    if not quantized:
        return None
    golden = make_golden(quantized, options.validation or options.calibration)
    path.write_bytes(golden.to_bytes())
    return path


def _check(source: Source, options: ExportOptions) -> None:
    """Refuse what cannot end well, before the work starts."""
    if options.labels:
        check_labels(source, options.labels)
    if Precision.INT8 in options.precisions and len(options.calibration) < options.min_images:
        raise QuantizationError(
            f"calibration data: {len(options.calibration)} images, int8 calibration needs at least"
            f" {options.min_images}; add images (--calibration-data), or lower --min-images"
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
    source: Source, options: ExportOptions, precision: Precision, int8: _Int8 | None
) -> Iterator[tuple[Format, bytes]]:
    """Every format of a precision, its contract inside."""
    for form in (form for form in FORMATS[precision] if form in options.formats):
        if int8 is not None and precision is Precision.INT8:
            quantized = int8.tuned.quantized
            if form is Format.ONNX:
                yield form, emit_onnx(quantized, _metadata(int8.contract))
            else:
                yield form, append_contract(emit_tflite(quantized), int8.contract)
            continue
        # The converters' files keep the model's own last activation.
        contract = _contract(source, options, Activation.NONE)
        if form is Format.ONNX:
            yield form, emit_float_onnx(source, _metadata(contract))
        else:
            yield form, append_contract(convert(source, precision), contract)


def _metadata(contract: Contract) -> Mapping[str, str]:
    return {ONNX_CONTRACT_KEY: contract.to_json()}


def _make_int8(source: Source, options: ExportOptions, progress: Progress) -> _Int8:
    graph, activation = cut_activation(float_graph(source))
    contract = _contract(source, options, activation)
    images = options.calibration
    # Evenly spread: folders are sorted by class.
    some = images[:: -(-len(images) // MAX_SAMPLE_IMAGES)]
    tuned = tune(
        fold(graph),
        progress(
            batches(images, contract, batch_size=BATCH_SIZE),
            -(-len(images) // BATCH_SIZE),
            "calibrate",
        ),
        list(batches(some, contract, batch_size=BATCH_SIZE)),
        options.effort,
    )
    return _Int8(tuned=tuned, contract=contract)
