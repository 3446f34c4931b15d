"""Checks the images of an export for common mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from strop.export.image_checks.finding import ImageFinding
from strop.export.image_checks.held_out_check import check_held_out
from strop.export.image_checks.normalization_check import check_input
from strop.export.image_checks.range_checks import check_ranges
from strop.export.ir.execute import BATCH_SIZE
from strop.export.ir.graph import Array
from strop.export.options.options import ExportOptions
from strop.export.quantize.tune import Tuned
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Contract
from strop.runtime.images.dataset import batches

T = TypeVar("T")
INPUT_IMAGES = 100  # 15 MB at 224 x 224
HELD_OUT_IMAGES = 48


def check_images(
    source: Source, options: ExportOptions, contract: Contract, tuned: Tuned | None
) -> tuple[ImageFinding, ...]:
    """Check the input's range and channel order, and the images that int8 was calibrated on.

    Args:
        source: The float model.
        options: Which images; the labelled validation images judge the input if there are
            any, and the calibration images otherwise.
        contract: How an image becomes the input.
        tuned: The int8 graph; None without one.

    Returns:
        What was measured; a check that has too few images is left out.
    """
    findings = [_input(source, options, contract)]
    if tuned is not None:
        findings += check_ranges(tuned.folded.graph, tuned.calibration)
        if options.validation:
            held_out = _loaded(_spread(options.validation, HELD_OUT_IMAGES), contract)
            findings.append(check_held_out(tuned, held_out))
    return tuple(found for found in findings if found is not None)


def _input(source: Source, options: ExportOptions, contract: Contract) -> ImageFinding | None:
    """Check by the first output with classes: of numbers none can say which are better."""
    judges = [
        (one.truth, columns)
        for one, columns in zip(options.each_output, source.columns, strict=True)
        if one.decision is None or one.decision.has_classes
    ]
    if not judges:
        return None
    classes, columns = judges[0]
    if classes is None:
        paths = _spread(options.calibration or options.validation, INPUT_IMAGES)
        return check_input(source, _loaded(paths, contract), None, columns)
    truth = np.array(_spread(classes, INPUT_IMAGES))
    images = _loaded(_spread(options.validation, INPUT_IMAGES), contract)
    return check_input(source, images, truth, columns)


def _spread(items: Sequence[T], most: int) -> Sequence[T]:
    """Take at most so many, evenly spread: folders are sorted by class."""
    indices = np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)
    return [items[index] for index in indices]


def _loaded(paths: Sequence[Path], contract: Contract) -> Array:
    return np.concatenate(list(batches(paths, contract, batch_size=BATCH_SIZE)))
