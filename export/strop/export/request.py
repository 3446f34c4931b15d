"""Turns what is asked for into the options of an export: lists images, decides defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from strop.export.consumers.catalogue import consumer_named
from strop.export.consumers.settings import settled
from strop.export.options.detector import DetectorRequest, detection_of, with_detection
from strop.export.options.options import ExportOptions, OutputOptions, check_labels
from strop.export.training.record import TrainedOutput, TrainingRecord, training_record
from strop.export.zoo.spec import ModelSpec
from strop.runtime.artifact.contract import CROP_FRACTION, Points, ResizeRule, Task
from strop.runtime.artifact.detection import Detection
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.truth import KnownImages, images_with_truth
from strop.runtime.classify.truth_file import points_named, truth_columns
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import list_images
from strop.runtime.images.load import upright_size
from strop.runtime.images.masks import masks_of, true_classes

if TYPE_CHECKING:
    from strop.export.source.source import Source

OF_IMAGES = ("resize", "crop_fraction")  # a request has them beside its settings


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputRequest:
    """What is asked for of one of several outputs, as an ExportRequest has it of an only one."""

    task: Task | None = None
    thresholds: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    truth: Path | None = None
    points: Points | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportRequest:
    """An export as it is asked for, before its model and images are opened.

    Attributes:
        spec: The model.
        settings: Options that do not depend on the model; its images, labels, decision and
            resize rule are those of this request.
        output: Folder of the bundle; None for build/NAME.
        calibration_data: Folder of the representative images.
        validation_data: Folder of the images of the certificate.
        truth: Table of what is true of these, for `read_truth`; of a SEGMENT task the folder of
            their masks; None for their subfolders.
        labels: In the order of the scores; None for those of the training or in the file, or none.
        resize: How images become the input; None for the model's own way, that of its training,
            what its file says, or to crop.
        crop_fraction: For `crop`; None likewise.
        task: What the scores are; None for that of the training, or what their number and the
            model's end say.
        thresholds: In the unit of the scores; empty for even odds.
        points: Of a LANDMARKS task, how its numbers are points; None for shares, or heat maps.
        outputs: What is asked for of outputs by their names, of a model with several.
        detection: How boxes are read out of a detector's outputs; None for what
            NAME.detection.json says beside the model's file, if it is there.
    """

    spec: ModelSpec
    settings: ExportOptions
    output: Path | None = None
    calibration_data: Path | None = None
    validation_data: Path | None = None
    truth: Path | None = None
    labels: tuple[str, ...] | None = None
    resize: ResizeRule | None = None
    crop_fraction: float | None = None
    task: Task | None = None
    thresholds: tuple[float, ...] = ()
    points: Points | None = None
    outputs: Mapping[str, OutputRequest] = field(default_factory=dict)
    detection: Detection | None = None


def with_consumer(request: ExportRequest, name: str, given: Mapping[str, object]) -> ExportRequest:
    """Ask for what the program needs that an export is for.

    Args:
        request: What is asked for.
        name: Of the program; `strop consumers` lists them.
        given: What of it the user chose: fields of ExportOptions with their values.

    Raises:
        ConsumerError: There is no such program, or it cannot do with what was chosen.
    """
    chosen = settled(consumer_named(name), given)
    of_images = {field: chosen.pop(field) for field in OF_IMAGES if field in chosen}
    settings = replace(request.settings, consumer=name, **chosen)
    return replace(request, settings=settings, **of_images)


def resolve(request: ExportRequest, source: Source) -> ExportOptions:
    """List the images, and take from the model what is not asked for.

    Args:
        request: What is asked for.
        source: The model of `request.spec`.

    Raises:
        ImageError: A folder or the table cannot be used.
        ContractError: The scores do not fit the task.
        SourceError, MeasurementError: The labels do not fit, or the record of the model's
            training cannot be used.
    """
    trained = None if source.file is None else training_record(source.file)
    resize, fraction = _geometry(request, source, trained)
    data = request.calibration_data
    settings = replace(
        request.settings,
        output=request.output or Path("build", source.name),
        calibration=() if data is None else list_images(data),
        resize=resize,
        crop_fraction=fraction,
    )
    table = _first_table(request)
    if table is not None and request.validation_data is None:
        raise SourceError(f"--truth {table} given without --validation-data; give both")
    detection = detection_of(request.detection, request.task, source)
    if detection is not None:
        asked = _of_detector(request, trained)
        return with_detection(settings, asked, source, detection)
    if len(source.sizes) > 1:
        return _with_outputs(settings, request, source, trained)
    return _with_output(settings, _of_only_output(request, source), source, trained)


def _of_detector(request: ExportRequest, trained: TrainingRecord | None) -> DetectorRequest:
    """Take what is asked for of a detector, whose outputs are one answer."""
    learned = () if trained is None else tuple(one.labels for one in trained.outputs)
    labels = [request.labels or (), *(one.labels for one in request.outputs.values()), *learned]
    return DetectorRequest(
        labels=next(filter(None, labels), ()),
        validation_data=request.validation_data,
        truth=_first_table(request),
    )


def _first_table(request: ExportRequest) -> Path | None:
    """Return the first table of truth that is given, whichever output it is of."""
    tables = [request.truth, *(one.truth for one in request.outputs.values())]
    return next((each for each in tables if each is not None), None)


def _geometry(
    request: ExportRequest, source: Source, trained: TrainingRecord | None
) -> tuple[ResizeRule, float]:
    """How images become the input: as asked for, or else as the model itself says."""
    resize = source.facts.resize or ResizeRule.CROP
    fraction = source.facts.crop_fraction or CROP_FRACTION
    if source.resize is not None:
        resize, fraction = source.resize.rule, source.resize.crop_fraction
    elif trained is not None:
        resize, fraction = trained.recipe.resize, trained.recipe.crop_fraction
    asked = request.crop_fraction
    return request.resize or resize, fraction if asked is None else asked


def _with_outputs(
    settings: ExportOptions,
    request: ExportRequest,
    source: Source,
    trained: TrainingRecord | None,
) -> ExportOptions:
    """Decide what each of several outputs is, and what is true of the images."""
    from strop.export.frontend.source_decision import source_decisions  # loads TensorFlow

    asked = _with_training(_asked_of_outputs(request, source), trained)
    decisions = source_decisions(
        source,
        tasks={name: one.task for name, one in asked.items() if one.task is not None},
        thresholds={name: one.thresholds for name, one in asked.items()},
        points={name: one.points for name, one in asked.items() if one.points is not None},
    )
    outputs: list[OutputOptions] = []
    paths = settings.validation
    for name, decision in zip(source.outputs, decisions, strict=True):
        one = asked.get(name, OutputRequest())
        labels = one.labels or _named_by_table(one.truth, decision)
        if not labels and decision.task is Task.REGRESS and decision.scores == 1:
            labels = (name,)
        if labels:
            check_labels(f"{source.name}: output {name}", labels, decision)
        known = KnownImages(paths=(), classes=None, targets=None, labels=labels)
        if request.validation_data is not None:
            folder = request.validation_data
            known = images_with_truth(folder, one.truth, decision=decision, labels=labels)
            # In subfolders of classes they stand in the order of the labels.
            paths = paths or known.paths
            known = known.in_order(paths)
        outputs.append(
            OutputOptions(
                name=name,
                decision=decision,
                labels=known.labels,
                truth=known.classes,
                targets=known.targets,
            )
        )
    return replace(settings, validation=paths, outputs=tuple(outputs))


def _named_by_table(table: Path | None, decision: Decision) -> tuple[str, ...]:
    """Return names of labels or numbers from a table of truth, if it has one for each."""
    if table is None or decision.task not in (Task.MULTILABEL, Task.REGRESS, Task.LANDMARKS):
        return ()
    names = truth_columns(table)
    if decision.points is not None:
        names = points_named(names)
        return names if len(names) == decision.names_needed else ()
    return names if len(names) == decision.scores else ()


def _asked_of_outputs(request: ExportRequest, source: Source) -> Mapping[str, OutputRequest]:
    """Return what is asked for, by output.

    Raises:
        SourceError: Something is asked for without the output's name, or of one that is not there.
    """
    listed = ", ".join(source.outputs)
    flags = {
        "--task": request.task,
        "--threshold": request.thresholds,
        "--labels": request.labels,
        "--truth": request.truth,
        "--points": request.points,
    }
    given = [flag for flag, value in flags.items() if value]
    if given:
        raise SourceError(
            f"{source.name}: has {len(source.sizes)} outputs ({listed}), and {given[0]} does not"
            f" say of which; give {given[0]} NAME=..., or choose one output with --outputs"
        )
    unknown = [name for name in request.outputs if name not in source.outputs]
    if unknown:
        raise SourceError(f"{source.name}: no output is called {unknown[0]!r}; it has {listed}")
    return request.outputs


def _with_training(
    asked: Mapping[str, OutputRequest], trained: TrainingRecord | None
) -> Mapping[str, OutputRequest]:
    """Take from the record of the training what is not asked for: tasks, and labels."""
    if trained is None:
        return asked
    found = dict(asked)
    for output in trained.outputs:
        own = asked.get(output.name, OutputRequest())
        labels = own.labels or output.labels
        found[output.name] = replace(own, task=own.task or output.task, labels=labels)
    return found


def _of_only_output(request: ExportRequest, source: Source) -> ExportRequest:
    """Ask of the only output what is asked for by its name.

    Raises:
        SourceError: The output has another name.
    """
    (own,) = source.outputs
    for name, asked in request.outputs.items():
        if name != own:
            raise SourceError(f"{source.name}: no output is called {name!r}; it has {own} alone")
        request = replace(
            request,
            task=asked.task or request.task,
            thresholds=asked.thresholds or request.thresholds,
            labels=asked.labels or request.labels,
            truth=asked.truth or request.truth,
            points=asked.points or request.points,
        )
    return request


def _with_output(
    settings: ExportOptions,
    request: ExportRequest,
    source: Source,
    record: TrainingRecord | None,
) -> ExportOptions:
    """Decide what the only output is, and what is true of the images."""
    from strop.export.frontend.source_decision import source_decision  # loads TensorFlow

    trained = None if record is None else record.output(*source.outputs)
    labels = request.labels
    if labels is None:
        labels = source.facts.labels if trained is None else trained.labels
    task = _task(request, trained)
    decision = source_decision(
        source, task=task, thresholds=request.thresholds, points=request.points
    )
    if request.labels is None and not _names_answers(labels, decision):
        labels = ()
    masks = None
    if decision.is_map:
        request, masks = replace(request, truth=None), request.truth
    labels = labels or _named_by_table(request.truth, decision)
    if labels:
        check_labels(source.name, labels, decision)
    known = KnownImages(paths=(), classes=None, targets=None, labels=labels)
    if request.validation_data is not None:
        known = images_with_truth(
            request.validation_data, request.truth, decision=decision, labels=labels
        )
    return replace(
        settings,
        validation=known.paths,
        truth=known.classes,
        targets=known.targets,
        masks=_masks(known.paths, request.validation_data, masks, decision),
        labels=known.labels,
        decision=decision,
    )


def _masks(
    images: Sequence[Path], folder: Path | None, masks: Path | None, decision: Decision
) -> tuple[Path, ...] | None:
    """Name the mask of each image, each of which can be used: the certificate comes last."""
    if folder is None or masks is None:
        return None
    found = masks_of(images, folder, masks)
    for mask, image in zip(found, images, strict=True):
        true_classes(mask, upright_size(image), decision.names_needed)
    return found


def _names_answers(labels: Sequence[str], decision: Decision) -> bool:
    """Whether labels of a training or a file are of this output."""
    if decision.points is not None:
        return len(labels) == decision.names_needed  # a file's may be of another output
    return decision.task is not Task.EMBED  # they name what was in front of the vector


def _task(request: ExportRequest, trained: TrainedOutput | None) -> Task | None:
    """Return the task asked for, or else that of the training; features have neither."""
    if request.task is not None or trained is None or request.spec.is_headless:
        return request.task
    return trained.task
