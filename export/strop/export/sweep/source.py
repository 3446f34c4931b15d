"""The float model of a member, and what it costs on paper; this loads Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strop.export.inspect.count_keras import count_keras
from strop.export.source.keras_files import open_keras
from strop.export.source.source import Source, from_keras_model, load_model_file
from strop.export.sweep.members import IMAGENET, NONE, Member
from strop.export.sweep.record import Counts, counts_of
from strop.export.training.record import training_record
from strop.export.zoo import torch_weights
from strop.export.zoo.architectures import architecture
from strop.export.zoo.build import TORCH_SUFFIXES, build, untrained
from strop.export.zoo.weights import load_weights, randomize


def open_member(member: Member, classes: int) -> tuple[Source, Counts]:
    """Build or load a member.

    A .keras that `strop train` wrote is taken as it is: it normalizes images itself.

    Args:
        member: Of the zoo, or a file.
        classes: Of a network of the zoo, unless it was trained here.

    Raises:
        SourceError: It cannot be built, its weights do not fit, or the record of its training
            is of another file.
        MeasurementError: The record of its training cannot be read.
    """
    if member.alpha is None or member.size is None:
        path = Path(member.model)
        return load_model_file(path), _counted(open_keras(path), member)
    # Not `build` for all: its sizes are multiples of 32 pixels.
    alpha, size, weights = member.alpha, member.size, Path(member.weights)
    found = architecture(member.model)
    if training_record(weights) is not None:
        model = open_keras(weights)
        return from_keras_model(model, name=member.network), _counted(model, member)
    if weights.suffix in TORCH_SUFFIXES:
        model = torch_weights.torch_model(
            member.model, weights, alpha=alpha, size=size, classes=classes
        )
        mean, std = torch_weights.MEAN, torch_weights.STD
        source = from_keras_model(model, name=member.network, mean=mean, std=std)
        return source, _counted(model, member)
    model = untrained(found, alpha=alpha, size=size, classes=classes)
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
