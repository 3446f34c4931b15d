"""Reads what the images of a training have for an output of labels or numbers, from a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.export.training.heads import Head
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.truth_file import read_truth, truth_columns
from strop.runtime.errors import ImageError

Rows = NDArray[np.float64]
# A float32 with less of a spread than this share of its size is a few different numbers.
LEAST_SPREAD = 2.0**-16


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Where the answers for images are written down.

    Attributes:
        path: CSV for `read_truth`.
        folder: Below which its images lie.
        images: Those that are asked for.
    """

    path: Path
    folder: Path
    images: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """The answers of all images for one head, a row per image.

    Attributes:
        head: Its name.
        names: Of the columns: labels, or what the numbers are.
        training: Of the images that are learned from: 1 or 0, or numbers in their own units.
        validation: Of the others.
    """

    head: str
    names: tuple[str, ...]
    training: tuple[tuple[float, ...], ...]
    validation: tuple[tuple[float, ...], ...]

    def mean(self) -> Rows:
        """Of each number, over the images that are learned from."""
        found: Rows = np.nanmean(np.asarray(self.training, np.float64), axis=0)
        return found

    def spread(self) -> Rows:
        """Standard deviation of each number, over the same."""
        found: Rows = np.nanstd(np.asarray(self.training, np.float64), axis=0)
        return found


def read_targets(head: Head, training: Table, validation: Table) -> Targets:
    """Read the tables of a head; the columns of the training's are its labels.

    Args:
        head: Whose answers these are, of MULTILABEL, REGRESS or LANDMARKS.
        training: Of the images that are learned from.
        validation: Of the others; may be the same file.

    Raises:
        ImageError: A table cannot be read, lacks an image or a column, or a column has the same
            answer for all images that are learned from.
    """
    names = truth_columns(training.path)
    task = Task.REGRESS if head.task is Task.LANDMARKS else head.task
    decision = Decision(task=task, scores=len(names), activation=Activation.NONE)
    rows = [
        read_truth(table.path, table.folder, table.images, decision=decision, labels=names)
        for table in (training, validation)
    ]
    targets = Targets(head=head.name, names=names, training=rows[0], validation=rows[1])
    _check_size(head, targets, training.path)
    _check_spread(targets, training.path)
    return targets


def _check_size(head: Head, targets: Targets, path: Path) -> None:
    if head.task is not Task.REGRESS:
        return
    largest = float(np.finfo(np.float32).max) ** 0.5  # its square is a loss
    for rows in (targets.training, targets.validation):
        beyond = np.argwhere(np.abs(np.asarray(rows, np.float64)) > largest)
        if len(beyond):
            row, column = beyond[0]
            raise ImageError(
                f"{path}: column {targets.names[column]!r} has {rows[row][column]:g}; needed are"
                f" numbers below {largest:.0e}, in another unit"
            )


def _check_spread(targets: Targets, path: Path) -> None:
    rows = np.asarray(targets.training, np.float64)
    same = targets.spread() <= LEAST_SPREAD * np.abs(rows).max(axis=0)
    if not same.any():
        return
    column = int(np.flatnonzero(same)[0])
    raise ImageError(
        f"{path}: column {targets.names[column]!r} is {rows[0, column]:g} for"
        f" {_all(len(rows))} that are learned from, so there is nothing to learn; needed are"
        " answers that differ: leave out the column, or take out what is added to all"
    )


def _all(count: int) -> str:
    return f"all {count} images"


def standardized(targets: Targets, rows: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Return numbers as distances from the training's mean, in its spreads."""
    distances: Rows = (np.asarray(rows, np.float64) - targets.mean()) / targets.spread()
    return distances.astype(np.float32)
