"""Refuses what several consumers cannot do with."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from strop.runtime.artifact.contract import Task
from strop.runtime.errors import ConsumerError

if TYPE_CHECKING:
    from strop.export.options.options import ExportOptions
    from strop.export.source.source import Source


def require_colour(source: Source, options: ExportOptions) -> None:
    """Raise ConsumerError for a model of grey images."""
    if source.channels != 3:
        raise ConsumerError(
            f"{source.name}: takes images of {source.channels} channel, and --for"
            f" {options.consumer} needs 3 (RGB); put a layer in front that makes grey of colour"
        )


def require_task(source: Source, options: ExportOptions, tasks: Collection[Task]) -> None:
    """Raise ConsumerError for a model of another task than these."""
    task = None if options.decision is None else options.decision.task
    if task is not None and task not in tasks:
        needed = " or ".join(each.value for each in tasks)
        raise ConsumerError(
            f"{source.name}: its task is {task.value}, and --for {options.consumer} needs"
            f" {needed}; export it without --for"
        )
