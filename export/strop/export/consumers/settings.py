"""Decides the options that a consumer fixes, and refuses what it cannot do with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from strop.export.consumers.consumer import Consumer
from strop.export.options.options import ExportOptions
from strop.runtime.errors import ConsumerError

if TYPE_CHECKING:
    from strop.export.source.source import Source

FLAGS = {"formats": "--format", "precisions": "--precision"}  # others are called as their fields


def settled(consumer: Consumer, given: Mapping[str, object]) -> dict[str, Any]:
    """Add what a consumer needs to what was asked for.

    Args:
        consumer: The program.
        given: Fields of ExportOptions that were asked for, with their values.

    Raises:
        ConsumerError: One of them is not among those that it can do with.
    """
    chosen = dict(given)
    for field, allowed in consumer.settings.items():
        if given.get(field, allowed[0]) not in allowed:
            flag = FLAGS.get(field, f"--{field.replace('_', '-')}")
            needed = " or ".join(f"{flag} {in_words(value)}" for value in allowed)
            raise ConsumerError(
                f"--for {consumer.name} needs {needed}, and {flag} {in_words(given[field])} was"
                " given; leave it out"
            )
        chosen.setdefault(field, allowed[0])
    return chosen


def check_consumer(consumer: Consumer, source: Source, options: ExportOptions) -> None:
    """Refuse a model or options that a consumer cannot do with.

    Raises:
        ConsumerError: It is named with what it needs.
    """
    settled(consumer, {field: getattr(options, field) for field in consumer.settings})
    if options.outputs and not consumer.takes_several_outputs:
        names = ", ".join(one.name for one in options.outputs)
        raise ConsumerError(
            f"{source.name}: has several outputs ({names}), and --for {consumer.name} needs one;"
            " choose it with --outputs, or export it without --for"
        )
    consumer.refuse(source, options)


def in_words(value: object) -> str:
    """Write a value as it stands on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(in_words, value))
    return str(value.value if isinstance(value, Enum) else value)
