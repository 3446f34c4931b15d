"""The way through `strop export`: a source in, a certified bundle out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from strop.export.bundle.answer_pictures import answer_pictures
from strop.export.bundle.bundle import REPORT, bundle
from strop.export.bundle.html_report import export_html
from strop.export.bundle.make_manifest import Made, make_manifest
from strop.export.bundle.manifest import MANIFEST_FORMAT, Manifest
from strop.export.certify.certificate import Certificate, Verdict, named
from strop.export.certify.certify import certify
from strop.export.certify.golden import make_golden
from strop.export.consumers.endings import written_endings
from strop.export.consumers.recipient import recipient_of
from strop.export.emit.write import (
    Int8,
    check_islands,
    contract_of,
    write_converted,
    write_int8,
)
from strop.export.frontend.convert import convert, read_converted
from strop.export.frontend.equivalence import proven_fold
from strop.export.frontend.source_decision import source_decision, source_decisions
from strop.export.image_checks.check_images import check_images
from strop.export.ir.execute import batch_size
from strop.export.ir.faults import named_faults
from strop.export.ir.outputs import output_names
from strop.export.ir.processor_kernels import by_processor
from strop.export.max_drop.attempt import Quantized
from strop.export.max_drop.float_end import settle_ends
from strop.export.max_drop.float_layers import FloatLayers
from strop.export.max_drop.island_prices import price_islands
from strop.export.max_drop.on_frontier import broken, choose_on_frontier, explain_frontier
from strop.export.options.choices import FORMATS, Precision
from strop.export.options.detector import judged_by
from strop.export.options.options import (
    ExportOptions,
    OutputOptions,
    check_flips,
    check_labels,
)
from strop.export.passes.cut_activation import cut_activations
from strop.export.quantize.quantize import params_from_range
from strop.export.quantize.tune import Tuned, most_rows, tune
from strop.export.source.source import Source
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import Activation
from strop.runtime.artifact.golden import SUFFIX
from strop.runtime.check.judge.certified import MANIFEST
from strop.runtime.classify.decision import Decision
from strop.runtime.errors import GateError, QuantizationError, SourceError
from strop.runtime.images.dataset import batches
from strop.runtime.progress import Progress, unwatched
from strop.runtime.records.user_files import write_whole

MAX_SAMPLE_IMAGES = 128  # their int8 activations are held all at once: 150 MB at 224 x 224
PROBABILITY_STEP = 1 / 256  # of golden vectors of float probabilities; as fine as int8's

OnStep = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What an export made.

    Attributes:
        folder: Where it lies.
        manifest: What it is, and what it is worth.
        broken: Why what was asked for cannot be promised; empty if it can or nothing was.
    """

    folder: Path
    manifest: Manifest
    broken: tuple[str, ...]

    def __repr__(self) -> str:
        words = "; ".join(
            f"{one.output}: {_in_words(found)}" if one.output else _in_words(found)
            for one in self.certificate.each_output
            for found in one.all_verdicts
        )
        return f"<Export {self.folder}: {words}>"

    @property
    def certificate(self) -> Certificate:
        """What the files are worth."""
        return self.manifest.certificate

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in the order they were asked for."""
        return tuple(self.folder / artifact.file for artifact in self.manifest.artifacts)


def _in_words(found: Verdict) -> str:
    doubt = ", not certified" if found.not_certified else ""
    if found.points is not None:
        return f"{named(found)} is off float by {found.points.found.mean:.2%} of the input{doubt}"
    if found.agreement is None:
        return f"{named(found)} adds {found.drop:.2%} of the spread to the error{doubt}"
    return f"{named(found)} agrees with float on {found.agreement:.2%}{doubt}"


def export(
    source: Source,
    options: ExportOptions,
    *,
    on_step: OnStep = lambda step: None,
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
        ConsumerError: The program that it is for cannot do with it, or does not answer.
        GateError: `max_drop` or `max_flips` cannot be promised, and `keep_failed` is not set.
        OutputError: The output cannot be written.
    """
    _check(source, options)
    options = with_decisions(source, options)
    check_flips(source.name, options)
    recipient = recipient_of(source, options)
    make = _with_int8 if Precision.INT8 in options.precisions else _converted
    programs = () if recipient is None else recipient.programs(options)
    judge = partial(certify, source, options=options, programs=programs)
    with bundle(options.output, force=options.force) as folder:
        made = make(folder, source, options, judge, on_step, progress)
        failed = _broken(made, options)
        if recipient is not None:
            on_step(f"deliver for {recipient.consumer.title}")
            facts = recipient.deliver(folder, tuple(made.artifacts), source, options)
            made = replace(made, consumer=facts)
        on_step("bundle")
        manifest = make_manifest(source, options, made)
        MANIFEST_FORMAT.write(manifest, folder / MANIFEST)
        pictures = answer_pictures(source, _first_int8(made.artifacts), options)
        write_whole(export_html(manifest, pictures), folder / REPORT)
    return Export(folder=options.output, manifest=manifest, broken=failed)


def _first_int8(artifacts: Mapping[Path, Precision]) -> Path:
    """Return the first int8 file; without one the first."""
    int8 = [path for path, precision in artifacts.items() if precision is Precision.INT8]
    return (int8 or list(artifacts))[0]


def with_decisions(source: Source, options: ExportOptions) -> ExportOptions:
    """Decide how each output becomes an answer, where the options do not say it.

    Raises:
        ContractError: The scores do not fit the task.
        SourceError: The labels do not fit, or options and source have other outputs.
    """
    if len(source.sizes) == 1:
        decision = options.decision or source_decision(source)
        if options.labels:
            check_labels(source.name, options.labels, decision)
        return replace(options, decision=decision)
    outputs = options.outputs
    if not outputs:
        decisions = source_decisions(source, tasks={}, thresholds={})
        named = zip(source.outputs, decisions, strict=True)
        outputs = tuple(OutputOptions(name=name, decision=decision) for name, decision in named)
    if tuple(one.name for one in outputs) != source.outputs:
        raise SourceError(
            f"{source.name}: has the outputs {', '.join(source.outputs)}; options.outputs has"
            f" {', '.join(one.name for one in outputs)}"
        )
    for one in outputs:
        if one.labels:
            check_labels(f"{source.name}: output {one.name}", one.labels, one.decision)
    return replace(options, outputs=outputs, decision=None, labels=(), truth=None, targets=None)


def _decisions(options: ExportOptions) -> tuple[Decision, ...]:
    """What the scores of each output are, once `with_decisions` has settled it."""
    if options.outputs:
        return tuple(one.decision for one in options.outputs)
    return () if options.decision is None else (options.decision,)


def _converted(
    folder: Path,
    source: Source,
    options: ExportOptions,
    judge: partial[Certificate],
    on_step: OnStep,
    progress: Progress,
) -> Made:
    """Make files by the converters alone."""
    on_step("check the images")
    findings = check_images(source, options, contract_of(source, options), None)
    artifacts: dict[Path, Precision] = {}
    for precision in options.precisions:
        on_step(f"write {precision.value}")
        artifacts |= dict.fromkeys(write_converted(folder, source, options, precision), precision)
    on_step("certify")
    certificate = judge(tuple(artifacts), progress=progress)
    return Made(artifacts=artifacts, certificate=certificate, findings=findings)


def _with_int8(
    folder: Path,
    source: Source,
    options: ExportOptions,
    judge: partial[Certificate],
    on_step: OnStep,
    progress: Progress,
) -> Made:
    """Make int8 files of strop's own integers, and the converters' of other precisions."""
    on_step("convert, fold, calibrate, tune")
    quantized = _quantize(source, options, progress)
    quantized = settle_ends(
        source,
        options,
        quantized,
        certify=certify,
        on_step=on_step,
    )
    on_step("check the images")
    contract = contract_of(source, options)
    findings = check_images(source, options, contract, quantized.tuned)
    artifacts: dict[Path, Precision] = {}
    for precision in options.precisions:
        on_step(f"write {precision.value}")
        if precision is Precision.INT8:
            with named_faults(source.name, "write"):
                paths = write_int8(folder, source, options, quantized.int8)
        else:
            paths = write_converted(folder, source, options, precision)
        artifacts |= dict.fromkeys(paths, precision)
    on_step("certify")
    certificate = judge(tuple(artifacts), progress=progress)
    kept = choose_on_frontier(
        folder, source, options, quantized, certificate, certify=judge, on_step=on_step
    )
    quantized = replace(quantized, kept=quantized.kept | kept.kept)
    int8_paths = [path for path, precision in artifacts.items() if precision is Precision.INT8]
    graph = kept.int8.quantized
    return Made(
        artifacts=artifacts,
        certificate=kept.certificate,
        findings=findings,
        steps=quantized.tuned.steps,
        # What is in float at the ends is not rounded in these files.
        costs=tuple(cost for cost in quantized.tuned.costs if cost.layer not in quantized.kept),
        near_ties=graph.near_ties,
        by_processor=by_processor(quantized.tuned.folded.graph),
        float_layers=FloatLayers(
            islands=price_islands(graph, int8_paths), ends=quantized.ends, frontier=kept.frontier
        ),
        golden=_write_golden(folder, source, options, quantized, int8_paths),
        float_tflite=quantized.float_tflite,
    )


def _write_golden(
    folder: Path,
    source: Source,
    options: ExportOptions,
    quantized: Quantized,
    paths: Sequence[Path],
) -> Path:
    # Of int8 throughout: scores that are in float have no step of their own.
    graph = quantized.tuned.quantized.graph
    endings = quantized.int8.endings
    steps = [
        PROBABILITY_STEP if ending is not Activation.NONE else _step(quantized.tuned, name)
        for name, ending in zip(output_names(graph), endings, strict=True)
    ]
    images = options.validation or options.calibration
    golden = make_golden(paths, images, steps=steps, least_bound=int(bool(quantized.kept)))
    path = folder / f"{source.name}{SUFFIX}"
    path.write_bytes(golden.to_bytes())
    return path


def _step(tuned: Tuned, name: str) -> float:
    """Return what one code of an output stands for; of what an island makes, what it would."""
    quant = tuned.quantized.graph.tensors[name].quant
    return (quant or params_from_range(tuned.calibration.range(name))).scale


def _broken(made: Made, options: ExportOptions) -> tuple[str, ...]:
    """Why what was asked for cannot be promised, and what was tried for it.

    Raises:
        GateError: For any reason, unless `keep_failed` is set.
    """
    found = broken(made.certificate, options)
    frontier = made.float_layers.frontier
    if found and frontier is not None:
        found += (explain_frontier(frontier),)
    if found and not options.keep_failed:
        remedies = (found.remedy for found in made.findings if found.remedy)
        raise GateError(
            *found, *remedies, "nothing was written; --keep-failed writes it all the same"
        )
    return found


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


def _quantize(source: Source, options: ExportOptions, progress: Progress) -> Quantized:
    with named_faults(source.name, "read"):
        float_tflite = convert(source)
        graph, activations = cut_activations(read_converted(float_tflite, name=source.name))
    check_islands(graph, full_int8=options.full_int8, is_onnx=Format.ONNX in options.formats)
    endings = written_endings(source, options, activations)
    left = [
        Activation.NONE if ending is activation else activation
        for ending, activation in zip(endings, activations, strict=True)
    ]
    contract = contract_of(source, options, left)
    images = options.calibration
    # Evenly spread: folders are sorted by class.
    most = min(MAX_SAMPLE_IMAGES, most_rows(_decisions(options)))
    some = images[:: -(-len(images) // most)]
    at_once = batch_size(source.height, source.width)
    sampled = frozenset(some)
    sample = list(batches(some, contract, batch_size=at_once))
    with named_faults(source.name, "fold"):
        deploy = proven_fold(source, graph, activations, np.concatenate(sample))
        deploy = replace(deploy, is_symmetric=options.symmetric)
    # The thresholds are of what comes out behind the activation.
    decisions = judged_by(
        [
            replace(decision, activation=activation)
            for decision, activation in zip(_decisions(options), activations, strict=True)
        ],
        options.detection,
    )
    with named_faults(source.name, "quantize"):
        tuned = tune(
            deploy,
            progress(
                batches(images, contract, batch_size=at_once),
                -(-len(images) // at_once),
                "calibrate",
            ),
            sample,
            decisions=decisions,
            effort=options.effort,
        )
    int8 = Int8(
        quantized=tuned.quantized,
        contract=contract,
        endings=endings,
    )
    return Quantized(
        tuned=tuned,
        int8=int8,
        sample=sample,
        decisions=decisions,
        float_tflite=float_tflite,
        held_out=tuple(path for path in images if path not in sampled),
    )
