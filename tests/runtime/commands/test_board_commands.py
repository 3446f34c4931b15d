"""Every command of a board: its request and its records, there and back, whole and damaged."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.drawn import drawn
from tests.runtime.mutated_json import mutated_json

from strop.runtime.commands.perform import MODULES, work_of
from strop.runtime.errors import StropError, TargetError
from strop.runtime.records.error_record import ErrorRecord
from strop.runtime.records.typed_json import fields_of, read_typed
from strop.runtime.remote.agent import PROTOCOL
from strop.runtime.remote.command import Answers, Command, read_request
from strop.runtime.remote.task import make_task

COMMANDS: list[Command[Any, Any]] = [
    work.command for module in MODULES.values() for work in import_module(module).ON_BOARD
]
DRAWS = 20
DAMAGES = 60


@pytest.fixture(params=COMMANDS, ids=lambda command: str(command.name))
def command(request: pytest.FixtureRequest) -> Command[Any, Any]:
    found: Command[Any, Any] = request.param
    return found


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a.onnx", "b [1].png", "\udcff.png")]
    for path in paths:
        path.write_bytes(path.name.encode(errors="surrogateescape"))
    return paths


def as_json(value: object) -> str:
    def plain(each: object) -> object:
        return str(each) if isinstance(each, Path) else fields_of(each)

    return json.dumps(value, default=plain)


def test_a_request_arrives_as_it_was_sent(command: Command[Any, Any], files: list[Path]) -> None:
    for seed in range(DRAWS):
        sent = drawn(command.request, random.Random(seed), files)
        task = make_task(command, sent)
        name, values = read_request(task.request.encode())
        assert work_of(name).command is command
        arrived = read_typed(values, command.request, at="the request")
        assert task.at_home(as_json(arrived)) == as_json(sent)
        assert {file.place for file in task.files} == {str(path) for path in paths_in(arrived)}


def test_a_record_comes_home_as_it_was_made(command: Command[Any, Any]) -> None:
    for seed in range(DRAWS):
        made = drawn(command.record, random.Random(seed))
        assert command.read_answer(written(made), where="board") == made


def written(*answers: object) -> bytes:
    """What the board's half writes."""
    source, sink = os.pipe()
    with os.fdopen(source, "rb") as pipe:
        try:
            for answer in answers:
                if isinstance(answer, ErrorRecord):
                    Answers(sink).refuse(answer)
                else:
                    Answers(sink).give(answer)
        finally:
            os.close(sink)
        return pipe.read()


def test_an_error_comes_home_as_it_was_raised(command: Command[Any, Any]) -> None:
    error = ErrorRecord(kind="ImageError", exit_code=2, lines=("a: b", "  c"))
    assert command.read_answer(written(error), where="board") == error


def paths_in(value: object) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from paths_in(each)
    elif hasattr(value, "__dataclass_fields__"):
        yield from paths_in(tuple(fields_of(value).values()))


def test_a_damaged_request_leads_nowhere(command: Command[Any, Any], files: list[Path]) -> None:
    for seed in range(DAMAGES):
        text = make_task(command, drawn(command.request, random.Random(seed), files)).request
        with suppress(StropError):
            name, values = read_request(mutated_json(text, seed))
            found = read_typed(values, work_of(name).command.request, at="the request")
            for path in paths_in(found):
                assert not path.is_absolute()
                assert ".." not in path.parts


@pytest.mark.parametrize("place", ["/etc/passwd", "../x", "@0/../../x", "@0/a/../..", 3, None])
def test_a_path_that_leads_out_of_the_folder_is_refused(place: object) -> None:
    with pytest.raises(StropError, match="needed is a path below the folder"):
        read_typed([place], tuple[Path, ...], at="the request")


def test_a_damaged_answer_is_a_record_or_refused(command: Command[Any, Any]) -> None:
    for seed in range(DAMAGES):
        line = written(drawn(command.record, random.Random(seed))).decode()
        with suppress(StropError):
            found = command.read_answer(mutated_json(line, seed), where="board")
            assert isinstance(found, (command.record, ErrorRecord))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"protocol": 99}, "protocol 99 of strop 0.9, this strop .* has 1; needed is one strop"),
        ({"protocol": None}, "protocol None of strop 0.9"),
        ({"command": "format"}, "'format' is no command here"),
        ({"command": "run --rm"}, "'run --rm' is no command here"),
        ({"command": 5}, "'5' is no command here"),
    ],
)
def test_a_request_of_another_strop_is_refused_by_name_and_version(
    changed: dict[str, object], text: str
) -> None:
    request = {"protocol": PROTOCOL, "strop_version": "0.9", "command": "doctor", "request": {}}
    with pytest.raises(TargetError, match=text):
        work_of(read_request(json.dumps(request | changed).encode())[0])


def test_a_request_of_another_version_and_the_same_protocol_is_served() -> None:
    request = {"protocol": PROTOCOL, "strop_version": "9", "command": "doctor", "request": {}}
    assert read_request(json.dumps(request).encode()) == ("doctor", {})


NOISY = """
import ctypes, os
from strop.runtime.commands import doctor
from strop.runtime.errors import CameraError
from strop.runtime.remote.command import Work

def perform(request):
    print("from Python")
    os.write(1, b"from C\\n")
    if {fails}:
        raise CameraError("no camera", "  at all")
    return [doctor.diagnose()]

doctor.ON_BOARD = (Work(command=doctor.DOCTOR, perform=perform),)
"""


def on_board(request: str, folder: Path, prelude: str = "") -> subprocess.CompletedProcess[str]:
    """What a board's process says, whose site runs a prelude when doctor is imported."""
    (folder / "sitecustomize.py").write_text(prelude)
    return subprocess.run(
        [sys.executable, "-m", "strop.on_board"],
        input=request,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("fails", [False, True])
def test_what_libraries_print_there_is_no_answer(tmp_path: Path, fails: bool) -> None:
    doctor = work_of("doctor").command
    ended = on_board(doctor.request_text({}), tmp_path, NOISY.format(fails=fails))
    assert "from Python" in ended.stderr
    assert "from C" in ended.stderr
    (line,) = ended.stdout.splitlines()
    found = doctor.read_answer(line, where="board")
    if fails:
        assert found == ErrorRecord(
            kind="CameraError", exit_code=3, lines=("no camera", "  at all")
        )
    assert isinstance(found, ErrorRecord if fails else doctor.record)
    assert ended.returncode == (3 if fails else 0)
    assert "error: " not in ended.stderr


def test_what_is_no_request_is_answered_by_an_error(tmp_path: Path) -> None:
    ended = on_board("{", tmp_path)
    (line,) = ended.stdout.splitlines()
    error = json.loads(line)["error"]
    assert (error["kind"], error["exit_code"], ended.returncode) == ("TargetError", 2, 2)
    assert "the request: not JSON that can be read" in error["lines"][0]
