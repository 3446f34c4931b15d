"""Writes the labels as programs read them."""

from __future__ import annotations

from pathlib import Path

from strop.export.consumers.consumer import Delivery
from strop.runtime.records.user_files import write_whole

LABELS = "labels.txt"  # where a program does not want another name


def write_labels(delivery: Delivery, name: str = LABELS) -> tuple[Path, ...]:
    """Write one label per line, in the order of the scores; no file where there are none."""
    labels = delivery.options.labels
    if not labels:
        return ()
    path = delivery.folder / name
    write_whole("".join(f"{label}\n" for label in labels), path)
    return (path,)
