"""What the trainings of a sweep's members say of labels and images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strop.export.sweep.members import Member
from strop.export.training.record import training_record
from strop.runtime.contract import ResizeRule
from strop.runtime.errors import SourceError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedFor:
    """Labels in the order of the scores, and how an image becomes the input."""

    labels: tuple[str, ...]
    resize: ResizeRule
    crop_fraction: float


def trained_for(members: Sequence[Member]) -> TrainedFor | None:
    """What all members that `strop train` wrote were trained for; None where there are none.

    Raises:
        SourceError: They were trained for different ones, or a record is of another file.
        MeasurementError: A record cannot be read.
    """
    files = dict.fromkeys(file for member in members if (file := member.file) is not None)
    found: dict[TrainedFor, str] = {}
    for file in files:
        record = training_record(file)
        if record is not None:
            recipe = record.recipe
            each = TrainedFor(
                labels=record.labels, resize=recipe.resize, crop_fraction=recipe.crop_fraction
            )
            found.setdefault(each, str(file))
    if len(found) > 1:
        one, other, *_ = found.values()
        raise SourceError(
            f"{one} and {other}: trained for other labels or with another --resize; sweep them"
            " apart"
        )
    return next(iter(found), None)
