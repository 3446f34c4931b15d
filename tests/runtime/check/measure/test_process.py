"""A worker's process: what it answers, how it fails, and that it never outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from strop.runtime.check.measure import process
from strop.runtime.check.measure.process import WorkerProcess
from strop.runtime.errors import MeasurementError

STOPPED, GONE = "T", ""


def start(program: str, folder: Path, *, is_stopped_between: bool = False) -> WorkerProcess:
    return WorkerProcess(
        [sys.executable, "-c", textwrap.dedent(program)],
        name="m.tflite",
        folder=folder,
        environment=os.environ,
        is_stopped_between=is_stopped_between,
    )


def state_of(pid: int) -> str:
    """The kernel's letter; GONE where there is no such process or only its exit code is left."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return GONE
    letter = text.rpartition(") ")[2][0]
    return GONE if letter in "ZX" else letter


def wait_for(state: str, pid: int) -> None:
    deadline = time.monotonic() + 20
    while state_of(pid) != state:
        assert time.monotonic() < deadline, f"{state_of(pid)!r}, not {state!r}"
        time.sleep(0.01)


ECHO = """
    import json, os, sys
    for line in sys.stdin:
        print(json.dumps({"command": line.strip(), "pid": os.getpid()}), flush=True)
"""


def test_an_answer_is_one_line_of_json(tmp_path: Path) -> None:
    with start(ECHO, tmp_path) as worker:
        assert worker.open()["command"] == "open"
        assert worker.warm_up()["command"] == "warm_up"


@pytest.mark.parametrize("is_stopped_between", [False, True])
def test_the_process_is_gone_at_the_end_also_a_stopped_one(
    tmp_path: Path, is_stopped_between: bool
) -> None:
    with start(ECHO, tmp_path, is_stopped_between=is_stopped_between) as worker:
        pid = worker.open()["pid"]
        if is_stopped_between:
            wait_for(STOPPED, pid)
        assert state_of(pid) != GONE
    assert state_of(pid) == GONE


def test_a_stopped_process_goes_on_with_the_next_command(tmp_path: Path) -> None:
    with start(ECHO, tmp_path, is_stopped_between=True) as worker:
        wait_for(STOPPED, worker.open()["pid"])
        assert worker.warm_up()["command"] == "warm_up"


def test_a_process_that_dies_gives_its_last_words(tmp_path: Path) -> None:
    program = "import sys; sys.exit('out of luck')"
    with (
        start(program, tmp_path) as worker,
        pytest.raises(MeasurementError, match=r"m\.tflite: its process ended.*: out of luck"),
    ):
        worker.open()


def test_a_process_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "REPLY_TIMEOUT_S", 0.2)
    with (
        start("import time; time.sleep(60)", tmp_path) as worker,
        pytest.raises(MeasurementError, match=r"gave no answer to 'open' in 0\.2 s"),
    ):
        worker.open()


@pytest.mark.parametrize("answer", ["hello", "[1]"])
def test_another_answer_than_an_object_is_named(tmp_path: Path, answer: str) -> None:
    with (
        start(f"input(); print({answer!r}, flush=True); input()", tmp_path) as worker,
        pytest.raises(MeasurementError, match="answered"),
    ):
        worker.open()


def test_a_block_without_its_samples_is_named(tmp_path: Path) -> None:
    with start(ECHO, tmp_path) as worker, pytest.raises(MeasurementError, match="answered"):
        worker.block()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_worker_does_not_outlive_its_parent(
    end: signal.Signals, tiny_onnx: Path, tmp_path: Path
) -> None:
    """Killed, the parent cannot end it; the kernel does."""
    program = f"""
        import json, os, sys, time
        from pathlib import Path
        from strop.runtime.check.measure.process import WorkerProcess, worker_command
        flags = "threads seed inputs block-runs block-ns lead-in-ns warmup-ns max-warmup-ns"
        with WorkerProcess(
            [*worker_command(), *(f"--{{flag}}=1" for flag in flags.split()), {str(tiny_onnx)!r}],
            name="m", folder=Path({str(tmp_path)!r}), environment=os.environ,
            is_stopped_between=True,
        ) as worker:
            worker.open()
            print(worker._process.pid, flush=True)
            time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        worker = json.loads(parent.stdout.readline())
    wait_for(STOPPED, worker)
    parent.send_signal(end)
    parent.wait()
    wait_for(GONE, worker)
