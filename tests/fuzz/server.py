"""Runs one strop command after the other, each in a fork of a process that has all imports.

An import takes seconds, a fork milliseconds. Every command gets a session of its own, limits,
and files for its output; what it leaves behind comes to this process, which is its subreaper.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz.case import Command, snapshot, written
from tests.fuzz.verdict import Ending

PR_SET_CHILD_SUBREAPER = 36  # Source: linux/prctl.h
GRACE_S = 2.0  # for processes that end with the command
MAX_OUTPUT = 1 << 18  # bytes of it that are looked at
MAX_FILE_BYTES = 1 << 30
KIB_PER_MIB = 1024


def become_subreaper() -> None:
    """Make orphans of this process's children its own."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def run_command(
    command: Command, folder: Path, *, limit_s: float, data_limit_mib: int, main: object = None
) -> Ending:
    """Run a command in a case's folder; see `strop.entry.main` for what it does.

    Args:
        command: What to run.
        folder: As `lay_out` makes it.
        limit_s: Time, after which it is ended.
        data_limit_mib: The system refuses it more memory than that.
        main: What takes the place of strop, for the harness' own tests.
    """
    before = snapshot(folder)
    outputs = [folder.with_name(f"{folder.name}.{name}") for name in ("stdin", "stdout", "stderr")]
    for path in outputs:
        path.write_bytes(command.stdin if path.suffix == ".stdin" else b"")
    # No block that cleans up is around the fork: its end would come in the child too.
    pid = os.fork()
    if pid == 0:
        _become(command, folder, outputs, data_limit_mib)
        _run_and_end(command, main)
    is_late = not _ends_within(pid, limit_s)
    _, status, usage = os.wait4(pid, 0)
    orphans = _end_orphans(expected=is_late)
    stdout, stderr = (_text(path) for path in outputs[1:])
    allowed = tuple(f"work/{name}" for name in command.writes)
    return Ending(
        code=os.waitstatus_to_exitcode(status),
        is_late=is_late,
        stdout=stdout,
        stderr=stderr,
        peak_mib=usage.ru_maxrss // KIB_PER_MIB,
        written=tuple(written(before, snapshot(folder), allowed)),
        orphans=orphans,
    )


def _become(command: Command, folder: Path, outputs: list[Path], data_limit_mib: int) -> None:
    """In the child: what a shell would do for a new process."""
    os.setsid()
    flags = (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)
    for number, (path, flag) in enumerate(zip(outputs, flags, strict=True)):
        os.dup2(os.open(path, flag), number)
    os.chdir(folder / "work")
    os.environ.update(HOME=str(folder / "home"), TMPDIR=str(folder / "tmp"), COLUMNS="200")
    os.environ.pop("STROP_CACHE", None)
    tempfile.tempdir = None
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_DATA, (data_limit_mib << 20, data_limit_mib << 20))
    sys.argv = ["strop", *command.argv]
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="strict")
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1)


def _run_and_end(command: Command, main: object) -> None:
    """Run, and end with the exit code that the interpreter would end with.

    Its own end is left out: ONNX Runtime's waits there for threads, which a fork does not have.
    """
    code = 1
    try:
        if callable(main):
            code = main(list(command.argv))
        else:
            from strop.entry import main as strop

            code = strop()
        sys.stdout.flush()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # what the interpreter would print
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def _ends_within(pid: int, limit_s: float) -> bool:
    """Wait for a child without reaping it; end it, with its session, where it takes longer."""
    opened = os.pidfd_open(pid)
    try:
        ended = bool(select.select([opened], [], [], limit_s)[0])
    finally:
        os.close(opened)
    if not ended:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return ended


def _end_orphans(*, expected: bool) -> tuple[str, ...]:
    """End what is left of a command; the command lines of what did not end by itself."""
    deadline = time.monotonic() + (0.0 if expected else GRACE_S)
    while _children() and time.monotonic() < deadline:
        _reap()
        time.sleep(0.02)
    left = _children()
    names = tuple(_command_line(pid) for pid in left)
    while left:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        _reap()
        left = _children()
    return () if expected else names


def _children() -> list[int]:
    _reap()
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in text.split()]


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:200]
    except OSError:
        return f"process {pid}"


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_OUTPUT).decode("utf-8", "backslashreplace")
