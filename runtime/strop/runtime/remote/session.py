"""A board that strop works on: what it lacks is sent, a task is run, its results come home."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from strop.runtime.artifact.artifact import Format
from strop.runtime.errors import MeasurementError
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote import agent
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import RecordT, RequestT, require_protocol
from strop.runtime.remote.connection import Connection, connect
from strop.runtime.remote.device_half import device_half
from strop.runtime.remote.refusal import parse
from strop.runtime.remote.requirement import BoardFacts, check_board
from strop.runtime.remote.running import Running
from strop.runtime.remote.task import PlacedFile, Task

PERFORM = "strop.on_board"
Progress = Callable[[Iterable[PlacedFile], int, str], Iterator[PlacedFile]]


class Session:
    """A connected board; opened by `open_session`.

    Attributes:
        target: The board.
        facts: What it has.
    """

    def __init__(self, connection: Connection, facts: BoardFacts) -> None:
        self.target = connection.target
        self.facts = facts
        self._connection = connection
        self._code = device_half()
        self._code_sha256 = hashlib.sha256(self._code).hexdigest()

    def check(self, formats: Collection[Format] = (), *, engine: str | None = None) -> None:
        """Refuse a board that lacks what the artifacts need.

        Args:
            formats: Of the artifacts.
            engine: As `check_board`.

        Raises:
            TargetError: numpy, Pillow or an engine is missing there.
        """
        check_board(self.target, self.facts, formats=formats, engine=engine)

    def send(self, task: Task[Any, Any], *, progress: Progress | None = None) -> int:
        """Copy to the board what it lacks of the task's files and of strop.

        Args:
            task: What is to be run.
            progress: Passes the files on, with their number and what is done with them.

        Returns:
            How many files were copied, strop itself not counted.

        Raises:
            TargetError: The board's disk is full, or cannot be written.
            MeasurementError: The connection was lost, or a file has changed meanwhile.
        """
        files = {file.sha256: file for file in task.files}
        self._order("missing", files=list(files), code=self._code_sha256)
        reply = parse(self.target, self._connection.reply())
        at = f"{self.target}: the reply"
        wanted = read_typed(reply.get("files"), tuple[str, ...], at=at)
        missing = [files[name] for name in wanted if name in files]
        needs_code = read_typed(reply.get("code"), bool, at=at)
        if needs_code:
            self._order("put", files={self._code_sha256: len(self._code)})
            self._send_chunk(self._code)
            self._connection.reply()
            self._order("unpack", code=self._code_sha256)
            self._connection.reply()
        if missing:
            self._order("put", files={file.sha256: file.size_bytes for file in missing})
            named = f"copying to {self.target}"
            for file in progress(missing, len(missing), named) if progress else missing:
                self._send_file(file)
            self._connection.reply()
        return len(missing)

    def run(
        self, task: Task[RequestT, RecordT], *, note: Callable[[str], None]
    ) -> Running[RequestT, RecordT]:
        """Run the task; its files have been sent.

        Args:
            task: What is to be run.
            note: Is given each line that strop says there about the work.
        """
        self._order(
            "run",
            code=self._code_sha256,
            module=PERFORM,
            places={file.place: file.sha256 for file in task.files},
            request=task.request,
        )
        return Running(self._connection, task, note=note)

    def _order(self, verb: str, **arguments: object) -> None:
        self._connection.order([verb, arguments])

    def _send_file(self, file: PlacedFile) -> None:
        rest = file.size_bytes
        with file.path.open("rb") as source:
            while rest:
                chunk = source.read(min(rest, agent.CHUNK_BYTES))
                if not chunk:
                    raise MeasurementError(f"{file.path}: has become shorter; start again")
                rest -= len(chunk)
                self._send_chunk(chunk)

    def _send_chunk(self, content: bytes) -> None:
        self._connection.send(agent.CHUNK, content)


@contextmanager
def open_session(target: Target) -> Iterator[Session]:
    """Connect to a board; at the end everything of this session ends there.

    Raises:
        TargetError: It cannot be reached, has no Python that strop can use, or its cache
            folder cannot be written.
    """
    with connect(target) as connection:
        connection.order({"cache": target.cache})
        reply = parse(target, connection.reply())
        require_protocol(reply, where=str(target))
        facts = read_typed(reply, BoardFacts, at=f"{target}: what it says")
        yield Session(connection, facts)
