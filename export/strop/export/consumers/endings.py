"""Decides which activations the files apply themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strop.export.consumers.catalogue import consumer_named
from strop.export.emit.write import ENDINGS
from strop.export.options.choices import Result
from strop.runtime.artifact.contract import Activation
from strop.runtime.errors import SourceError

if TYPE_CHECKING:
    from strop.export.options.options import ExportOptions
    from strop.export.source.source import Source


def written_endings(
    source: Source, options: ExportOptions, activations: Sequence[Activation]
) -> tuple[Activation, ...]:
    """Return what the files apply to each output's scores; NONE leaves it to their user.

    Raises:
        SourceError: Probabilities are asked for, and no output has them.
    """
    if options.result is not Result.PROBABILITIES:
        return (Activation.NONE,) * len(activations)
    found = tuple(each if each in ENDINGS else Activation.NONE for each in activations)
    if set(found) == {Activation.NONE}:
        remedy = f"export it with --result {Result.SCORES.value}"
        consumer = consumer_named(options.consumer) if options.consumer else None
        if consumer and Result.SCORES not in consumer.settings["result"]:
            remedy = f"--for {consumer.name} needs probabilities: end the model in one"
        raise SourceError(
            f"{source.name}: ends in no softmax or sigmoid, so its scores are no probabilities;"
            f" {remedy}"
        )
    return found
