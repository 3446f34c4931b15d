"""The float model of a member, and what it costs on paper; this loads Keras."""

from __future__ import annotations

from pathlib import Path

from strop.export import torch_weights
from strop.export.architectures import architecture
from strop.export.count_keras import count_keras
from strop.export.keras_files import open_keras
from strop.export.source import Source, from_keras_model, load_model_file
from strop.export.sweep.members import IMAGENET, NONE, Member
from strop.export.sweep.record import Counts, counts_of
from strop.export.zoo import TORCH_SUFFIXES, build, untrained
from strop.export.zoo_weights import load_weights, randomize


def open_member(member: Member, *, classes: int) -> tuple[Source, Counts]:
    """Build or load a member.

    Args:
        member: Of the zoo, or a file.
        classes: Length of a row of scores, of a network of the zoo.

    Raises:
        SourceError: It cannot be built, or its weights do not fit.
    """
    if member.alpha is None or member.size is None:
        source = load_model_file(member.model)
        return source, counts_of(count_keras(open_keras(Path(member.model))), member.precision)
    # Not `build` for all: its sizes are multiples of 32 pixels.
    alpha, size, weights = member.alpha, member.size, Path(member.weights)
    found = architecture(member.model)
    if weights.suffix in TORCH_SUFFIXES:
        model = torch_weights.torch_model(
            member.model, weights, alpha=alpha, size=size, classes=classes
        )
        counts = counts_of(count_keras(model), member.precision)
        mean, std = torch_weights.MEAN, torch_weights.STD
        return from_keras_model(model, name=member.network, mean=mean, std=std), counts
    model = untrained(found, alpha=alpha, size=size, classes=classes)
    counts = counts_of(count_keras(model), member.precision)
    if member.weights == IMAGENET:
        return build(member.model, alpha=alpha, resolution=size / found.default_size), counts
    if member.weights == NONE:
        randomize(model, 0)
    else:
        load_weights(model, weights)
    return from_keras_model(model, name=member.network, mean=found.mean, std=found.std), counts
