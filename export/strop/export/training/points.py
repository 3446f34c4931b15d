"""Reads where points are in the images of a training, from a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from strop.export.training.heads import Head
from strop.export.training.targets import Table, Targets, read_targets
from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.truth_file import AXES, points_named
from strop.runtime.errors import ImageError
from strop.runtime.images.load import upright_size
from strop.runtime.images.seen import seen_box, to_input


def read_points(head: Head, training: Table, validation: Table, contract: Contract) -> Targets:
    """Read the tables of a head that finds points.

    Args:
        head: Whose points these are.
        training: Of the images that are learned from.
        validation: Of the others; may be the same file.
        contract: Size and resize rule of the input.

    Returns:
        In shares of the input.

    Raises:
        ImageError: As `read_targets`, or its columns are no pairs NAME_x, NAME_y.
    """
    targets = read_targets(head, training, validation)
    point_names(targets.names, where=training.path)
    return replace(
        targets,
        training=_shares(targets.training, training.images, contract),
        validation=_shares(targets.validation, validation.images, contract),
    )


def point_names(columns: Sequence[str], *, where: Path | None = None) -> tuple[str, ...]:
    """Name the points of columns NAME_x, NAME_y.

    Raises:
        ImageError: They are no such pairs.
    """
    names = points_named(columns)
    if len(AXES) * len(names) != len(columns):
        raise ImageError(
            f"{where}: columns {', '.join(columns[:6])}; needed are two for each point, NAME_x and"
            " NAME_y, one behind the other"
        )
    return names


def _shares(
    rows: Sequence[Sequence[float]], images: Sequence[Path], contract: Contract
) -> tuple[tuple[float, ...], ...]:
    found = []
    for row, image in zip(rows, images, strict=True):
        points = np.asarray(row, np.float64).reshape(-1, 2)
        shares = to_input(points, seen_box(upright_size(image), contract))
        found.append(tuple(shares.reshape(-1).tolist()))
    return tuple(found)
