"""The program on the board, at the other end of two pipes: when it ends, and what it removes."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.runtime.mutated_json import mutated_json
from tests.runtime.remote.ssh_board import wait_until

from strop.runtime.remote import agent

PROGRAM = """
from strop.runtime.remote import agent
agent.LOST_S, agent.GRACE_S = {lost_s}, 0.5
agent.main()
"""
CODE = "0" * 64
# What the agent is told to run; a child of its own is in the same group.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
os.write(1, b"%d " % os.getpid())
time.sleep(600)
"""


@contextmanager
def agent_process(cache: Path, *, lost_s: float) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(lost_s=lost_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        try:
            assert receive(process) == (agent.REPLY, b"{}")
            order(process, {"cache": str(cache)})
            kind, facts = receive(process)
            assert kind == agent.REPLY
            assert json.loads(facts)["cache"] == str(cache)
            yield process
        finally:
            process.kill()


def order(process: subprocess.Popen[bytes], content: object) -> None:
    payload = json.dumps(content).encode()
    assert process.stdin is not None
    process.stdin.write(agent.HEADER.pack(agent.ORDER, len(payload)) + payload)


def receive(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    while True:
        kind, length = agent.HEADER.unpack(process.stdout.read(agent.HEADER.size))
        if kind != agent.ALIVE:
            return kind, process.stdout.read(length)


def run_stubborn(process: subprocess.Popen[bytes], cache: Path) -> set[int]:
    """Have the agent run STUBBORN; its processes, when they run."""
    (cache / "code" / CODE).mkdir()
    (cache / "code" / CODE / "stubborn.py").write_text(STUBBORN)
    order(process, ["run", {"code": CODE, "module": "stubborn", "places": {}, "request": "{}"}])
    printed = b""
    while printed.count(b" ") < 2:
        kind, payload = receive(process)
        assert kind == agent.OUT
        printed += payload
    return {int(number) for number in printed.split()}


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"  # ended; whoever inherited it has not looked yet


def test_a_workstation_that_falls_silent_ends_the_agent_and_all_that_it_runs(
    tmp_path: Path,
) -> None:
    with agent_process(tmp_path, lost_s=2) as process:
        pids = run_stubborn(process, tmp_path)
        assert len(pids) == 2
        # The pipes stay open: nobody has hung up.
        assert process.wait(timeout=30) == 0
        assert wait_until(lambda: all(map(is_gone, pids)))
    assert list((tmp_path / "runs").iterdir()) == []


def test_signs_of_life_keep_it_running(tmp_path: Path) -> None:
    with agent_process(tmp_path, lost_s=2) as process:
        pids = run_stubborn(process, tmp_path)
        for _ in range(8):
            assert process.stdin is not None
            process.stdin.write(agent.HEADER.pack(agent.ALIVE, 0))
            time.sleep(0.5)
        assert process.poll() is None
        assert not any(map(is_gone, pids))
        if process.stdin is not None:
            process.stdin.close()
        assert process.wait(timeout=30) == 0
        assert wait_until(lambda: all(map(is_gone, pids)))


def test_a_signal_ends_it_like_the_loss_of_the_connection(tmp_path: Path) -> None:
    with agent_process(tmp_path, lost_s=60) as process:
        pids = run_stubborn(process, tmp_path)
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=30) == 0
        assert wait_until(lambda: all(map(is_gone, pids)))


def test_what_no_run_has_used_for_a_month_is_removed(tmp_path: Path) -> None:
    ages_days = {
        "files/old": 31,
        "files/new": 29,
        "files/.partial.old": 2,
        "files/.partial.new": 0.5,
        "code/old/x": 31,
        "code/new/x": 29,
        "runs/old/x": 31,
    }
    for name, age_days in ages_days.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        then_s = time.time() - age_days * agent.DAY_S
        for each in (path, path.parent) if path.name == "x" else (path,):
            os.utime(each, (then_s, then_s))
    with agent_process(tmp_path, lost_s=60):
        left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")}
    assert {name for name in left if not name.startswith("runs/")} == {
        "files/new",
        "files/.partial.new",
        "code/new",
    }
    assert "runs/old" not in left


def test_the_agent_needs_no_more_than_the_standard_library() -> None:
    tree = ast.parse(Path(agent.__file__).read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= {*sys.stdlib_module_names}


class Replies(agent.Link):
    """A link that keeps what is answered, and has no chunks."""

    def __init__(self) -> None:
        self.sent: list[dict[str, object]] = []

    def send(self, kind: bytes, payload: bytes) -> None:
        self.sent.append(json.loads(payload))

    def next_of(self, wanted: bytes) -> bytes:
        raise agent.GoneError


ORDERS = (
    ["missing", {"files": [CODE], "code": CODE}],
    ["put", {"files": {CODE: 5}}],
    ["unpack", {"code": CODE}],
    ["run", {"code": CODE, "module": "m", "places": {"@0/a": CODE}, "request": "{}"}],
)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: str(order[0]))
def test_a_damaged_order_is_refused_and_writes_nothing_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: list[object]
) -> None:
    started: list[Path] = []

    def popen(command: list[str], *, cwd: Path, **_: object) -> None:
        started.append(cwd)
        raise agent.GoneError

    monkeypatch.setattr(subprocess, "Popen", popen)
    cache = tmp_path / "a/b/c/cache"
    obedient = agent.Agent(Replies(), cache)
    (cache / "code" / CODE).mkdir()
    for seed in range(150):
        with suppress(*agent.DAMAGED, agent.GoneError, OSError):
            obedient.obey(mutated_json(json.dumps(order), seed))
    obedient.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    outside = {path for path in tmp_path.rglob("*") if cache not in (path, *path.parents)}
    assert outside == {tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c"}
    assert all(cache / "runs" in cwd.parents for cwd in started)


@pytest.mark.parametrize("place", ["/x", "../x", "a/../../x", "", "."])
def test_a_place_outside_of_the_run_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ValueError, match="outside of the folder of the run"):
        agent.place_in(tmp_path, place)


@pytest.mark.parametrize("name", ["", "../x", "0" * 63, f"{CODE}/x", f"{CODE}\n"])
def test_a_name_that_is_no_hash_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no SHA-256"):
        agent.named(name)


def test_what_is_no_order_is_answered_in_one_line(tmp_path: Path) -> None:
    for content in (["format", {}], ["missing", {}], ["missing", {"files": 1, "code": CODE}], 5):
        with agent_process(tmp_path, lost_s=60) as process:
            order(process, content)
            kind, answer = receive(process)
            assert kind == agent.REPLY
            error = json.loads(answer)["error"]
            assert (error["kind"], error["exit_code"]) == ("MeasurementError", 3)
            (line,) = error["lines"]
            assert "the agent of protocol 1 there could not obey an order" in line
            assert process.wait(timeout=30) == 0
