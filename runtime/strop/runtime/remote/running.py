"""A task that runs on a board: its output, its notes, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from strop.runtime.errors import GateError, MeasurementError, StropError, TargetError
from strop.runtime.pages.terminal_text import one_line
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote import agent
from strop.runtime.remote.connection import Connection
from strop.runtime.remote.refusal import parse
from strop.runtime.remote.task import Task

MAX_RECORD_BYTES = 1 << 28  # raw samples of 20 million inferences
MAX_LINE_BYTES = 1 << 20
ERROR_MARK = "error: "  # as strop.console.error writes it
ERRORS = {error.exit_code: error for error in (GateError, TargetError, MeasurementError)}


class Running:
    """What runs; its output can be read once, as lines or as a whole.

    Attributes:
        exit_code: Of strop there; None while it runs.
        error: Why it ended, line by line; empty where nothing was wrong.
    """

    def __init__(self, connection: Connection, task: Task, *, note: Callable[[str], None]) -> None:
        self.exit_code: int | None = None
        self.error: tuple[str, ...] = ()
        self._connection = connection
        self._target = connection.target
        self._task = task
        self._note = note

    def lines(self) -> Iterator[str]:
        """The output, line by line, as it comes.

        Raises:
            MeasurementError: The connection was lost, or a line has no end.
        """
        rest = b""
        for chunk in self._chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise MeasurementError(
                    f"{self._target}: a line of more than {MAX_LINE_BYTES} bytes; no record has"
                )
            yield from (line.decode(errors="replace") for line in lines)

    def whole(self) -> str:
        """All of the output, when the task has ended.

        Raises:
            MeasurementError: The connection was lost, or it is more than MAX_RECORD_BYTES.
        """
        content = bytearray()
        for chunk in self._chunks():
            content += chunk
            if len(content) > MAX_RECORD_BYTES:
                raise MeasurementError(
                    f"{self._target}: more than {MAX_RECORD_BYTES} bytes; no record has"
                )
        return content.decode(errors="replace")

    def check(self, *gates: int) -> int:
        """The exit code, where the command did its work.

        Args:
            gates: Exit codes besides 0 that say something about the result.

        Raises:
            StropError: What strop said there in its place, with the exit code that it had.
            MeasurementError: It ended in another way.
        """
        code = self.exit_code
        if self.error:
            raise self._error()
        if code == 0 or code in gates:
            return code or 0
        how = f"ended with code {code}; what it said there stands above"
        if code is not None and code < 0:
            how = f"was killed by signal {-code} there; is the board out of memory?"
        raise MeasurementError(f"{self._target}: strop {self._task.command} {how}")

    def _error(self) -> StropError:
        kind = ERRORS.get(self.exit_code or 0, MeasurementError)
        first, *rest = self.error
        return kind(f"{self._target}: {first}", *rest)

    def _chunks(self) -> Iterator[bytes]:
        rest = b""
        while True:
            kind, payload = self._connection.receive()
            if kind == agent.OUT:
                yield payload
            elif kind == agent.ERR:
                *lines, rest = (rest + payload).split(b"\n")
                self._take_notes(lines)
                rest = rest[-MAX_LINE_BYTES:]
            else:
                break
        self._take_notes([rest] if rest else [])
        reply = parse(self._target, payload)
        at = f"{self._target}: the exit code"
        self.exit_code = read_typed(reply.get("exit_code"), int, at=at)

    def _take_notes(self, lines: list[bytes]) -> None:
        """Pass lines on; from an error on they are kept, for it ends the command."""
        for line in lines:
            text = one_line(line.decode(errors="replace"))
            text = self._task.at_home(text)
            if self.error:
                self.error += (text,)
            elif text.startswith(ERROR_MARK):
                self.error = (text[len(ERROR_MARK) :],)
            else:
                self._note(text)
