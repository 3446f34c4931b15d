"""A task on a board, as the workstation hears of it: frames in, records and errors out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from strop.runtime.errors import ImageError, MeasurementError, StropError
from strop.runtime.remote import agent, running
from strop.runtime.remote.address import Target, target_from_url
from strop.runtime.remote.command import Command
from strop.runtime.remote.connection import Connection
from strop.runtime.remote.running import Running
from strop.runtime.remote.task import make_task


@dataclass(frozen=True, kw_only=True)
class Request:
    """The one file of a request."""

    file: Path


@dataclass(frozen=True, kw_only=True)
class Number:
    """A record."""

    n: int


COUNT = Command(name="count --all", request=Request, record=Number)
ENDED = (agent.REPLY, b'{"exit_code": 0}')


class Frames:
    """A connection in which everything has come already."""

    def __init__(self, *frames: tuple[bytes, bytes]) -> None:
        self.target: Target = target_from_url("ssh://board")
        self._frames = iter(frames)

    def receive(self) -> tuple[bytes, bytes]:
        return next(self._frames)


def out(*answers: object) -> tuple[bytes, bytes]:
    return agent.OUT, b"".join(json.dumps(answer).encode() + b"\n" for answer in answers)


def record(n: object) -> dict[str, object]:
    return {"record": {"n": n}}


def error(kind: str, code: int, *lines: str) -> dict[str, object]:
    return {"error": {"kind": kind, "exit_code": code, "lines": lines}}


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def hear(tmp_path: Path, notes: list[str]) -> Any:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"a")
    task = make_task(COUNT, Request(file=path))

    def heard(*frames: tuple[bytes, bytes]) -> Running[Request, Number]:
        return Running(cast("Connection", Frames(*frames)), task, note=notes.append)

    return heard


def test_records_come_one_by_one_however_they_are_cut(hear: Any) -> None:
    content = out(record(1), record(2))[1]
    cut = [(agent.OUT, content[i : i + 1]) for i in range(len(content))]
    assert [each.n for each in hear(*cut, ENDED).records()] == [1, 2]
    assert hear(out(record(3)), ENDED).record() == Number(n=3)


def test_notes_are_passed_on_with_the_paths_here(
    hear: Any, notes: list[str], tmp_path: Path
) -> None:
    frames = [(agent.ERR, b"warn"), (agent.ERR, b"ing: @0/a.onnx \x1b[2J\nerror: no error\nend")]
    assert hear(*frames, out(record(1)), ENDED).record() == Number(n=1)
    assert notes == [f"warning: {tmp_path}/a.onnx \\x1b[2J", "error: no error", "end"]


def test_an_error_there_is_raised_here_as_its_class(hear: Any, tmp_path: Path) -> None:
    refused = out(error("ImageError", 2, "@0/a.onnx: bad", "  \x1b"))
    with pytest.raises(ImageError) as caught:
        hear(refused, (agent.REPLY, b'{"exit_code": 2}')).record()
    assert caught.value.lines == (f"ssh://board: {tmp_path}/a.onnx: bad", "  \\x1b")


def test_what_came_before_an_error_is_kept(hear: Any) -> None:
    records = hear(out(record(1), error("ImageError", 2, "bad")), ENDED).records()
    assert next(records) == Number(n=1)
    with pytest.raises(ImageError):
        next(records)


def test_a_board_that_gives_records_without_end_is_refused(hear: Any) -> None:
    with pytest.raises(MeasurementError, match="2 records, needed is one"):
        hear(*[out(record(1))] * 3).record()  # a fourth frame would raise StopIteration


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([ENDED], "0 records, needed is one; is that board yours"),
        ([out(record(1), record(2)), ENDED], "2 records, needed is one"),
        ([(agent.OUT, b'{"record"'), ENDED], "0 records"),
        ([(agent.OUT, b"Segmentation fault\n"), ENDED], "the record: not JSON"),
        ([out({}), ENDED], "the record: neither a record nor an error"),
        ([out(record(1) | error("x", 1)), ENDED], "neither a record nor an error"),
        ([out(record("1")), ENDED], 'the record: n is "1", needed is int'),
        ([out(error("", 2)), (agent.REPLY, b"{}")], "the exit code is null, needed is int"),
        ([(agent.REPLY, b'{"exit_code": -9}')], "strop count was killed by signal 9 there"),
        ([(agent.REPLY, b'{"exit_code": 1}')], "strop count ended with code 1"),
        ([(agent.OUT, b"x" * 200), ENDED], "more than 100 bytes in a line"),
        ([(agent.OUT, b"x" * 60), (agent.OUT, b"x" * 60), ENDED], "more than 100 bytes in a line"),
    ],
)
def test_what_is_no_answer_is_refused_in_one_line(
    hear: Any, monkeypatch: pytest.MonkeyPatch, frames: list[tuple[bytes, bytes]], text: str
) -> None:
    monkeypatch.setattr(running, "MAX_BYTES", 100)
    with pytest.raises(StropError, match=text) as caught:
        hear(*frames).record()
    assert type(caught.value) is MeasurementError
    assert len(caught.value.lines) == 1
