"""`strop bench --target`: the same record, measured on a board."""

from __future__ import annotations

from strop.runtime.bench.record import BenchRecord
from strop.runtime.bench.run import BenchRequest
from strop.runtime.commands.flags.target import require_same_files, started
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Command

BENCH = Command(name="bench", request=BenchRequest, record=BenchRecord)


def measure_on_board(target: Target, request: BenchRequest) -> BenchRecord:
    """Have a board measure, and bring its record home.

    Raises:
        ArtifactError: A file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the record is not of these artifacts.
        StropError: As `strop bench` raised it there.
    """
    contents = None if request.images is None else {request.images: request.used_images}
    with started(
        target,
        BENCH,
        request,
        artifacts=request.artifacts,
        engine=request.engine,
        contents=contents,
    ) as running:
        record = running.record()
    found = [(artifact.name, artifact.sha256) for artifact in record.artifacts]
    require_same_files(target, found, request.artifacts)
    return record
