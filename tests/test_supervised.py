"""A file that kills its engine, or keeps it for ever, ends the command with one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from strop import cli, entry

# `work` is what the watched child does; FILE is a file that exists.
PROGRAM = """
import os, signal, sys, time
import strop.engine_watch, strop.supervised
from strop.engine_watch import EngineAtWork
FILE = sys.executable
def work():
{work}
sys.exit(strop.supervised.supervised(work))
"""
STEP_S = 0.02
LIMIT_S = 20.0


def program(work: str) -> list[str]:
    indented = textwrap.indent(textwrap.dedent(work).strip(), "    ")
    return [sys.executable, "-c", PROGRAM.format(work=indented)]


def run(work: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program(work),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


@contextmanager
def started(work: str, **options: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The parent, and its child's number, which the child prints before it goes on."""
    ready = "print(os.getpid(), flush=True)\n" + textwrap.dedent(work)
    parent = subprocess.Popen(
        program(ready), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )  # type: ignore[call-overload]  # options of Popen
    try:
        with parent.stdout, parent.stderr:
            yield parent, int(parent.stdout.readline())
    finally:
        parent.kill()
        parent.wait()


def state(pid: int) -> str:
    """Of a process, as ps has it; Z where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(STEP_S)


@pytest.mark.parametrize("code", [0, 3, 70])
def test_the_childs_exit_code_is_the_parents(code: int) -> None:
    assert run(f"return {code}").returncode == code


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_a_standard_stream_may_be_closed(stream: int) -> None:
    work = 'EngineAtWork(FILE, "fake 1.0"); os.kill(os.getpid(), signal.SIGSEGV)'
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {stream}>&-', "sh", *program(work)], timeout=30
    )
    assert ended.returncode == 2


def test_what_the_child_prints_comes_once() -> None:
    ended = run("print('a'); sys.stderr.write('b'); return 0")
    assert (ended.stdout, ended.stderr) == ("a\n", "b")


@pytest.mark.parametrize(
    ("number", "how"),
    [
        (signal.SIGSEGV, "segmentation fault"),
        (signal.SIGABRT, "abort"),
        (signal.SIGBUS, "bus error"),
        (signal.SIGFPE, "arithmetic error"),
    ],
)
def test_a_crash_of_an_engine_is_one_line_that_names_the_file(number: int, how: str) -> None:
    ended = run(
        f"""
        with EngineAtWork(FILE, "fake 1.0"):
            os.write(2, b"free(): invalid pointer")
            os.kill(os.getpid(), {number})
        """
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        f"error: {sys.executable}: killed its engine (fake 1.0, {how}); this file is damaged or"
        " hostile, do not use it\n"
    )


def test_an_engine_that_ends_the_process_is_one_line_that_names_the_file() -> None:
    ended = run(
        """
        with EngineAtWork(FILE, "litert 1.0", opens=True):
            os._exit(127)
        """
    )
    assert ended.returncode == 2
    found = f"{sys.executable}: its engine (litert 1.0) ended the process with code 127; "
    assert ended.stderr.startswith(f"error: {found}")
    assert ended.stderr.count("\n") == 1


def test_an_illegal_instruction_may_be_the_processors() -> None:
    ended = run('EngineAtWork(FILE, "fake 1.0"); os.kill(os.getpid(), signal.SIGILL)')
    assert ended.returncode == 2
    assert "this engine is not built for this processor" in ended.stderr


def test_memory_that_the_system_takes_back_is_said() -> None:
    ended = run('EngineAtWork(FILE, "fake 1.0"); os.kill(os.getpid(), signal.SIGKILL)')
    assert ended.returncode == 2
    assert "was ended as a system does that has no memory left" in ended.stderr


def test_of_several_open_files_it_is_not_known_which() -> None:
    work = """
        EngineAtWork(FILE, "fake 1.0"); EngineAtWork("/proc/self/exe", "fake 1.0")
        os.kill(os.getpid(), signal.SIGSEGV)
    """
    assert f"{sys.executable}, /proc/self/exe: one of them killed its engine" in run(work).stderr


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGPIPE])
def test_without_a_file_the_parent_ends_by_the_childs_signal(number: int) -> None:
    ended = run(f"signal.signal(signal.SIGPIPE, signal.SIG_DFL); os.kill(os.getpid(), {number})")
    assert (ended.returncode, ended.stderr) == (-number, "")


BRIEF = "strop.engine_watch.LIMIT_S = 0.2; strop.supervised.TICK_S = 0.05"


def test_an_engine_that_gives_no_result_is_ended() -> None:
    prelude, work = BRIEF, 'with EngineAtWork("/dev/null", "fake 1.0"): time.sleep(60)'
    command = program(work)
    command[2] = command[2].replace("FILE =", f"{prelude}\nFILE =")
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: /dev/null: its engine (fake 1.0) gave no result in 0 s")
    assert ended.stderr.count("\n") == 1


def test_the_wait_for_a_next_image_is_not_limited_nor_are_many_short_works() -> None:
    work = """
        for _ in range(10):
            with EngineAtWork("/dev/null", "fake 1.0"): time.sleep(0.1)
        time.sleep(1)
        return 0
    """
    command = program(work)
    command[2] = command[2].replace("FILE =", f"{BRIEF}\nFILE =")
    assert subprocess.run(command, timeout=30).returncode == 0


def test_what_a_file_makes_an_engine_allocate_is_limited() -> None:
    ended = run(
        """
        strop.engine_watch.ALLOWANCE_BYTES = 64 << 20
        EngineAtWork("/dev/null", "fake 1.0", opens=True)
        kept = bytearray(32 << 20)
        try: bytearray(128 << 20)
        except MemoryError: return 5
        return 0
        """
    )
    assert ended.returncode == 5


def test_a_limit_of_the_users_stays(tmp_path: Path) -> None:
    ended = run(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 31))
        strop.engine_watch.be_watched(strop.engine_watch._process.shared)
        EngineAtWork(FILE, "fake 1.0", opens=True)
        assert resource.getrlimit(resource.RLIMIT_DATA) == (1 << 30, 1 << 31)
        return 0
        """
    )
    assert ended.returncode == 0, ended.stderr


COUNTS = """
    signals = []
    signal.signal(signal.SIGINT, lambda number, frame: signals.append(number))
    signal.signal(signal.SIGHUP, lambda number, frame: signals.append(number))
    print("", flush=True)
    time.sleep(0.6)
    return len(signals)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_signal_for_the_parent_or_for_all_reaches_the_child_once(
    number: int, send: Callable[[int, int], None]
) -> None:
    with started(COUNTS, start_new_session=True) as (parent, _):
        assert parent.stdout is not None
        parent.stdout.readline()
        send(parent.pid, number)
        assert parent.wait(LIMIT_S) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_ends_ends_both(number: int) -> None:
    with started("time.sleep(60)") as (parent, child):
        parent.send_signal(number)
        assert parent.wait(LIMIT_S) == -number
        wait_until(lambda: state(child) == "Z")


def test_ctrl_c_in_an_engine_is_the_childs_interrupt() -> None:
    work = """
        try: time.sleep(60)
        except KeyboardInterrupt: return 130
    """
    with started(work) as (parent, _):
        parent.send_signal(signal.SIGINT)
        assert parent.wait(LIMIT_S) == 130


def test_a_child_does_not_outlive_its_parent() -> None:
    with started("time.sleep(60)") as (parent, child):
        parent.kill()
        wait_until(lambda: state(child) == "Z")


def test_an_ignored_end_of_children_is_no_obstacle() -> None:
    command = program("return 4")
    command[2] = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n" + command[2]
    assert subprocess.run(command, timeout=30).returncode == 4


def test_a_job_is_stopped_and_goes_on_as_a_whole() -> None:
    """A job, as a shell starts it: the kernel stops no process that no shell could continue."""
    shell = """
        import os, subprocess, sys
        job = subprocess.Popen(sys.argv[1:], preexec_fn=lambda: os.setpgid(0, 0))
        print(job.pid, flush=True)
        sys.exit(job.wait())
    """
    command = [sys.executable, "-c", textwrap.dedent(shell)]
    work = program("print(os.getpid(), flush=True); time.sleep(60)")
    with subprocess.Popen(
        [*command, *work], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as started_shell:
        assert started_shell.stdout is not None
        parent, child = (int(started_shell.stdout.readline()) for _ in range(2))
        for _ in range(2):
            os.kill(parent, signal.SIGTSTP)
            wait_until(lambda: state(parent) == state(child) == "T")
            os.killpg(parent, signal.SIGCONT)
            wait_until(lambda: state(parent) == state(child) == "S")
        os.kill(parent, signal.SIGTERM)
        started_shell.wait(LIMIT_S)
        assert state(child) == "Z"


def test_folders_of_a_killed_child_are_removed(tmp_path: Path) -> None:
    ended = run(
        f"""
        import tempfile
        tempfile.tempdir = {str(tmp_path)!r}
        tempfile.mkdtemp(prefix=strop.engine_watch.folder_prefix("onnx"))
        tempfile.mkdtemp(prefix="strop-onnx-1-")
        os.kill(os.getpid(), signal.SIGSEGV)
        """,
        TMPDIR=str(tmp_path),
    )
    assert ended.returncode == -signal.SIGSEGV
    assert [path.name[:13] for path in tmp_path.iterdir()] == ["strop-onnx-1-"]


def test_the_commands_that_are_supervised_exist() -> None:
    assert set(entry.SUPERVISED) < cli.COMMANDS.keys()


@pytest.mark.parametrize(
    ("arguments", "is_supervised"),
    [
        (["run", "model.onnx"], True),
        (["export", "--force", "a.tflite"], True),
        (["export", "onnx.keras", "-o", "out"], True),
        (["export", "model.keras", "-o", "."], False),
        (["export", "pipe.tflite"], False),
        (["zoo"], False),
    ],
)
def test_what_an_engine_runs_as_it_is_runs_in_a_child(
    arguments: list[str], is_supervised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tflite").write_bytes(b"\x1c\0\0\0TFL3")
    Path("onnx.keras").write_bytes(b"\x08\x07\x12\x00")
    Path("model.keras").write_bytes(b"PK\x03\x04")
    os.mkfifo("pipe.tflite")
    assert entry.is_supervised(arguments) is is_supervised


def test_the_parent_needs_no_numpy() -> None:
    probe = "import sys, strop.entry; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe]).returncode == 0
