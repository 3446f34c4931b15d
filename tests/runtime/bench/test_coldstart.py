"""The cold start: its own process, its own memory, and what is said when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from strop.runtime.bench import coldstart
from strop.runtime.bench.coldstart import ColdStart, measure_cold_start
from strop.runtime.engines.engine import Array, TensorInfo
from strop.runtime.errors import EngineError, MeasurementError
from strop.runtime.machine.child_process import peak_rss_bytes

RECORD = '{"import_ns":1,"load_ns":2,"first_invoke_ns":3,"second_invoke_ns":4,"peak_rss_bytes":5}'
MIB = 1 << 20


class SlowStarter:
    """Takes 30 ms for its first invoke."""

    inputs = (TensorInfo(shape=(1, 4, 4, 3), dtype="uint8"),)

    def __init__(self) -> None:
        self.invokes = 0
        self.closed = False

    def write(self, tensor: Array) -> None:
        assert tensor.shape == self.inputs[0].shape

    def invoke(self) -> None:
        self.invokes += 1
        if self.invokes == 1:
            time.sleep(0.03)

    def __enter__(self) -> SlowStarter:
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True


@pytest.fixture
def fake_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stands for the interpreter that the child runs; tests write its script."""
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return script


def test_the_child_times_load_first_and_second_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = SlowStarter()

    def opens(path: Path, *, engine: str | None, num_threads: int) -> SlowStarter:
        assert (path, engine, num_threads) == (Path("m.tflite"), "litert", 4)
        time.sleep(0.01)
        return started

    started = engine
    monkeypatch.setattr(coldstart, "open_engine", opens)
    code = coldstart.main(["--engine", "litert", "--threads", "4", "--started-ns", "0", "m.tflite"])
    assert code == 0
    (line,) = capsys.readouterr().out.splitlines()
    record = ColdStart(**json.loads(line))
    assert engine.closed
    assert engine.invokes == 2
    assert record.import_ns > 0
    assert record.load_ns >= 10_000_000
    assert record.first_invoke_ns >= 30_000_000 > record.second_invoke_ns
    assert record.peak_rss_bytes > 1 * MIB


def test_the_child_says_a_users_error_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(path: Path, *, engine: str | None, num_threads: int) -> SlowStarter:
        raise EngineError("LiteRT is not installed here")

    monkeypatch.setattr(coldstart, "open_engine", refuses)
    assert coldstart.main(["m.tflite"]) == EngineError.exit_code
    assert capsys.readouterr() == ("", "LiteRT is not installed here\n")


def test_the_record_is_the_childs_last_line(fake_python: Path) -> None:
    fake_python.write_text(f"#!/bin/sh\necho greetings\necho '{RECORD}'\n")
    expected = ColdStart(
        import_ns=1, load_ns=2, first_invoke_ns=3, second_invoke_ns=4, peak_rss_bytes=5
    )
    assert measure_cold_start(Path("m.tflite")) == expected


def test_the_child_gets_the_path_as_it_is(fake_python: Path) -> None:
    arguments = fake_python.with_name("arguments")
    fake_python.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {arguments}\necho '{RECORD}'\n")
    measure_cold_start(Path("-odd; name $(x).tflite"), engine="litert", num_threads=3)
    given = arguments.read_text().splitlines()
    assert given[:6] == [
        "-m",
        "strop.runtime.bench.coldstart",
        "--threads",
        "3",
        "--engine",
        "litert",
    ]
    assert given[-2:] == ["--", "-odd; name $(x).tflite"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo early >&2; echo out of memory >&2; exit 3", "m.tflite: cold start failed: out of"),
        ("exit 7", "exit code 7 without a message"),
        ("kill -9 $$", "killed by signal 9"),
        ("echo hello", "printed 'hello.*needed is a record"),
        ("exit 0", "printed ''"),
        ("echo '{\"import_ns\": 1}'", "lacks or adds first_invoke_ns"),
    ],
)
def test_a_child_that_fails_is_a_measurement_error(
    fake_python: Path, script: str, message: str
) -> None:
    fake_python.write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(MeasurementError, match=message):
        measure_cold_start(Path("m.tflite"))


def test_a_child_that_hangs_is_ended(fake_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_python.write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setattr(coldstart, "CHILD_TIMEOUT_S", 0.2)
    with pytest.raises(MeasurementError, match=r"no first result after 0\.2 s"):
        measure_cold_start(Path("m.tflite"))


def test_peak_memory_is_the_childs_own_and_not_its_parents() -> None:
    # ru_maxrss would pass the parent's peak on to the child.
    ballast = np.ones(300 * MIB, np.uint8)
    program = "from strop.runtime.bench.coldstart import peak_rss_bytes; print(peak_rss_bytes())"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert peak_rss_bytes() > ballast.nbytes
    assert MIB < int(child.stdout) < ballast.nbytes


def test_peak_memory_is_read_where_there_is_no_proc(tmp_path: Path) -> None:
    assert peak_rss_bytes(tmp_path / "absent") > MIB
