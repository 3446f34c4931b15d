"""Turns what is asked for into the options of an export: lists images, decides defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from strop.export.consumers.catalogue import consumer_named
from strop.export.consumers.settings import settled
from strop.export.options.options import ExportOptions, check_labels
from strop.export.training.record import TrainingRecord, training_record
from strop.export.zoo.spec import ModelSpec
from strop.runtime.artifact.contract import CROP_FRACTION, ResizeRule, Task
from strop.runtime.classify.truth import KnownImages, images_with_truth
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import list_images

if TYPE_CHECKING:
    from strop.export.source.source import Source

OF_IMAGES = ("resize", "crop_fraction")  # a request has them beside its settings


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
        truth: Table of what is true of these, for `read_truth`; None for their subfolders.
        labels: In the order of the scores; None for those of the training or in the file, or none.
        resize: How images become the input; None for the model's own way, that of its training,
            what its file says, or to crop.
        crop_fraction: For `crop`; None likewise.
        task: What the scores are; None for that of the training, or what their number and the
            model's end say.
        thresholds: In the unit of the scores; empty for even odds.
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
    from strop.export.frontend.source_decision import source_decision  # loads TensorFlow

    trained = None if source.file is None else training_record(source.file)
    labels = request.labels
    if labels is None:
        labels = source.facts.labels if trained is None else trained.labels
    resize = source.facts.resize or ResizeRule.CROP
    fraction = source.facts.crop_fraction or CROP_FRACTION
    if source.resize is not None:
        resize, fraction = source.resize.rule, source.resize.crop_fraction
    elif trained is not None:
        resize, fraction = trained.recipe.resize, trained.recipe.crop_fraction
    task = _task(request, trained)
    decision = source_decision(source, task=task, thresholds=request.thresholds)
    if request.labels is None and decision.task is Task.EMBED:
        labels = ()  # those of the training name what was in front of the vector
    if labels:
        check_labels(source, labels, decision)
    known = KnownImages(paths=(), classes=None, targets=None, labels=labels)
    if request.validation_data is not None:
        known = images_with_truth(
            request.validation_data, request.truth, decision=decision, labels=labels
        )
    elif request.truth is not None:
        raise SourceError(f"--truth {request.truth} given without --validation-data; give both")
    data = request.calibration_data
    return replace(
        request.settings,
        output=request.output or Path("build", source.name),
        calibration=() if data is None else list_images(data),
        validation=known.paths,
        truth=known.classes,
        targets=known.targets,
        labels=known.labels,
        decision=decision,
        resize=request.resize or resize,
        crop_fraction=fraction if request.crop_fraction is None else request.crop_fraction,
    )


def _task(request: ExportRequest, trained: TrainingRecord | None) -> Task | None:
    """Return the task asked for, or else that of the training; features have neither."""
    if request.task is not None or trained is None or request.spec.is_headless:
        return request.task
    return trained.task
