"""Commands that do what none of strop's may do, for the test that the harness sees it.

`python -m tests.fuzz.planted FOLDER` runs each as a damaged file's command would be run, and
prints its outcome as a line of JSON. It is a process of its own, for it ends all of its children.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.fuzz.case import Command, lay_out
from tests.fuzz.server import become_subreaper, run_command
from tests.fuzz.verdict import Outcome, judge

LIMIT_S = 2.0
MAX_MIB = 200
DATA_LIMIT_MIB = 1024


def _runs(argv: Sequence[str]) -> int:
    Path("out").write_text("what it may write")
    sys.stdout.write(f"an answer to {argv[0]}\n")
    return 0


def _refuses(argv: Sequence[str]) -> int:
    sys.stderr.write("settings\n  engine  none\n")
    sys.stderr.write("error: model.tflite: empty, 0 bytes; copy it again\n")
    return 2


def _crashes(argv: Sequence[str]) -> int:
    os.abort()


def _raises(argv: Sequence[str]) -> int:
    raise ValueError("a fault")


def _hangs(argv: Sequence[str]) -> int:
    time.sleep(60)
    return 0


def _takes_memory(argv: Sequence[str]) -> int:
    return len(bytearray(b"x") * (MAX_MIB << 20)) * 0


def _writes(argv: Sequence[str]) -> int:
    Path("canary-written").touch()
    return 0


def _changes_a_canary(argv: Sequence[str]) -> int:
    with Path("../canary/kept").open("a") as file:
        file.write("x")
    return 0


def _leaves_a_process(argv: Sequence[str]) -> int:
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
    return 0


def _ends_oddly(argv: Sequence[str]) -> int:
    return 9


def _ends_as_faulty(argv: Sequence[str]) -> int:
    sys.stderr.write("error: a fault of strop itself\n")
    return 70


def _says_two_lines(argv: Sequence[str]) -> int:
    sys.stderr.write("error: model.tflite: the engine says:\nline two\n")
    return 2


def _says_nothing(argv: Sequence[str]) -> int:
    return 2


def _warns(argv: Sequence[str]) -> int:
    warnings.warn("an odd image", UserWarning, stacklevel=1)
    return 0


def _gives_orders_to_the_terminal(argv: Sequence[str]) -> int:
    sys.stdout.write("label \x1b]0;title\x07\n")
    return 0


PLANTED: dict[Callable[[Sequence[str]], int], Outcome] = {
    _runs: Outcome.RAN,
    _refuses: Outcome.REFUSED,
    _crashes: Outcome.CRASH,
    _raises: Outcome.TRACEBACK,
    _hangs: Outcome.HANG,
    _takes_memory: Outcome.MEMORY,
    _writes: Outcome.WROTE,
    _changes_a_canary: Outcome.WROTE,
    _leaves_a_process: Outcome.ORPHAN,
    _ends_oddly: Outcome.EXIT_CODE,
    _ends_as_faulty: Outcome.OWN_FAULT,
    _says_two_lines: Outcome.MESSAGE,
    _says_nothing: Outcome.MESSAGE,
    _warns: Outcome.MESSAGE,
    _gives_orders_to_the_terminal: Outcome.MESSAGE,
}


def main() -> None:
    """Run all of them."""
    become_subreaper()
    folder = Path(sys.argv[1]).resolve() / "case"
    replies = os.fdopen(os.dup(1), "w")
    for planted in PLANTED:
        lay_out(folder)
        command = Command(argv=("planted",), writes=("out",))
        ending = run_command(
            command, folder, limit_s=LIMIT_S, data_limit_mib=DATA_LIMIT_MIB, main=planted
        )
        outcome, _ = judge(ending, max_mib=MAX_MIB)
        replies.write(json.dumps({"name": planted.__name__, "outcome": outcome.value}) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
