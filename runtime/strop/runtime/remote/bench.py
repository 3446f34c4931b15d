"""Measures by `bench` apart from this process: in a fresh one of this machine, or on a board."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from strop.runtime.artifact.artifact import detect_format
from strop.runtime.bench.record import BenchRecord
from strop.runtime.bench.run import BenchRequest
from strop.runtime.errors import MeasurementError
from strop.runtime.progress import Progress, unwatched
from strop.runtime.records.error_record import ErrorRecord
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Command
from strop.runtime.remote.session import PERFORM, started
from strop.runtime.remote.task import Contents, Task, make_task, require_same_files
from strop.supervised import PARENT

BENCH = Command(name="bench", request=BenchRequest, record=BenchRecord)
WHERE = "strop bench"


def bench_apart(request: BenchRequest) -> BenchRecord:
    """Measure artifacts in a fresh process of this machine, by the program that boards run.

    A file that crashes its engine ends only that process.

    Raises:
        StropError: As `strop.runtime.bench.run.bench`; ArtifactError of a file that crashes.
        MeasurementError: The process ended without a record.
    """
    task = make_task(BENCH, request, contents=_contents(request))
    with tempfile.TemporaryDirectory(prefix="strop-") as scratch:
        for file in task.files:
            place = Path(scratch, file.place)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file.path.resolve())
        ended = subprocess.run(
            [sys.executable, "-m", PERFORM],
            input=task.request.encode(),
            capture_output=True,
            check=False,
            cwd=scratch,
            env={**os.environ, PARENT: str(os.getpid())},
        )
    return _only_record(task, ended)


def _only_record(
    task: Task[BenchRequest, BenchRecord], ended: subprocess.CompletedProcess[bytes]
) -> BenchRecord:
    answers = [BENCH.read_answer(line, where=WHERE) for line in ended.stdout.splitlines()]
    if len(answers) != 1:
        last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise MeasurementError(
            f"{WHERE}: ended with code {ended.returncode} and no record: {last[0]}"
        )
    (answer,) = answers
    if isinstance(answer, ErrorRecord):
        raise replace(answer, lines=tuple(map(task.at_home, answer.lines))).error()
    return answer


def bench_on_board(
    request: BenchRequest,
    target: Target,
    *,
    progress: Progress = unwatched,
    note: Callable[[str], None] = lambda text: None,
) -> BenchRecord:
    """Have a board measure, and bring its record home.

    Args:
        request: What is measured.
        target: The board.
        progress: Passes the files on that are copied.
        note: Is given what the board says meanwhile.

    Raises:
        ArtifactError: A file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the record is not of these artifacts.
        StropError: As `strop bench` raised it there.
    """
    with started(
        target,
        make_task(BENCH, request, contents=_contents(request)),
        formats={detect_format(path) for path in request.artifacts},
        engine=request.engine,
        progress=progress,
        note=note,
    ) as running:
        record = running.record()
    found = [(artifact.name, artifact.sha256) for artifact in record.artifacts]
    require_same_files(target, found, request.artifacts)
    return record


def _contents(request: BenchRequest) -> Contents | None:
    return None if request.images is None else {request.images: request.used_images}
