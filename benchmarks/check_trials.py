"""What `strop check` is worth: equal files, known slowdowns and improvements, by the hundred.

Every trial is one whole check of an artifact against its copy. Beside it two sequential
runs are measured, and what simpler gates would have said of them. Trials are appended to a
file of JSON lines; started again, the script goes on behind the last one.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.check.measure.pair import Candidate, start_worker
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.modes.paired import check_paired
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.machine import machine
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.exact_bounds import at_least, at_most

FORMAT_VERSION = 1
SIMPLE_LIMIT = 1.05  # pytest-benchmark's median:5%, and the same for a plain ratio
MAX_DETECTABLE = 0.05
MAX_PYTEST_BENCHMARK_S = 1.0  # its default --benchmark-max-time
NS_PER_S = 1_000_000_000
PERCENT = 100
HOG = ("stress-ng", "--cpu", "1", "--quiet")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of trial.

    Attributes:
        wanted: How many.
        old_slowdown: Of the baseline: then the new artifact is an improvement.
        new_slowdown: Of the new artifact.
        has_hog: Whether stress-ng keeps one core busy meanwhile.
    """

    wanted: int
    old_slowdown: float = 0.0
    new_slowdown: float = 0.0
    has_hog: bool = False


# 0 of 299 bounds a share by 1 %, 59 of 59 from below by 95 %; both one-sided 95 %.
KINDS = {
    "equal": Kind(wanted=299),
    "+10 %": Kind(wanted=59, new_slowdown=0.10),
    "+5 %": Kind(wanted=100, new_slowdown=0.05),
    "improved by 9 %": Kind(wanted=59, old_slowdown=0.10),
    "equal, beside a hog": Kind(wanted=59, has_hog=True),
    "+10 %, beside a hog": Kind(wanted=20, new_slowdown=0.10, has_hog=True),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequential:
    """Two runs, one after the other, each in a fresh process.

    Attributes:
        cold_ratio: Of the medians of the first second, warm-up included, as pytest-benchmark
            takes them on CPython.
        warm_ratio: Of the medians after the warm-up.
    """

    cold_ratio: float
    warm_ratio: float


def run_trial(artifact: Path, kind: Kind, plan: CheckPlan) -> dict[str, Any]:
    """One trial: the sequential runs, then the check; a line for the file."""
    old = Candidate(artifact=artifact, slowdown=kind.old_slowdown)
    new = Candidate(artifact=artifact, slowdown=kind.new_slowdown)
    with hog() if kind.has_hog else no_hog():
        sequential = measure_sequential(old, new, plan)
        start = time.monotonic()
        checked = check_paired(old, [new], plan=plan).artifacts[0]
        duration_s = time.monotonic() - start
    return {
        "decision": asdict(checked.decision),
        "log_ratios": [
            pair.log_ratio(checked.decision.measure, min_quads=plan.min_valid_quads)
            for pair in checked.pairs
        ],
        "sequential": asdict(sequential),
        "duration_s": duration_s,
    }


def measure_sequential(old: Candidate, new: Candidate, plan: CheckPlan) -> Sequential:
    """The runs that a simpler gate compares."""
    rng = random.Random(plan.seed)
    found = []
    for candidate in (old, new):
        with (
            tempfile.TemporaryDirectory(prefix="strop-check-") as folder,
            start_worker(candidate, Path(folder), plan=plan, rng=rng) as worker,
        ):
            worker.open()
            cold = first_second(worker.warm_up()["warmup_ns"])
            # As long as the check's own blocks of one pair.
            warm = [worker.block().p50_ns for _ in range(2 * plan.quads)]
        found.append((median(cold), median(warm)))
    (old_cold, old_warm), (new_cold, new_warm) = found
    return Sequential(cold_ratio=new_cold / old_cold, warm_ratio=new_warm / old_warm)


def first_second(samples_ns: Sequence[int]) -> list[int]:
    """Samples up to MAX_PYTEST_BENCHMARK_S, one at least."""
    kept: list[int] = []
    for sample in samples_ns:
        kept.append(sample)
        if sum(kept) >= MAX_PYTEST_BENCHMARK_S * NS_PER_S:
            break
    return kept


@contextmanager
def hog() -> Iterator[None]:
    """Keep one core busy."""
    process = subprocess.Popen(HOG)
    try:
        yield
    finally:
        # It ends its own workers, which kill would leave behind.
        process.terminate()
        process.wait()


@contextmanager
def no_hog() -> Iterator[None]:
    """Nothing beside the trial."""
    yield


def read_trials(path: Path, header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The trials in a file so far; a line that was not finished is cut off.

    Raises:
        MeasurementError: The file is of another artifact, plan or machine.
    """
    if not path.exists():
        path.write_text(json.dumps(header) + "\n")
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    first, *lines = [json.loads(line) for line in whole.splitlines()] or [{}]
    different = sorted(key for key in header if first.get(key) != header[key])
    if different:
        raise MeasurementError(
            f"{path}: another {', '.join(different)} than now; give another file"
        )
    return lines


def next_kind(trials: Sequence[Mapping[str, Any]], wanted: Mapping[str, int]) -> str | None:
    """The kind that is furthest behind, so that trials of all kinds see the same hours."""
    shares = {
        name: sum(trial["kind"] == name for trial in trials) / n for name, n in wanted.items() if n
    }
    name = min(shares, key=shares.__getitem__, default=None)
    return name if name is not None and shares[name] < 1 else None


def run_all(
    path: Path,
    header: Mapping[str, Any],
    wanted: Mapping[str, int],
    *,
    run: Callable[[str, int], dict[str, Any]],
) -> list[dict[str, Any]]:
    """Run what is missing, and append each trial as soon as it is done."""
    trials = read_trials(path, header)
    while (name := next_kind(trials, wanted)) is not None:
        number = len(trials)
        trial = {"kind": name, "number": number, **run(name, number)}
        with path.open("a") as file:
            file.write(json.dumps(trial) + "\n")
        # As it is read again: verdicts are their values.
        trials.append(json.loads(json.dumps(trial)))
        console.note(
            f"{number + 1}/{sum(wanted.values())} {name}: {trial['decision']['verdict'].value}"
        )
    return trials


def summary(trials: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """A row for each kind; bounds are exact, one-sided 95 %."""
    rows: list[list[object]] = []
    for name in dict.fromkeys(trial["kind"] for trial in trials):
        some = [trial for trial in trials if trial["kind"] == name]
        rows.append(_row(name, some))
        if KINDS[name].new_slowdown:
            able = [trial for trial in some if _detects(trial)]
            rows.append(_row(f"{name}, detectable <= {MAX_DETECTABLE:.0%}", able))
    return rows


COLUMNS = (
    *("kind", "n", "regression", "at most %", "at least %", "improved", "inconclusive", "invalid"),
    *("median:5% red", "ratio > 1.05 red", "longest s"),
)


def _row(name: str, trials: Sequence[Mapping[str, Any]]) -> list[object]:
    n = len(trials)
    verdicts = [trial["decision"]["verdict"] for trial in trials]
    red = verdicts.count("regression")
    simple = [
        sum(trial["sequential"][key] > SIMPLE_LIMIT for trial in trials)
        for key in ("cold_ratio", "warm_ratio")
    ]
    bounds = (
        [f"{at_most(red, n) * PERCENT:.2f}", f"{at_least(red, n) * PERCENT:.2f}"]
        if n
        else [None, None]
    )
    longest_s = max((trial["duration_s"] for trial in trials), default=None)
    others = [verdicts.count(each) for each in ("improved", "inconclusive", "invalid")]
    return [
        *(name, n, red, *bounds, *others, *simple),
        None if longest_s is None else f"{longest_s:.0f}",
    ]


def _detects(trial: Mapping[str, Any]) -> bool:
    detectable = trial["decision"]["detectable_increase"]
    return detectable is not None and detectable <= MAX_DETECTABLE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trials that are missing, and print what all of them say."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("output", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--limit", type=int, metavar="N", help="of trials of each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    if any(KINDS[name].has_hog for name in options.kinds) and not shutil.which(HOG[0]):
        parser.error(f"{HOG[0]} is not on PATH; install it, or name --kinds without a hog")
    plan = CheckPlan(num_threads=options.threads)
    here = machine()
    header = {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "artifact": options.artifact.name,
        "sha256": sha256_file(options.artifact),
        # As it is read again: lists for tuples.
        "plan": json.loads(json.dumps(asdict(plan))),
        "cpu_model": here.cpu_model,
        "cores_online": here.cores_online,
    }
    wanted = {
        name: min(KINDS[name].wanted, options.limit or KINDS[name].wanted) for name in options.kinds
    }
    trials = run_all(
        options.output,
        header,
        wanted,
        run=lambda name, number: run_trial(
            options.artifact, KINDS[name], replace(plan, seed=number)
        ),
    )
    console.table(COLUMNS, summary(trials))
    return 0


if __name__ == "__main__":
    sys.exit(main())
