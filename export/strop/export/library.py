"""Functions for people who write Python: the work of `strop export`, without flags and printing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from strop.export.frontend.source_decision import source_decision
from strop.export.options.options import ExportOptions, check_labels
from strop.export.source.source import Source
from strop.export.source.source import load_model_file as load_model
from strop.runtime.artifact.contract import CROP_FRACTION, ResizeRule
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.truth import KnownImages, images_with_truth
from strop.runtime.images.dataset import list_images, read_labels

__all__ = ["load_model", "options_for"]

StrPath: TypeAlias = "str | os.PathLike[str]"


def options_for(
    source: Source,
    output: StrPath,
    *,
    calibration: StrPath,
    validation: StrPath | None = None,
    truth: StrPath | None = None,
    labels: Sequence[str] | StrPath = (),
    decision: Decision | None = None,
) -> ExportOptions:
    """Options of an export from folders of images; the rest as `strop export` has it.

    Change what else is to be changed by `dataclasses.replace`.

    Args:
        source: The model.
        output: Folder to write.
        calibration: Folder of representative images.
        validation: Folder of the certificate's images; None for the calibration images.
        truth: CSV for `read_truth`; None where subfolders of `validation` name the classes.
        labels: One per class, or the file that has one a line.
        decision: How the model's output becomes an answer; None for what its ending and its
            number of scores say.

    Raises:
        ImageError: A folder or the table cannot be used.
        ContractError, SourceError: The labels cannot be read or do not fit the model.
    """
    names = read_labels(labels) if isinstance(labels, (str, os.PathLike)) else tuple(labels)
    decision = decision or source_decision(source)
    if names:
        check_labels(source, names, decision)
    known = KnownImages(paths=(), classes=None, targets=None, labels=names)
    if validation is not None:
        table = None if truth is None else Path(truth)
        known = images_with_truth(validation, table, decision=decision, labels=names)
    resize, fraction = ResizeRule.CROP, CROP_FRACTION
    if source.resize is not None:
        resize, fraction = source.resize.rule, source.resize.crop_fraction
    return ExportOptions(
        output=Path(output),
        calibration=list_images(calibration),
        validation=known.paths,
        truth=known.classes,
        targets=known.targets,
        labels=known.labels,
        decision=decision,
        resize=resize,
        crop_fraction=fraction,
    )
