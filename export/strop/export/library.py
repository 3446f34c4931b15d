"""Functions for people who write Python: the work of `strop export`, without flags and printing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from strop.export.options.options import ExportOptions
from strop.export.request import ExportRequest, OutputRequest, resolve, with_consumer
from strop.export.source.source import Source
from strop.export.source.source import load_model_file as load_model
from strop.export.zoo.spec import ModelSpec
from strop.runtime.artifact.contract import Points, Task
from strop.runtime.images.dataset import read_labels

__all__ = ["load_model", "options_for"]

StrPath: TypeAlias = "str | os.PathLike[str]"


def options_for(
    source: Source,
    output: StrPath,
    *,
    calibration: StrPath | None = None,
    validation: StrPath | None = None,
    truth: StrPath | None = None,
    labels: Sequence[str] | StrPath | None = None,
    task: Task | None = None,
    thresholds: Sequence[float] = (),
    points: Points | None = None,
    outputs: Mapping[str, OutputRequest] | None = None,
    consumer: str = "",
) -> ExportOptions:
    """Options of an export from folders of images; the rest as `strop export` has it.

    Change what else is to be changed by `dataclasses.replace`.

    Args:
        source: The model; beside a file that `strop train` wrote, its record gives labels and
            resize rule.
        output: Folder to write.
        calibration: Folder of representative images; int8 needs them.
        validation: Folder of the certificate's images; None for the calibration images.
        truth: CSV for `read_truth`; None where subfolders of `validation` name the classes.
        labels: One per class, or a file with one per line.
        task: What the scores are; None for what their number and the model's end say.
        thresholds: In the unit of the scores; empty for even odds.
        points: Of a LANDMARKS task, how its numbers are points; None for shares, or heat maps.
        outputs: The five above for each output by its name, of a model with several.
        consumer: The program that the files are for, by its name of `strop consumers`; empty
            where they are for any.

    Raises:
        ConsumerError: There is no such program.
        ImageError: A folder or the table cannot be used.
        ContractError, SourceError, MeasurementError: Labels, task or the record of the training
            cannot be read or do not fit the model.
    """
    names = read_labels(labels) if isinstance(labels, (str, os.PathLike)) else labels
    request = ExportRequest(
        spec=ModelSpec(model=source.name),
        settings=ExportOptions(output=Path(output)),
        output=Path(output),
        calibration_data=None if calibration is None else Path(calibration),
        validation_data=None if validation is None else Path(validation),
        truth=None if truth is None else Path(truth),
        labels=None if names is None else tuple(names),
        task=task,
        thresholds=tuple(thresholds),
        points=points,
        outputs=outputs or {},
    )
    return resolve(with_consumer(request, consumer, {}) if consumer else request, source)
