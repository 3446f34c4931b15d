"""What strop adds to the wait for a first result, and to the memory, of a fresh process."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from record_file import artifact as about_artifact
from record_file import origin, write_record

from strop import console
from strop.runtime.artifact.artifact import Format, detect_format
from strop.runtime.engines import EngineFacts, open_engine
from strop.runtime.machine.child_process import failure_reason, peak_rss_bytes
from strop.runtime.statistics.intervals import quantile

FORMAT_VERSION = 1
SCRIPTS = Path(__file__).parent / "first_result"
STROP = SCRIPTS / "with_strop.py"
WITHOUT = MappingProxyType(
    {
        Format.TFLITE: SCRIPTS / "with_litert.py",
        Format.ONNX: SCRIPTS / "with_onnxruntime.py",
    }
)
N_RUNS = 40
MAX_TIME_RATIO = 1.15
MAX_ADDED_BYTES = 10 << 20
MISSED = 1  # the exit code
BYTES_PER_MIB = 1 << 20
NS_PER_MS = 1_000_000
COLUMNS = ("artifact", "script", "first result p50 ms", "peak MiB", "time ratio", "added MiB")


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstResults:
    """One script's fresh processes, in the order in which they ran.

    Attributes:
        script: Its file's name.
        result_ns: From starting the process until its result could be read.
        peak_rss_bytes: Most physical memory that it held until then.
    """

    script: str
    result_ns: tuple[int, ...]
    peak_rss_bytes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """An artifact's first result without strop and with it.

    Attributes:
        artifact: Its path.
        facts: What runs it.
        without: The engine's own script.
        strop: Ours.
    """

    artifact: Path
    facts: EngineFacts
    without: FirstResults
    strop: FirstResults

    @property
    def time_ratio(self) -> float:
        """Of the medians, strop's over the engine's own."""
        return quantile(self.strop.result_ns, 0.5) / quantile(self.without.result_ns, 0.5)

    @property
    def added_bytes(self) -> int:
        """Of the medians, strop's peak less the engine's own."""
        return quantile(self.strop.peak_rss_bytes, 0.5) - quantile(self.without.peak_rss_bytes, 0.5)

    @property
    def is_within_limits(self) -> bool:
        """Whether strop costs no more than MAX_TIME_RATIO and MAX_ADDED_BYTES."""
        return self.time_ratio <= MAX_TIME_RATIO and self.added_bytes <= MAX_ADDED_BYTES


def compare(artifact: Path, *, n_runs: int) -> Compared:
    """Run both scripts in turn, each time in a fresh process.

    The first process of each fills the page cache and Python's, and is not counted.

    Args:
        artifact: An int8 .tflite or .onnx by strop.
        n_runs: Counted processes of each script.

    Raises:
        ChildProcessError: A script failed, or the two name different classes.
    """
    scripts = (WITHOUT[detect_format(artifact)], STROP)
    results: dict[Path, list[tuple[int, int]]] = {script: [] for script in scripts}
    for run in range(n_runs + 1):
        # Each goes first as often as the other.
        order = scripts if run % 2 else scripts[::-1]
        classes = set()
        for script in order:
            found, elapsed_ns, peak_bytes = first_result(script, artifact)
            classes.add(found)
            if run:
                results[script].append((elapsed_ns, peak_bytes))
        if len(classes) > 1:
            raise ChildProcessError(f"{artifact}: the scripts name different classes: {classes}")
    without, strop = (
        FirstResults(
            script=script.name,
            result_ns=tuple(elapsed for elapsed, _ in results[script]),
            peak_rss_bytes=tuple(peak for _, peak in results[script]),
        )
        for script in scripts
    )
    with open_engine(artifact) as engine:
        return Compared(artifact=artifact, facts=engine.facts, without=without, strop=strop)


def first_result(script: Path, artifact: Path) -> tuple[str, int, int]:
    """One fresh process: what it printed, the nanoseconds until then, its peak memory."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    # Both would be compiled anew every time, which is not how they are installed.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter_ns()
    with subprocess.Popen(
        (sys.executable, str(script), str(artifact)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as child:
        if child.stdout is None:
            raise ChildProcessError("no pipe to the script")
        found = child.stdout.readline().decode().strip()
        elapsed_ns = time.perf_counter_ns() - start
        peak_bytes = peak_rss_bytes(Path(f"/proc/{child.pid}/status")) if found else 0
        _, errors = child.communicate()
    if child.returncode or not found:
        ended = subprocess.CompletedProcess(child.args, child.returncode, "", errors.decode())
        raise ChildProcessError(f"{script.name} failed: {failure_reason(ended)}")
    return found, elapsed_ns, peak_bytes


def record(compared: Sequence[Compared]) -> Mapping[str, object]:
    """All samples as JSON."""
    return {
        "format_version": FORMAT_VERSION,
        **origin(),
        "artifacts": [
            {
                **about_artifact(each.artifact, each.facts),
                "scripts": [asdict(each.without), asdict(each.strop)],
            }
            for each in compared
        ],
    }


def rows(compared: Compared) -> list[tuple[str, ...]]:
    """The table's two rows of one artifact."""
    added = f"{compared.added_bytes / BYTES_PER_MIB:.1f}"
    both = (
        (compared.without, "1.00", "0.0"),
        (compared.strop, f"{compared.time_ratio:.2f}", added),
    )
    return [
        (
            compared.artifact.name,
            results.script,
            f"{quantile(results.result_ns, 0.5) / NS_PER_MS:.1f}",
            f"{quantile(results.peak_rss_bytes, 0.5) / BYTES_PER_MIB:.1f}",
            ratio,
            added_mib,
        )
        for results, ratio, added_mib in both
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where strop costs more than the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", type=Path, nargs="+", help="int8 .tflite or .onnx by strop")
    parser.add_argument("--n", type=int, default=N_RUNS, help="processes (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="write all samples to this file, as JSON")
    options = parser.parse_args(argv)
    compared = [compare(artifact, n_runs=options.n) for artifact in options.artifacts]
    console.table(COLUMNS, [row for each in compared for row in rows(each)])
    console.note(
        f"allowed are {MAX_TIME_RATIO} times the time and"
        f" {MAX_ADDED_BYTES / BYTES_PER_MIB:.0f} MiB more"
    )
    if options.output:
        write_record(record(compared), options.output)
    return 0 if all(each.is_within_limits for each in compared) else MISSED


if __name__ == "__main__":
    sys.exit(main())
