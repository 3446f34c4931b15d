"""Reads the answers, the notes and the end of a task that runs on a board."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Generic

from strop.runtime.errors import MeasurementError
from strop.runtime.pages.terminal_text import one_line
from strop.runtime.records.error_record import ErrorRecord
from strop.runtime.records.json_reader import MAX_BYTES
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote import agent
from strop.runtime.remote.command import RecordT, RequestT
from strop.runtime.remote.connection import Connection
from strop.runtime.remote.refusal import read_reply
from strop.runtime.remote.task import Task

MAX_NOTE_BYTES = 1 << 20


class Running(Generic[RequestT, RecordT]):
    """A task that runs on a board; its answers can be read once.

    Attributes:
        at_home: As `Task.at_home`.
    """

    def __init__(
        self,
        connection: Connection,
        task: Task[RequestT, RecordT],
        *,
        note: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._target = connection.target
        self._task = task
        self._note = note
        self._exit_code: int | None = None
        self.at_home = task.at_home

    def record(self) -> RecordT:
        """The one record that the task ends with.

        Raises:
            StropError: As `records`.
            MeasurementError: There was none, or more than one.
        """
        found = list(islice(self.records(), 2))
        if len(found) != 1:
            raise MeasurementError(
                f"{self._target}: {len(found)} records, needed is one; is that board yours?"
            )
        return found[0]

    def records(self) -> Iterator[RecordT]:
        """The records, each as soon as it comes.

        Raises:
            StropError: What strop raised there, of the same class.
            MeasurementError: The connection was lost, an answer is none, or the task ended
                in another way.
        """
        error: ErrorRecord | None = None
        for line in self._lines():
            answer = self._task.command.read_answer(line, where=f"{self._target}: the record")
            if isinstance(answer, ErrorRecord):
                error = answer
            else:
                yield answer
        if error is not None:
            raise self._at_home(error).error(str(self._target))
        code = self._exit_code
        if code:
            how = f"ended with code {code}; what it said there stands above"
            if code < 0:
                how = f"was killed by signal {-code} there; is the board out of memory?"
            command = self._task.command.name.partition(" ")[0]
            raise MeasurementError(f"{self._target}: strop {command} {how}")

    def _at_home(self, error: ErrorRecord) -> ErrorRecord:
        return replace(error, lines=tuple(self.at_home(one_line(line)) for line in error.lines))

    def _lines(self) -> Iterator[bytes]:
        """The output's lines; a last one without an end is left out."""
        rest = bytearray()
        for chunk in self._chunks():
            *lines, last = chunk.split(b"\n")
            for line in lines:
                yield bytes(rest + line)
                rest.clear()
            rest += last
            if len(rest) > MAX_BYTES:
                raise MeasurementError(
                    f"{self._target}: more than {MAX_BYTES} bytes in a line; no record has"
                )

    def _chunks(self) -> Iterator[bytes]:
        rest = b""
        while True:
            kind, payload = self._connection.receive()
            if kind == agent.OUT:
                yield payload
            elif kind == agent.ERR:
                *lines, rest = (rest + payload).split(b"\n")
                self._take_notes(lines)
                rest = rest[-MAX_NOTE_BYTES:]
            else:
                break
        self._take_notes([rest] if rest else [])
        code = read_reply(self._target, payload).get("exit_code")
        self._exit_code = read_typed(code, int, at=f"{self._target}: the exit code")

    def _take_notes(self, lines: list[bytes]) -> None:
        for line in lines:
            self._note(self.at_home(one_line(line.decode(errors="replace"))))
