"""From the command line's words to a source and options, every default decided."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeVar

from strop.export.commands.flags import size_of
from strop.export.frontend.source_decision import source_decision
from strop.export.options.options import ExportOptions, check_labels
from strop.export.source.source import Source
from strop.export.training.record import as_trained, training_record
from strop.export.zoo.shipped import (
    SHIPPED_CALIBRATION,
    SHIPPED_LABELS,
    SHIPPED_VALIDATION,
    shipped_spec,
)
from strop.export.zoo.spec import ModelSpec
from strop.runtime.artifact.contract import CROP_FRACTION, ResizeRule, Task
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.truth import KnownImages, images_with_truth
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import list_images, read_labels

T = TypeVar("T")
MODEL_FLAGS = ("size", "rho", "alpha", "classes", "weights", "mean", "std")


def model_spec(options: argparse.Namespace) -> ModelSpec:
    """The shipped default, a network of the zoo, or the user's file.

    Raises:
        SourceError: A flag was given that does not belong to it.
    """
    if options.source is None:
        given = [f"--{flag}" for flag in MODEL_FLAGS if getattr(options, flag) is not None]
        if given:
            raise SourceError(f"{', '.join(given)} given for the shipped default; name a source")
        return shipped_spec()
    return as_trained(
        ModelSpec(
            model=options.source,
            size=size_of(options, options.source),
            alpha=options.alpha,
            classes=options.classes,
            weights=options.weights,
            mean=options.mean,
            std=options.std,
        )
    )


def resolve_options(options: argparse.Namespace, spec: ModelSpec, source: Source) -> ExportOptions:
    """List the images, read the labels and fill in the defaults.

    Raises:
        ImageError: A folder cannot be used.
        ContractError: The labels cannot be read, or the scores do not fit the task.
        SourceError, MeasurementError: The record of the model's training cannot be used.
    """
    is_default = options.source is None
    calibration, validation, labels_file = (
        options.calibration_data,
        options.validation_data,
        options.labels,
    )
    if is_default:
        calibration = calibration or SHIPPED_CALIBRATION
        labels_file = labels_file or SHIPPED_LABELS
        validation = validation or SHIPPED_VALIDATION
    trained = None if is_default else training_record(Path(spec.model))
    labels = () if labels_file is None else read_labels(labels_file)
    if trained is not None and labels_file is None:
        labels = trained.labels
    resize = ResizeRule.STRETCH if is_default else ResizeRule.CROP
    fraction = CROP_FRACTION
    if trained is not None:
        resize, fraction = trained.recipe.resize, trained.recipe.crop_fraction
    if source.resize is not None:
        resize, fraction = source.resize.rule, source.resize.crop_fraction
    task = None if options.task is None else Task(options.task)
    decision = source_decision(source, task=task, thresholds=options.threshold or ())
    known = _validation_images(validation, options.truth, labels, decision, source)
    return ExportOptions(
        output=options.output or Path("build", source.name),
        calibration=() if calibration is None else list_images(calibration),
        validation=known.paths,
        truth=known.classes,
        targets=known.targets,
        labels=known.labels,
        decision=decision,
        resize=options.resize or resize,
        crop_fraction=_given(options.crop_fraction, fraction),
        precisions=options.precision,
        formats=options.format,
        max_drop=options.max_drop,
        max_float_layers=options.max_float_layers,
        full_int8=options.full_int8,
        input=options.input,
        result=options.result,
        keep_failed=options.keep_failed,
        force=options.force,
        effort=options.effort,
        min_images=options.min_images,
    )


def _validation_images(
    folder: Path | None,
    table: Path | None,
    labels: tuple[str, ...],
    decision: Decision,
    source: Source,
) -> KnownImages:
    if labels:
        check_labels(source, labels, decision)
    if folder is None:
        if table is not None:
            raise SourceError(f"--truth {table} given without --validation-data; give both")
        return KnownImages(paths=(), classes=None, targets=None, labels=labels)
    return images_with_truth(folder, table, decision=decision, labels=labels)


def _given(value: T | None, default: T) -> T:
    return default if value is None else value
