"""A run over many cases: shares them out among workers, and keeps what came out."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, cast

from tests.fuzz.kinds import KINDS
from tests.fuzz.worker import OWN_FAULT, Result

Case = tuple[str, int]  # a kind and a seed
SEEDS_PER_RUN = 10**6
MAX_ENDED = 3  # workers in a row
REPOSITORY = Path(__file__).parents[2]


def planned(cases: int, seed: int, kinds: Sequence[str] = ()) -> list[Case]:
    """So many cases, shared out among the kinds by their shares; at least one of each.

    Args:
        cases: Files in all.
        seed: Of the run; another one gives other files throughout.
        kinds: Only these; all without them.
    """
    chosen = kinds or tuple(KINDS)
    total = sum(KINDS[kind].share for kind in chosen)
    counts = {kind: max(1, round(cases * KINDS[kind].share / total)) for kind in chosen}
    return [
        (kind, seed * SEEDS_PER_RUN + i) for kind, count in counts.items() for i in range(count)
    ]


class Worker:
    """A process of tests.fuzz.worker.

    Args:
        folder: Holds `seeds`, `failures`, and the worker's own scratch.
        number: Of the worker.
        needs_tensorflow: Whether it imports it.
    """

    def __init__(self, folder: Path, number: int, *, needs_tensorflow: bool) -> None:
        self._argv = [
            *(sys.executable, "-m", "tests.fuzz.worker"),
            *(str(folder / name) for name in ("seeds", f"scratch{number}", "failures")),
            *(("--tensorflow",) if needs_tensorflow else ()),
        ]
        self._log = (folder / f"worker{number}.log").open("ab")
        self._process = self._started()
        self._ended = 0

    def run(self, case: Case) -> list[Result]:
        """Run a case; where that ends the worker itself, say so, and start it again."""
        kind, seed = case
        request = json.dumps({"kind": kind, "seed": seed}) + "\n"
        reply = ""
        try:
            cast("IO[str]", self._process.stdin).write(request)
            cast("IO[str]", self._process.stdin).flush()
            reply = cast("IO[str]", self._process.stdout).readline()
        except BrokenPipeError:
            pass
        if reply:
            self._ended = 0
            return [_result(fields) for fields in json.loads(reply)]
        code = self._process.wait()
        self._ended += 1
        if self._ended == MAX_ENDED:
            raise RuntimeError(f"{MAX_ENDED} workers have ended, with {code}; see {self._log.name}")
        self._process = self._started()
        ended = {"argv": [], "outcome": OWN_FAULT, "detail": f"the worker ended with {code}"}
        return [_result({"kind": kind, "seed": seed, "seconds": 0.0, "peak_mib": 0, **ended})]

    def close(self) -> None:
        """End the process."""
        cast("IO[str]", self._process.stdin).close()
        self._process.wait()
        cast("IO[str]", self._process.stdout).close()
        self._log.close()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=REPOSITORY,
        )


def make_seeds(folder: Path) -> Path:
    """Make the valid files, in a process of its own.

    Returns:
        Their folder.
    """
    made = folder / "seeds"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.seeds", str(made)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"no seeds: {ended.stderr[-2000:]}")
    return made


def run_cases(
    cases: Iterable[Case], folder: Path, *, jobs: int, say: Callable[[Result], None]
) -> None:
    """Run cases in `jobs` processes; those that need TensorFlow, and most time, first.

    Args:
        cases: To be run.
        folder: With the seeds; failures are kept in it.
        jobs: Workers at a time.
        say: Called with each result, from one thread at a time.
    """
    for needs_tensorflow in (True, False):
        waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
        count = 0
        for case in cases:
            if KINDS[case[0]].needs_tensorflow is needs_tensorflow:
                waiting.put(case)
                count += 1
        _work_off(waiting, folder, min(jobs, count), needs_tensorflow, say)


def _work_off(
    waiting: queue.SimpleQueue[Case],
    folder: Path,
    jobs: int,
    needs_tensorflow: bool,
    say: Callable[[Result], None],
) -> None:
    lock = threading.Lock()

    def work(number: int) -> None:
        worker = Worker(folder, number, needs_tensorflow=needs_tensorflow)
        try:
            while True:
                found = worker.run(waiting.get_nowait())
                with lock:
                    for result in found:
                        say(result)
        except queue.Empty:
            pass
        finally:
            worker.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def read_results(path: Path) -> list[Result]:
    """Results of an earlier run, a line of JSON each; none where there is no file."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    return [_result(json.loads(line)) for line in lines if line.endswith("}")]


def _result(fields: dict[str, Any]) -> Result:
    return Result(**{**fields, "argv": tuple(fields["argv"])})
