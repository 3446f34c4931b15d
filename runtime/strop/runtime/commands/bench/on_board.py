"""`strop bench --target`: the same record, measured on a board."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from strop.runtime.artifact.artifact import detect_format
from strop.runtime.bench.record import BENCH_RECORD, BenchRecord
from strop.runtime.commands.flags.target import require_same_files, started, target_of
from strop.runtime.remote.task import ImageFolder, make_task


def measure_on_board(
    options: argparse.Namespace, *, images: Sequence[Path] | None = None
) -> BenchRecord:
    """Have a board measure, and bring its record home.

    Args:
        options: Of `strop bench`.
        images: Those of the folder that are used; None for random pixels.

    Raises:
        ArtifactError: A file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the record is not of these artifacts.
        StropError: As `strop bench` raised it there.
    """
    target = target_of(options)
    replaced: dict[str, object] = {"output": None}
    if images is not None:
        replaced["images"] = ImageFolder(path=options.images, images=tuple(images))
    formats = {detect_format(path) for path in options.artifacts}
    task = make_task("bench", options, replaced=replaced)
    with started(target, task, formats=formats, engine=options.engine) as running:
        text = running.whole()
        running.check()
    record = BENCH_RECORD.loads(text, where=f"{target}: the record")
    found = [(artifact.name, artifact.sha256) for artifact in record.artifacts]
    require_same_files(target, found, options.artifacts)
    return record
