"""Sends a board what it lacks of a task, and starts it there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from strop.runtime.artifact.artifact import Format
from strop.runtime.errors import MeasurementError
from strop.runtime.progress import Progress
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote import agent
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import RecordT, RequestT, require_protocol
from strop.runtime.remote.connection import Connection, connect
from strop.runtime.remote.device_half import device_half
from strop.runtime.remote.requirement import BoardFacts, check_board
from strop.runtime.remote.running import Running
from strop.runtime.remote.task import PlacedFile, Task

PERFORM = "strop.on_board"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Missing:
    """What the board lacks: files by their hashes, and whether the device half."""

    files: tuple[str, ...]
    code: bool


@contextmanager
def started(
    target: Target,
    task: Task[RequestT, RecordT],
    *,
    formats: Collection[Format],
    engine: str | None,
    progress: Progress,
    note: Callable[[str], None],
) -> Iterator[Running[RequestT, RecordT]]:
    """A task that runs on a board, which has been sent what it lacks; a context manager.

    At the end nothing of it runs there.

    Args:
        target: The board.
        task: What is to be done.
        formats: Of the artifacts; the board must have an engine for each.
        engine: The one that is asked for; None for any.
        progress: Passes the files on that are copied, with their number and what is done.
        note: Is given each line that is said about the work, here and there.

    Raises:
        TargetError: The board cannot be reached, lacks something, or its disk is full or cannot
            be written.
        MeasurementError: The connection was lost, or a file has changed meanwhile.
    """
    half = device_half()
    code = hashlib.sha256(half).hexdigest()
    with connect(target) as connection:
        connection.order({"cache": target.cache})
        said = connection.reply()
        require_protocol(said, where=str(target))
        facts = read_typed(said, BoardFacts, at=f"{target}: what it says")
        check_board(target, facts, formats=formats, engine=engine)
        files = {file.sha256: file for file in task.files}
        connection.order(["missing", {"files": list(files), "code": code}])
        missing = read_typed(connection.reply(), _Missing, at=f"{target}: the reply")
        if missing.code:
            connection.order(["put", {"files": {code: len(half)}}])
            connection.send(agent.CHUNK, half)
            connection.reply()
            connection.order(["unpack", {"code": code}])
            connection.reply()
        lacking = [files[name] for name in missing.files if name in files]
        if lacking:
            connection.order(["put", {"files": {each.sha256: each.size_bytes for each in lacking}}])
            for file in progress(lacking, len(lacking), f"copying to {target}"):
                _send(connection, file)
            connection.reply()
        if files:
            note(f"{target}: {len(lacking)} of {len(task.files)} files copied to {facts.cache}")
        places = {file.place: file.sha256 for file in task.files}
        run = {"code": code, "module": PERFORM, "places": places, "request": task.request}
        connection.order(["run", run])
        yield Running(connection, task, note=note)


def _send(connection: Connection, file: PlacedFile) -> None:
    rest = file.size_bytes
    with file.path.open("rb") as source:
        while rest:
            chunk = source.read(min(rest, agent.CHUNK_BYTES))
            if not chunk:
                raise MeasurementError(f"{file.path}: has become shorter; start again")
            rest -= len(chunk)
            connection.send(agent.CHUNK, chunk)
