"""Starts, commands and ends worker processes, each with a random layout of its memory.

Where a file's pages and the stack lie can make code some percent faster or slower for as long as
a process lives. Drawn anew for each process, that is noise that the pairs average out; left alone,
it would be a difference between two artifacts.
Source: T. Mytkowicz, A. Diwan, M. Hauswirth and P. F. Sweeney, Producing Wrong Data Without
Doing Anything Obviously Wrong!, ASPLOS 2009.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from strop.engine_end import is_crash, killed
from strop.runtime.check.measure.samples import BlockSamples
from strop.runtime.errors import ArtifactError, MeasurementError, OutputError
from strop.runtime.records.json_reader import parse_object

REPLY_TIMEOUT_S = 300.0  # five inferences and a lead-in of the slowest model on a Pi Zero
ENDING_S = 1.0  # from a process's last word to its end
READ_BYTES = 1 << 16
MAX_REPLY_BYTES = 64 << 20
MAX_NAME = 120  # characters; file systems take 255 bytes
MAX_PADDING = 4096  # bytes: one page of the stack
SERIES = ("invoke_ns", "invoke_cpu_ns", "invoke_instructions")  # of a block, one per inference
THREAD_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerProcess:
    """One fresh process with one artifact; a context manager.

    Args:
        command: What to start: a Python that has strop, and the worker's arguments.
        name: The artifact, for errors.
        folder: For what the process says on stderr.
        environment: Of the process.
        is_stopped_between: Keep the process stopped between commands: its threads would
            spin for work.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        folder: Path,
        environment: Mapping[str, str],
        is_stopped_between: bool,
    ) -> None:
        self._name = name
        self._is_stopped_between = is_stopped_between
        self._said = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed in __exit__
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=dict(environment),
            # Ctrl-C is for the parent, which then ends the processes.
            start_new_session=True,
        )
        self._rest = b""

    def open(self) -> dict[str, Any]:
        """Load the artifact; what `worker.Worker.open` answers."""
        return self._ask("open")

    def warm_up(self) -> dict[str, Any]:
        """Run until the latency has settled."""
        return self._ask("warm_up")

    def block(self) -> BlockSamples:
        """Run one block."""
        found = self._ask("block")
        try:
            return BlockSamples(**{**found, **{name: tuple(found[name]) for name in SERIES}})
        except (KeyError, TypeError) as err:
            raise self._failed(f"answered {json.dumps(found)[:80]}") from err

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # A command that the process did not live to read is still in there.
                with suppress(BrokenPipeError):
                    pipe.close()
        self._said.close()

    def _ask(self, command: str) -> dict[str, Any]:
        if self._is_stopped_between:
            self._process.send_signal(signal.SIGCONT)
        pipe = self._process.stdin
        try:
            if pipe is not None:
                pipe.write(f"{command}\n".encode())
                pipe.flush()
        except BrokenPipeError as err:
            raise self._failed(f"ended before {command!r}", has_ended=True) from err
        line = self._read_line(command)
        if self._is_stopped_between:
            self._process.send_signal(signal.SIGSTOP)
        try:
            return parse_object(line, where="it", error=MeasurementError, remedy="")
        except MeasurementError as err:
            raise self._failed(f"answered {line[:80]!r} to {command!r}") from err

    def _read_line(self, command: str) -> bytes:
        pipe = self._process.stdout
        deadline = time.monotonic() + REPLY_TIMEOUT_S
        while pipe is not None and b"\n" not in self._rest:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([pipe], [], [], left_s)[0]:
                raise self._failed(f"gave no answer to {command!r} in {REPLY_TIMEOUT_S:g} s")
            found = os.read(pipe.fileno(), READ_BYTES)
            if not found:
                raise self._failed(f"ended at {command!r}", has_ended=True)
            self._rest += found
            if len(self._rest) > MAX_REPLY_BYTES:
                raise self._failed(f"answered more than {MAX_REPLY_BYTES} bytes to {command!r}")
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _failed(self, what: str, *, has_ended: bool = False) -> ArtifactError | MeasurementError:
        if has_ended:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(ENDING_S)
        self._process.kill()
        code = self._process.wait()
        if is_crash(-code):
            return ArtifactError(killed(self._name, -code))
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {code}, without a message"
        return MeasurementError(f"{self._name}: its process {what}: {reason}")


def worker_command(python: str = sys.executable) -> list[str]:
    """The start of every worker's command line."""
    return [python, "-m", "strop.runtime.check.measure.worker"]


def fresh_copy(artifact: Path, folder: Path, rng: random.Random) -> Path:
    """A copy of the artifact in new pages, under a path of random length.

    Raises:
        OutputError: There is no room for it.
    """
    target = folder / _name(rng) / f"{_name(rng)}{artifact.suffix}"
    try:
        target.parent.mkdir()
        shutil.copyfile(artifact, target)
    except OSError as err:
        raise OutputError(
            f"{target.parent}: {artifact.name} cannot be copied there ({err.strerror}); make room,"
            " or set TMPDIR to another folder"
        ) from err
    return target


def padded_environment(rng: random.Random) -> dict[str, str]:
    """The environment of a worker: ours, and a variable of random length."""
    return {
        **os.environ,
        **dict.fromkeys(THREAD_POOLS, "1"),  # numpy's, which would spin beside the engine
        # A module in the current directory must not shadow numpy's or strop's.
        "PYTHONSAFEPATH": "1",
        "STROP_CHECK_PADDING": "x" * rng.randrange(MAX_PADDING),
    }


def processors(num_threads: int) -> tuple[int, ...]:
    """The processors of both workers of a pair; empty if the system does not let us choose.

    One thread stays on one processor: the last, as the first gets most interrupts and,
    on boards with two kinds of cores, is a slow one. More threads have all of them.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    allowed = sorted(os.sched_getaffinity(0))
    return tuple(allowed[-1:] if num_threads == 1 else allowed)


def _name(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(1, MAX_NAME)))
