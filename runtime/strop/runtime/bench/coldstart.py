"""Measures what the first inference costs in a process that has done nothing else.

Run as `python -m strop.runtime.bench.coldstart ARTIFACT`, this module is that process: it
prints one line of JSON, a `ColdStart`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from strop.engine_end import is_crash, killed
from strop.runtime.bench.latency import random_inputs
from strop.runtime.engines import open_engine
from strop.runtime.errors import ArtifactError, MeasurementError, StropError
from strop.runtime.machine.child_process import CHILD_TIMEOUT_S, failure_reason, peak_rss_bytes
from strop.supervised import end_with_parent

MAX_PRINTED = 200  # characters, in an error


@dataclass(frozen=True, kw_only=True, slots=True)
class ColdStart:
    """The wait for a first result, part by part.

    Attributes:
        import_ns: From starting the process until Python, numpy and strop are loaded.
        load_ns: Opening the artifact: the engine's library, the file, its kernels.
        first_invoke_ns: The first inference.
        second_invoke_ns: The second one.
        peak_rss_bytes: Most physical memory that the process held at once.
    """

    import_ns: int
    load_ns: int
    first_invoke_ns: int
    second_invoke_ns: int
    peak_rss_bytes: int


def measure_cold_start(path: Path, *, engine: str | None = None, num_threads: int = 1) -> ColdStart:
    """Open and run `path` in a fresh process.

    Args:
        path: A .tflite or .onnx.
        engine: Its name; None lets strop choose.
        num_threads: Within one invoke.

    Raises:
        ArtifactError: The file killed the process, or its engine fails.
        MeasurementError: The process failed, ran for longer than CHILD_TIMEOUT_S, or
            printed something else than a record.
    """
    command = [sys.executable, "-m", "strop.runtime.bench.coldstart", "--threads", str(num_threads)]
    if engine is not None:
        command += ["--engine", engine]
    # perf_counter_ns is the system's monotonic clock: the child can subtract our reading.
    command += ["--started-ns", str(time.perf_counter_ns()), "--", str(path)]
    try:
        child = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=CHILD_TIMEOUT_S,
            check=False,
            # A module in the current directory must not shadow numpy's or strop's.
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )
    except subprocess.TimeoutExpired as err:
        raise MeasurementError(
            f"{path}: no first result after {CHILD_TIMEOUT_S} s in a fresh process; is the"
            " machine out of memory?"
        ) from err
    require_no_crash(child, path)
    if child.returncode == ArtifactError.exit_code:
        raise ArtifactError(failure_reason(child))
    if child.returncode != 0:
        raise MeasurementError(f"{path}: cold start failed: {failure_reason(child)}")
    # Not above: the process whose start is measured imports this module.
    from strop.runtime.records.json_reader import parse_json
    from strop.runtime.records.typed_json import read_typed

    printed = (child.stdout.splitlines() or [""])[-1]
    record = parse_json(
        printed,
        where=f"{path}: the cold start process printed {printed[-MAX_PRINTED:]!r}",
        error=MeasurementError,
        remedy="needed is a record; does something print when Python starts?",
    )
    return read_typed(record, ColdStart, at=f"{path}: the cold start")


def require_no_crash(child: subprocess.CompletedProcess[str], path: Path) -> None:
    """Pass a process that did not crash.

    Raises:
        ArtifactError: It did, so that the file is not to be used.
    """
    if is_crash(-child.returncode):
        raise ArtifactError(killed(str(path), -child.returncode))


def _cold_start(path: Path, *, engine: str | None, num_threads: int, started_ns: int) -> ColdStart:
    imported = time.perf_counter_ns()
    with open_engine(path, engine=engine, num_threads=num_threads) as opened:
        loaded = time.perf_counter_ns()
        opened.write(*random_inputs(opened.inputs))
        before_first = time.perf_counter_ns()
        opened.invoke()
        after_first = time.perf_counter_ns()
        opened.invoke()
        after_second = time.perf_counter_ns()
        return ColdStart(
            import_ns=imported - started_ns,
            load_ns=loaded - imported,
            first_invoke_ns=after_first - before_first,
            second_invoke_ns=after_second - after_first,
            peak_rss_bytes=peak_rss_bytes(),
        )


def main(argv: Sequence[str] | None = None) -> int:
    """The fresh process: print a `ColdStart` as one line of JSON."""
    parser = argparse.ArgumentParser(prog="strop.runtime.bench.coldstart", allow_abbrev=False)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--engine")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--started-ns",
        type=int,
        default=None,
        help="perf_counter_ns before the process was started; default: now, so import_ns is 0",
    )
    options = parser.parse_args(argv)
    end_with_parent()
    started_ns = options.started_ns
    try:
        record = _cold_start(
            options.artifact,
            engine=options.engine,
            num_threads=options.threads,
            started_ns=time.perf_counter_ns() if started_ns is None else started_ns,
        )
    except StropError as err:
        sys.stderr.write(" ".join(str(err).splitlines()) + "\n")
        return err.exit_code
    sys.stdout.write(json.dumps(asdict(record)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
