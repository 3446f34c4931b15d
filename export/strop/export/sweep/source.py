"""The float model of a member, and what it costs on paper; this loads Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strop.export import torch_weights
from strop.export.architectures import architecture
from strop.export.count_keras import count_keras
from strop.export.keras_files import open_keras
from strop.export.source import Source, from_keras_model, load_model_file
from strop.export.sweep.members import IMAGENET, NONE, Member
from strop.export.sweep.record import Asked, Counts, counts_of
from strop.export.training.record import TrainingRecord, record_path, training_record
from strop.export.zoo import TORCH_SUFFIXES, build, untrained
from strop.export.zoo_weights import load_weights, randomize
from strop.runtime.errors import SourceError


def open_member(member: Member, asked: Asked) -> tuple[Source, Counts]:
    """Build or load a member.

    A .keras that `strop train` wrote is taken as it is: it normalizes images itself.

    Args:
        member: Of the zoo, or a file.
        asked: Of the sweep; its classes are those of a network of the zoo.

    Raises:
        SourceError: It cannot be built, its weights do not fit, or it was trained for other
            images or labels.
        MeasurementError: The record of its training cannot be read.
    """
    if member.alpha is None or member.size is None:
        path = Path(member.model)
        trained = training_record(path)
        if trained is not None:
            _require_same(trained, asked, where=path)
        return load_model_file(path), _counted(open_keras(path), member)
    # Not `build` for all: its sizes are multiples of 32 pixels.
    alpha, size, weights = member.alpha, member.size, Path(member.weights)
    found = architecture(member.model)
    trained = training_record(weights)
    if trained is not None:
        _require_same(trained, asked, where=weights)
        _require_network(trained, member, where=weights)
        model = open_keras(weights)
        return from_keras_model(model, name=member.network), _counted(model, member)
    if weights.suffix in TORCH_SUFFIXES:
        model = torch_weights.torch_model(
            member.model, weights, alpha=alpha, size=size, classes=asked.classes
        )
        mean, std = torch_weights.MEAN, torch_weights.STD
        source = from_keras_model(model, name=member.network, mean=mean, std=std)
        return source, _counted(model, member)
    model = untrained(found, alpha=alpha, size=size, classes=asked.classes)
    counts = _counted(model, member)
    if member.weights == IMAGENET:
        return build(member.model, alpha=alpha, resolution=size / found.default_size), counts
    if member.weights == NONE:
        randomize(model, 0)
    else:
        load_weights(model, weights)
    return from_keras_model(model, name=member.network, mean=found.mean, std=found.std), counts


def _counted(model: Any, member: Member) -> Counts:
    return counts_of(count_keras(model), member.precision)


def _require_same(trained: TrainingRecord, asked: Asked, *, where: Path) -> None:
    """Pass what the sweep's images and labels are right for."""
    if asked.labels and asked.labels != trained.labels:
        raise SourceError(
            f"{where}: was trained for the labels {', '.join(trained.labels)}; the sweep has"
            f" {', '.join(asked.labels)}; give --labels as in {record_path(where).name}"
        )
    recipe = trained.recipe
    rule = (recipe.resize.value, recipe.crop_fraction)
    if rule != (asked.resize, asked.crop_fraction):
        raise SourceError(
            f"{where}: was trained with --resize {rule[0]} --crop-fraction {rule[1]:g}, the sweep"
            f" has {asked.resize} and {asked.crop_fraction:g}; give the same"
        )


def _require_network(trained: TrainingRecord, member: Member, *, where: Path) -> None:
    recipe = trained.recipe
    found = (recipe.model, recipe.alpha, recipe.size)
    if found != (member.model, member.alpha, member.size):
        raise SourceError(
            f"{where}: is {recipe.model}, width {recipe.alpha:g}, {recipe.size} pixels by the"
            f" record of its training, not {member.network}; rename it"
        )
