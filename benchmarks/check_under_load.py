"""What `strop check` is worth beside heavy neighbours: equal files and known slowdowns.

Every trial is one whole check of an artifact against its copy, with the defaults of `strop check`.
The plan, frozen before the first trial that counts: WANTED says how many of each kind, artifacts
take turns, seeds are the trials' numbers, and every trial that began is kept, one without an
answer too. Wanted are: a regression in none of the equal files, at +10 % in 59 of 59, at +20 %
always, and an answer in 95 of 100.

Loads are two runnable threads for each core, beside the check's own; `neighbours` is whatever else
runs on the machine, which the load average of a trial tells. Several of these scripts may append to
one file at the same time: each is then a part of the others' load.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.samples import Measure, Pair, Quad
from strop.runtime.check.modes.paired import check_paired
from strop.runtime.errors import StropError
from strop.runtime.machine.machine import machine
from strop.runtime.machine.proc_files import load_average
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.exact_bounds import at_least, at_most

FORMAT_VERSION = 1
# 0 of 299 bounds a share by 1 %, 59 of 59 from below by 95 %; both one-sided 95 %.
WANTED = {"equal": 299, "+10 %": 59, "+20 %": 59}
SLOWDOWNS = {"equal": 0.0, "+10 %": 0.10, "+20 %": 0.20}
NEIGHBOURS, QUIET = "neighbours", "quiet"
CORES = os.cpu_count() or 1
THREADS = 2 * CORES
NO_ANSWER = ("inconclusive", "invalid", "error")
FORMER_MAX_DISTURBED = 0.25  # of the quads; a check with more was invalid
LEAD_S = 1.0  # from the start of a load to that of a check
NS_PER_TENTH_US = 100
DIGITS = 6  # of logarithms and ratios that are kept
REASONS = 9  # where they begin in `quad_of`

MOVE = """
import numpy as np
a = np.ones(8 << 20); b = np.empty_like(a)
while True: np.copyto(b, a); np.copyto(a, b)
"""
MULTIPLY = """
import numpy as np
a = np.random.default_rng(0).standard_normal((1024, 1024), dtype=np.float32)
while True: a @ a
"""
COMPILE_PYTHON = """
import compileall, sysconfig
while True: compileall.compile_dir(sysconfig.get_path("stdlib") + "/asyncio", force=True, quiet=2)
"""
COMPILE_C = """
import subprocess, sys
lines = [f"double f{i}(double x) {{ double s = 0; for (int i = 0; i < 64; i++)"
         f" s += x * (i + {i}) / (s + i + 1); return s; }}" for i in range(2000)]
while True: subprocess.run(["cc", "-O2", "-x", "c", "-c", "-o", "/dev/null", "-"],
                           input="\\n".join(lines), text=True, check=False)
"""
TEST = """
import subprocess, sys
while True: subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "0", "-p",
    "no:cacheprovider", "tests/runtime/statistics", "tests/runtime/records"],
    stdout=subprocess.DEVNULL, check=False)
"""
# Programs of a load, each with how many threads it may have.
Programs = Sequence[tuple[str, int]]
LOADS: Mapping[str, Programs] = {
    QUIET: (),
    NEIGHBOURS: (),
    "memory": [(MOVE, 1)] * THREADS,
    "matrix products": [(MULTIPLY, CORES)] * 2,
    "compilers": [(COMPILE_PYTHON, 1), (COMPILE_C, 1)] * CORES,
    "test suites": [(TEST, 1)] * THREADS,
    "memory and matrix products": [(MOVE, 1)] * 2 + [(MULTIPLY, CORES)],
}


@contextmanager
def running(programs: Programs) -> Iterator[None]:
    """Keep Python programs running, each with its number of threads."""
    with ExitStack() as stack:
        caches = stack.enter_context(tempfile.TemporaryDirectory(prefix="strop-load-"))
        for number, (program, threads) in enumerate(programs):
            process = subprocess.Popen(
                [sys.executable, "-c", program],
                env={
                    **os.environ,
                    "OPENBLAS_NUM_THREADS": str(threads),
                    "PYTHONPYCACHEPREFIX": f"{caches}/{number}",
                },
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            stack.callback(_end, process)
        if programs:
            time.sleep(LEAD_S)
        yield


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and those that it started: it leads a session of its own."""
    os.killpg(process.pid, 9)
    process.wait()


def run_trial(artifact: Path, kind: str, programs: Programs, plan: CheckPlan) -> dict[str, Any]:
    """One check, as a line for the file."""
    old = Candidate(artifact=artifact)
    new = replace(old, slowdown=SLOWDOWNS[kind])
    with running(programs):
        begun, before = time.monotonic(), load_average(Path("/"))
        try:
            checked = check_paired(old, [new], plan=plan).artifacts[0]
            found = {
                "decision": asdict(checked.decision),
                "pairs": [pair_of(each, plan) for each in checked.pairs],
            }
        except StropError as err:
            found = {"decision": {"verdict": "error", "reasons": [str(err)]}, "pairs": []}
        return {
            "duration_s": round(time.monotonic() - begun, 1),
            "load_average": [before and before[0], (load_average(Path("/")) or (None,))[0]],
            "cpus": sorted(os.sched_getaffinity(0)),
            **found,
        }


def pair_of(pair: Pair, plan: CheckPlan) -> dict[str, Any]:
    """What is kept of a pair: its ratios by both clocks, and its quads."""
    ratios = {
        measure.name.lower(): pair.log_ratio(measure, min_quads=plan.min_valid_quads)
        for measure in (Measure.PROCESSOR, Measure.WALL)
    }
    return {"s": pair.duration_s, **ratios, "quads": list(map(quad_of, pair.quads))}


def quad_of(quad: Quad) -> list[Any]:
    """Its order, its blocks' medians in tenths of a microsecond, and what disturbed it.

    First the four by processor time, then the four by the wall clock.
    """
    medians = [
        block.p50(each) for each in (Measure.PROCESSOR, Measure.WALL) for block in quad.blocks
    ]
    return [quad.order, *(round(each / NS_PER_TENTH_US) for each in medians), *quad.reasons]


def rounded(value: Any) -> Any:
    """The value, with its floating-point numbers to DIGITS."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: rounded(each) for name, each in value.items()}
    return list(map(rounded, value)) if isinstance(value, list) else value


def read_trials(path: Path) -> list[dict[str, Any]]:
    """The trials in a file so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def next_kind(trials: Sequence[Mapping[str, Any]], wanted: Mapping[str, int]) -> str | None:
    """The kind that is furthest behind, so that trials of all kinds see the same hours."""
    shares = {name: sum(each["kind"] == name for each in trials) / n for name, n in wanted.items()}
    name = min(shares, key=shares.__getitem__)
    return name if shares[name] < 1 else None


def run_all(options: argparse.Namespace, plan: CheckPlan) -> None:
    """Run what is missing, and append each trial as soon as it is done."""
    path: Path = options.output
    if not path.exists():
        path.write_text(json.dumps(header(options.artifacts, plan)) + "\n")
    number = 0
    while True:
        wanted = {name: min(n, options.limit or n) for name, n in WANTED.items()}
        done = [each for each in read_trials(path) if each["load"] in options.loads]
        kind = next_kind(done, wanted)
        if kind is None or time.time() >= options.until:
            return
        load = options.loads[(options.stream + number) % len(options.loads)]
        artifact = options.artifacts[(options.stream + number) % len(options.artifacts)]
        seed = options.stream * 1_000_000 + number
        trial = {
            "kind": kind,
            "load": load,
            "artifact": artifact.name,
            "seed": seed,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **run_trial(
                artifact, kind, () if options.is_loaded else LOADS[load], replace(plan, seed=seed)
            ),
        }
        with path.open("a") as file:
            file.write(json.dumps(rounded(trial), separators=(",", ":")) + "\n")
        number += 1
        verdict = json.loads(json.dumps(trial["decision"]["verdict"]))
        console.note(f"{len(done) + 1} {kind}, {load}: {verdict}, {trial['duration_s']} s")


def header(artifacts: Sequence[Path], plan: CheckPlan) -> dict[str, Any]:
    """The first line of the file."""
    here = machine()
    return {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "artifacts": {path.name: sha256_file(path) for path in artifacts},
        "plan": asdict(plan),
        "wanted": WANTED,
        "cpu_model": here.cpu_model,
        "cores_online": here.cores_online,
    }


COLUMNS = (
    *("kind", "load", "n", "regression", "at most %", "at least %", "pass", "no answer"),
    *("invalid by the former rule", "longest s", "load average"),
)


def summary(trials: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """Rows for each kind: each load, then all; bounds are exact, one-sided 95 %."""
    rows = []
    for kind in WANTED:
        some = [each for each in trials if each["kind"] == kind and each["load"] != QUIET]
        loads = list(dict.fromkeys(each["load"] for each in trials if each["kind"] == kind))
        rows += [
            _row(
                kind,
                load,
                [each for each in trials if (each["kind"], each["load"]) == (kind, load)],
            )
            for load in loads
        ]
        if some:
            rows.append(_row(kind, "all under load", some))
    return rows


def _row(kind: str, load: str, trials: Sequence[Mapping[str, Any]]) -> list[object]:
    n, verdicts = len(trials), [each["decision"]["verdict"] for each in trials]
    red = verdicts.count("regression")
    averages = sorted(each["load_average"][1] for each in trials)
    return [
        *(kind, load, n, red, f"{at_most(red, n):.2%}", f"{at_least(red, n):.2%}"),
        verdicts.count("pass") + verdicts.count("improved"),
        sum(verdict in NO_ANSWER for verdict in verdicts),
        sum(map(_was_invalid, trials)),
        f"{max(each['duration_s'] for each in trials):.0f}",
        f"{averages[0]:.0f} to {averages[-1]:.0f}",
    ]


def _was_invalid(trial: Mapping[str, Any]) -> bool:
    """Whether more than a quarter of the quads were disturbed."""
    quads = [quad for pair in trial["pairs"] for quad in pair["quads"]]
    return sum(len(quad) > REASONS for quad in quads) > FORMER_MAX_DISTURBED * len(quads)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trials that are missing, and print what all of them say."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("output", type=Path, metavar="FILE.jsonl")
    parser.add_argument("artifacts", type=Path, nargs="*", help="none: only print the table")
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=list(LOADS)[2:])
    parser.add_argument("--only-load", choices=LOADS, help="run this for --minutes, and no trial")
    parser.add_argument("--limit", type=int, metavar="N", help="of trials of each kind")
    parser.add_argument("--minutes", type=float, default=24 * 60.0)
    parser.add_argument(
        "--is-loaded", action="store_true", help="the load runs already: start none of it"
    )
    parser.add_argument("--stream", type=int, default=0, help="number of this of several scripts")
    options = parser.parse_args(argv)
    options.until = time.time() + 60 * options.minutes
    if options.only_load:
        with running(LOADS[options.only_load]):
            time.sleep(max(0.0, options.until - time.time()))
        return 0
    if options.artifacts:
        run_all(options, CheckPlan())
    console.table(COLUMNS, summary(read_trials(options.output)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
