"""Finds the labels and the resize rule of a sweep, the same for all of its members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.export.sweep.members import Member
from strop.export.training.record import require_network, training_record
from strop.runtime.artifact.contract import ResizeRule
from strop.runtime.errors import SourceError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSettings:
    """Labels in the order of the scores, and how an image becomes the input.

    None is left to each model, which may say it itself.
    """

    labels: tuple[str, ...]
    resize: ResizeRule | None = None
    crop_fraction: float | None = None


UNTRAINED = TrainingSettings(labels=())


def training_settings(
    members: Sequence[Member],
    *,
    labels: tuple[str, ...] | None,
    resize: ResizeRule | None,
    crop_fraction: float | None,
) -> TrainingSettings:
    """Return the settings asked for, or else those that the members were trained with.

    Args:
        members: Of the sweep.
        labels: Asked for; None takes those of the trainings, or none.
        resize: Asked for; None takes that of the trainings, or leaves it to each model.
        crop_fraction: Likewise.

    Raises:
        SourceError: Members that `strop train` wrote were trained for other ones, or for
            different ones; a file has another network than its name says, or its record is
            of another file.
        MeasurementError: A record cannot be read.
    """
    trained = _trained(members)
    if len(trained) > 1:
        one, other, *_ = trained.values()
        raise SourceError(
            f"{one} and {other}: trained for other labels or with another --resize; sweep them"
            " apart"
        )
    found, where = next(iter(trained.items()), (UNTRAINED, None))
    asked = TrainingSettings(
        labels=found.labels if labels is None else labels,
        resize=resize or found.resize,
        crop_fraction=found.crop_fraction if crop_fraction is None else crop_fraction,
    )
    if where is not None:
        _require_same(asked, found, where=where)
    return asked


def _require_same(asked: TrainingSettings, trained: TrainingSettings, *, where: Path) -> None:
    if asked.labels != trained.labels:
        raise SourceError(
            f"{where}: was trained for {_difference(trained.labels, asked.labels)} in --labels;"
            " leave it out"
        )
    if asked != trained:
        raise SourceError(
            f"{where}: was trained with --resize {_rule(trained)} --crop-fraction"
            f" {trained.crop_fraction:g}, not {_rule(asked)} and {asked.crop_fraction:g};"
            " leave them out"
        )


def _rule(trained: TrainingSettings) -> str:
    return "" if trained.resize is None else trained.resize.value


def _trained(members: Sequence[Member]) -> dict[TrainingSettings, Path]:
    """Find the settings that members were trained with, each with its first file."""
    found: dict[TrainingSettings, Path] = {}
    networks = {(member.file, member.network): member for member in members}
    for (file, _), member in networks.items():
        if file is None:
            continue
        record = training_record(file)
        if record is not None:
            if member.size is not None:
                require_network(record, member.spec(), where=file)
            recipe = record.recipe
            each = TrainingSettings(
                labels=record.labels, resize=recipe.resize, crop_fraction=recipe.crop_fraction
            )
            found.setdefault(each, file)
    return found


def _difference(trained: tuple[str, ...], asked: tuple[str, ...]) -> str:
    if len(trained) != len(asked):
        return f"{len(trained)} labels, and there are {len(asked)}"
    row, one, other = next(
        (row, one, other)
        for row, (one, other) in enumerate(zip(trained, asked, strict=True), start=1)
        if one != other
    )
    return f"{one!r} as label {row}, and it is {other!r}"
