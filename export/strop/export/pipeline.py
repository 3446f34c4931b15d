"""The way through `strop export`: a source in, a certified bundle out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from strop.export.bundle.bundle import MANIFEST, REPORT, bundle
from strop.export.bundle.html_report import export_html
from strop.export.bundle.manifest import Artifact, Int8Record, manifest_json
from strop.export.certify.certificate import Certificate
from strop.export.certify.certify import certify
from strop.export.certify.drop_limit import broken_promises
from strop.export.certify.golden import make_golden
from strop.export.emit.check_islands import check_islands
from strop.export.emit.write import Int8, contract_of, write_converted, write_int8
from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.frontend.source_decision import source_decision
from strop.export.image_checks.check_images import check_images
from strop.export.image_checks.finding import ImageFinding
from strop.export.inspect.audit import audit
from strop.export.inspect.count_artifact import count_artifact
from strop.export.inspect.delegation import delegation
from strop.export.ir.faults import named_faults
from strop.export.ir.graph import Array
from strop.export.max_drop.float_layers import NO_FLOAT_LAYERS, FloatLayer, FloatLayers
from strop.export.max_drop.island_prices import price_islands
from strop.export.max_drop.search import keep_promise, told
from strop.export.options.choices import FORMATS, Precision, Result
from strop.export.options.options import ExportOptions, check_labels
from strop.export.passes.fold import cut_activation
from strop.export.quantize.tune import Step, Tuned, tune
from strop.export.source.batches import BATCH_SIZE, Progress, unwatched
from strop.export.source.source import Source
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import Activation
from strop.runtime.artifact.golden import SUFFIX
from strop.runtime.bench.layer_times import layer_times
from strop.runtime.errors import GateError, QuantizationError, SourceError
from strop.runtime.images.dataset import batches
from strop.runtime.records.json_records import write_whole

MAX_SAMPLE_IMAGES = 128  # their int8 activations are held all at once: 150 MB at 224 x 224
PROBABILITY_STEP = 1 / 256  # of golden vectors of float probabilities; as fine as int8's


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What an export made.

    Attributes:
        artifacts: The files, in the order they were asked for.
        certificate: What they are worth.
        broken: Why `max_drop` cannot be promised; empty if it can or was not asked for.
        steps: What was done for the int8 files, and what each step was worth.
        near_ties: Layers of theirs whose result comes so near to rounding ties that kernels
            may differ there by one code.
        float_layers: What is in float in them, and what was tried in float for `max_drop`.
        findings: What the checks of the images measured; most have nothing to say.
    """

    artifacts: tuple[Artifact, ...]
    certificate: Certificate
    broken: tuple[str, ...]
    steps: tuple[Step, ...]
    near_ties: tuple[str, ...] = ()
    float_layers: FloatLayers = NO_FLOAT_LAYERS
    findings: tuple[ImageFinding, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Quantized:
    """The int8 model on its way: the decisions, their files' source, and the images in memory."""

    tuned: Tuned
    int8: Int8
    sample: Sequence[Array]
    float_layers: FloatLayers = NO_FLOAT_LAYERS


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
        ContractError: Its scores do not fit the task.
        QuantizationError: It cannot be quantized, or there are too few images.
        GateError: `max_drop` cannot be promised, and `keep_failed` is not set.
        OutputError: The output cannot be written.
    """
    _check(source, options)
    decision = options.decision or source_decision(source)
    options = replace(options, decision=decision)
    if options.labels:
        check_labels(source, options.labels, decision)
    with bundle(options.output, force=options.force) as folder:
        on_step("convert, fold, calibrate, tune")
        quantized = None
        if Precision.INT8 in options.precisions:
            quantized = _make_int8(source, options, progress)
        on_step("check the images")
        contract = contract_of(source, options, Activation.NONE)
        tuned = None if quantized is None else quantized.tuned
        findings = check_images(source, options, contract, tuned)
        artifacts: dict[Path, Precision] = {}
        for precision in options.precisions:
            on_step(f"write {precision.value}")
            if quantized is not None and precision is Precision.INT8:
                with named_faults(source.name, "write"):
                    paths = write_int8(folder, source, options, quantized.int8)
            else:
                paths = write_converted(folder, source, options, precision)
            artifacts |= dict.fromkeys(paths, precision)
        on_step("certify")
        certificate = certify(source, tuple(artifacts), options, progress)
        if quantized is not None:
            quantized, certificate = _promised(
                folder, source, options, quantized, certificate, on_step
            )
        if quantized is not None:
            quantized = _priced(quantized, artifacts)
        float_layers = NO_FLOAT_LAYERS if quantized is None else quantized.float_layers
        broken = _broken(certificate, options, float_layers.tried, findings)
        on_step("bundle")
        made = tuple(
            Artifact(
                path=path,
                precision=precision,
                audit=audit(path),
                delegation=delegation(path),
                times=layer_times(path) if path.suffix == ".onnx" else None,
            )
            for path, precision in artifacts.items()
        )
        record = None if quantized is None else _record(folder, source, options, quantized, made)
        manifest = manifest_json(source, options, made, certificate, record, findings)
        write_whole(manifest, folder / MANIFEST)
        counts = {path.name: count_artifact(path) for path in artifacts}
        write_whole(export_html(manifest, counts), folder / REPORT)
    moved = tuple(replace(artifact, path=options.output / artifact.path.name) for artifact in made)
    return Export(
        artifacts=moved,
        certificate=certificate,
        broken=broken,
        findings=findings,
        steps=() if quantized is None else quantized.tuned.steps,
        float_layers=float_layers,
        near_ties=() if quantized is None else quantized.int8.quantized.near_ties,
    )


def _priced(quantized: _Quantized, artifacts: Mapping[Path, Precision]) -> _Quantized:
    """With what is in float because it has no int8 form, and what that costs in the int8 files."""
    paths = [path for path, precision in artifacts.items() if precision is Precision.INT8]
    islands = price_islands(quantized.int8.quantized, paths)
    return replace(quantized, float_layers=replace(quantized.float_layers, islands=islands))


def _broken(
    certificate: Certificate,
    options: ExportOptions,
    tried: Sequence[FloatLayer],
    findings: Sequence[ImageFinding],
) -> tuple[str, ...]:
    """Why `max_drop` cannot be promised, and what was tried for it.

    Raises:
        GateError: For any reason, unless `keep_failed` is set.
    """
    if options.max_drop is None:
        return ()
    broken = broken_promises(certificate, options.max_drop)
    if broken and tried:
        broken += (told(tried),)
    if broken and not options.keep_failed:
        remedies = (found.remedy for found in findings if found.remedy)
        raise GateError(
            *broken, *remedies, "nothing was written; --keep-failed writes it all the same"
        )
    return broken


def _promised(
    folder: Path,
    source: Source,
    options: ExportOptions,
    quantized: _Quantized,
    certificate: Certificate,
    on_step: Callable[[str], None],
) -> tuple[_Quantized, Certificate]:
    """Keep layers in float where the int8 files cannot keep `max_drop` without."""
    if options.max_drop is None:
        return quantized, certificate
    prefix = f"{source.name}.{Precision.INT8.value}."
    verdicts = tuple(one for one in certificate.verdicts if one.artifact.startswith(prefix))
    of_int8 = replace(certificate, verdicts=verdicts)
    if not broken_promises(of_int8, options.max_drop):
        return quantized, certificate
    attempt = keep_promise(
        source,
        options,
        quantized.tuned,
        quantized.int8,
        of_int8,
        quantized.sample,
        on_step=on_step,
    )
    if attempt.float_layers.are_kept:
        write_int8(folder, source, options, attempt.int8)
    found = {one.artifact: one for one in attempt.certificate.verdicts}
    certified = replace(
        certificate, verdicts=tuple(found.get(one.artifact, one) for one in certificate.verdicts)
    )
    changed = replace(quantized, int8=attempt.int8, float_layers=attempt.float_layers)
    return changed, certified


def _record(
    folder: Path,
    source: Source,
    options: ExportOptions,
    quantized: _Quantized,
    artifacts: Sequence[Artifact],
) -> Int8Record:
    """What the manifest says of the int8 files, golden vectors written."""
    paths = [one.path for one in artifacts if one.precision is Precision.INT8]
    graph = quantized.int8.quantized.graph
    is_scores = options.result is Result.SCORES
    golden = make_golden(
        paths,
        options.validation or options.calibration,
        step=graph.quant(graph.output).scale if is_scores else PROBABILITY_STEP,
    )
    path = folder / f"{source.name}{SUFFIX}"
    path.write_bytes(golden.to_bytes())
    return Int8Record(
        tuned=quantized.tuned,
        near_ties=quantized.int8.quantized.near_ties,
        golden=path,
        float_layers=quantized.float_layers,
    )


def _check(source: Source, options: ExportOptions) -> None:
    """Refuse what cannot end well, before the work starts."""
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


def _make_int8(source: Source, options: ExportOptions, progress: Progress) -> _Quantized:
    with named_faults(source.name, "read"):
        graph, activation = cut_activation(float_graph(source))
    check_islands(graph, full_int8=options.full_int8, is_onnx=Format.ONNX in options.formats)
    # The thresholds are of what comes out behind the activation.
    decision = options.decision or source_decision(source)
    ends_in_probabilities = options.result is Result.PROBABILITIES
    if ends_in_probabilities and activation is Activation.NONE:
        raise SourceError(
            f"{source.name}: ends in no softmax or sigmoid, so its scores are no probabilities;"
            f" export it with --result {Result.SCORES.value}"
        )
    contract = contract_of(
        source, options, Activation.NONE if ends_in_probabilities else activation
    )
    images = options.calibration
    # Evenly spread: folders are sorted by class.
    some = images[:: -(-len(images) // MAX_SAMPLE_IMAGES)]
    sample = list(batches(some, contract, batch_size=BATCH_SIZE))
    with named_faults(source.name, "fold"):
        deploy = proven_fold(source, graph, activation, np.concatenate(sample))
    with named_faults(source.name, "quantize"):
        tuned = tune(
            deploy,
            progress(
                batches(images, contract, batch_size=BATCH_SIZE),
                -(-len(images) // BATCH_SIZE),
                "calibrate",
            ),
            sample,
            decision=decision._replace(activation=activation),
            effort=options.effort,
        )
    int8 = Int8(
        quantized=tuned.quantized,
        contract=contract,
        ending=activation if ends_in_probabilities else Activation.NONE,
    )
    return _Quantized(tuned=tuned, int8=int8, sample=sample)
