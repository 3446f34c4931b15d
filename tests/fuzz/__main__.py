"""`python -m tests.fuzz`: damage so many files, give them to strop, and print what came of it.

Started again with the same folder, seed and commit, it goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.campaign import make_seeds, planned, read_results, run_cases
from tests.fuzz.kinds import KINDS
from tests.fuzz.table import as_markdown, as_record, as_text, commit
from tests.fuzz.worker import Result, is_fault

SAID_EVERY = 500  # results
MAX_LINE = 300  # characters


def main() -> int:
    """Run, and return 1 where a fault was found."""
    options = _parser().parse_args()
    folder: Path = options.folder.resolve()
    make_seeds(folder)
    (folder / "failures").mkdir(exist_ok=True)
    kept = folder / f"results-{commit()}-{options.seed}.jsonl"  # another strop starts anew
    results = read_results(kept)
    done = {(each.kind, each.seed) for each in results}
    cases = planned(options.cases, options.seed, options.kinds)
    if options.only is not None:
        cases = [(kind, options.only) for kind in options.kinds]
        done = set()
    waiting = [case for case in cases if case not in done]
    began = time.monotonic()
    with kept.open("a") as file:

        def say(result: Result) -> None:
            results.append(result)
            file.write(json.dumps(asdict(result)) + "\n")
            file.flush()
            if is_fault(result) or options.only is not None:
                _say(_line(result))
            if len(results) % SAID_EVERY == 0:
                per_second = len(results) / (time.monotonic() - began)
                _say(f"{len(results)} commands, {per_second:.1f} a second")

        run_cases(waiting, folder, jobs=options.jobs, say=say)
    record = as_record(results, seed=options.seed, seconds=time.monotonic() - began)
    sys.stdout.write(as_markdown(record))
    if options.output is not None:
        options.output.write_text(as_text(record))
    return int(any(map(is_fault, results)))


def _line(result: Result) -> str:
    command = " ".join(result.argv)
    told = f"{result.outcome.upper()} {result.kind} {result.seed}: {command}: {result.detail}"
    return told[:MAX_LINE]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, metavar="N", help="files (default 1000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the run (default 1)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="workers (default 2)")
    parser.add_argument(
        "--kinds", nargs="+", choices=tuple(KINDS), default=(), metavar="KIND", help="only these"
    )
    parser.add_argument(
        "--only", type=int, metavar="SEED", help="the one file of each of --kinds with this seed"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("build/fuzz"),
        metavar="DIR",
        help="seeds, results and failing files (default build/fuzz)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="the table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
