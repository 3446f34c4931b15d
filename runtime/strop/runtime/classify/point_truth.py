"""Brings true points from an image's own pixels to shares of the input, as answers are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.point_layout import PointLayout
from strop.runtime.images.load import upright_size
from strop.runtime.images.seen import seen_box, to_input

Rows = tuple[tuple[float, ...], ...]
Known = tuple[tuple[float | None, ...], ...]


def targets_in_input(
    rows: Rows | None, images: Sequence[Path], decision: Decision, contract: Contract
) -> Known | None:
    """Return what is true of images as answers are compared: of points as `in_input` does.

    None is x or y of a point that is not there: JSON has no NaN.
    """
    if rows is None or decision.points is None:
        return rows
    found = in_input(rows, images, decision.points, contract)
    return tuple(tuple(None if math.isnan(each) else each for each in row) for row in found)


def in_input(rows: Rows, images: Sequence[Path], layout: PointLayout, contract: Contract) -> Rows:
    """Return where the model's input has the points of a table.

    Args:
        rows: As `read_truth` gives them, x and y in pixels of each upright image.
        images: The files; their headers are read.
        layout: Of the output.
        contract: Says how an image becomes the input.

    Returns:
        x and y in shares of the input's longer side.

    Raises:
        ImageError: An image cannot be used.
    """
    found = []
    for row, image in zip(rows, images, strict=True):
        places = np.array(row).reshape(-1, 2)
        shares = to_input(places, seen_box(upright_size(image), contract)) * layout.sides
        found.append(tuple(shares.reshape(-1).tolist()))
    return tuple(found)
