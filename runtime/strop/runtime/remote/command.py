"""What a board can be asked for: a typed request, and the typed records that it answers with.

The workstation sends the device half of its own version with each request, so that both ends
are one version. What says another protocol all the same is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from strop.runtime.errors import MeasurementError, TargetError
from strop.runtime.records.error_record import ErrorRecord
from strop.runtime.records.json_reader import parse_object
from strop.runtime.records.typed_json import fields_of, read_typed
from strop.runtime.records.version import installed_version

RequestT = TypeVar("RequestT")
RecordT = TypeVar("RecordT")
REMEDY = "is another strop running there?"


@dataclass(frozen=True, kw_only=True, slots=True)
class Command(Generic[RequestT, RecordT]):
    """One thing that a board can be asked for.

    Attributes:
        name: A subcommand, with the flag that tells its requests apart, as "run --selftest".
        request: A frozen dataclass. Its paths are files, or folders of images, that go along.
        record: A frozen dataclass; most commands answer with one, a stream with many.
    """

    name: str
    request: type[RequestT]
    record: type[RecordT]

    def request_text(self, values: object) -> str:
        """A request as JSON, for `read_request`.

        Args:
            values: The request's fields as plain values of JSON.
        """
        from strop.runtime.remote.agent import PROTOCOL  # what a run here does not need

        header = {"protocol": PROTOCOL, "strop_version": installed_version(), "command": self.name}
        return json.dumps(header | {"request": values})

    def read_answer(self, line: str | bytes, *, where: str) -> RecordT | ErrorRecord:
        """One answer of a board's, as `Answers` writes it.

        Raises:
            MeasurementError: It is none of this command's.
        """
        found = parse_object(line, where=where, error=MeasurementError, remedy=REMEDY)
        if found.keys() == {"error"}:
            return read_typed(found["error"], ErrorRecord, at=where)
        if found.keys() != {"record"}:
            raise MeasurementError(f"{where}: neither a record nor an error; {REMEDY}")
        return read_typed(found["record"], self.record, at=where)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work(Generic[RequestT, RecordT]):
    """What the board's half does for a command.

    Attributes:
        command: What is asked for.
        perform: From the request to the records, each as soon as it is known.
    """

    command: Command[RequestT, RecordT]
    perform: Callable[[RequestT], Iterable[RecordT]]

    def answer(self, values: object, answers: Answers) -> None:
        """Do what a request asks for.

        Raises:
            MeasurementError: Its fields are not the command's.
            StropError: As `perform` raises it.
        """
        request = read_typed(values, self.command.request, at="the request")
        for record in self.perform(request):
            answers.give(record)


def read_request(text: bytes) -> tuple[str, object]:
    """The command's name, and the values of `Command.request_text`, not yet of its type.

    Raises:
        TargetError: It is of another protocol.
    """
    found = parse_object(text, where="the request", error=TargetError, remedy=REMEDY)
    require_protocol(found, where="the request")
    return str(found.get("command")), found.get("request")


def require_protocol(found: dict[str, object], *, where: str) -> None:
    """Pass what another process says, where that is by this protocol.

    Raises:
        TargetError: It is by another one.
    """
    from strop.runtime.remote.agent import PROTOCOL

    if found.get("protocol") != PROTOCOL:
        raise TargetError(
            f"{where}: protocol {found.get('protocol')!r:.20} of strop"
            f" {found.get('strop_version', 'unknown')!s:.40}, this strop {installed_version()} has"
            f" {PROTOCOL}; needed is one strop at both ends"
        )


class Answers:
    """Writes the answers of the board's half, a line of JSON each."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def give(self, record: Any) -> None:
        """Write a record."""
        self._write({"record": record})

    def refuse(self, error: ErrorRecord) -> None:
        """Write why there is no record."""
        self._write({"error": error})

    def _write(self, answer: object) -> None:
        rest = memoryview(json.dumps(answer, default=fields_of).encode() + b"\n")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
