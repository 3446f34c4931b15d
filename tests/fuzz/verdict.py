"""How a command ended, and whether that is a fault."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from enum import Enum

OWN_FAULT = 70  # strop.cli's last line of defence: one line, and still to be mended
DOCUMENTED = (0, 1, 2, 3, 4, 130, 141, 143)  # strop.cli.main
REFUSALS = (2, 3, 4)
TRACEBACK = "Traceback (most recent call last)"
# All but tab, line feed and carriage return: what a terminal may take for an order.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# As Python prints a warning: the line of a library's source, and what it says there.
WARNING = re.compile(r"^\S+\.py:\d+: \w*Warning: .*", re.MULTILINE)
MAX_DETAIL = 400  # characters


class Outcome(str, Enum):
    """How a command ended; the first two are right."""

    RAN = "ran"
    REFUSED = "refused in one line"
    CRASH = "crash"
    TRACEBACK = "traceback"
    HANG = "hang"
    MEMORY = "memory"
    WROTE = "wrote a file"
    ORPHAN = "left a process"
    OWN_FAULT = "a fault of strop itself"
    EXIT_CODE = "exit code"
    MESSAGE = "message"

    @property
    def is_fault(self) -> bool:
        """Whether strop has to be mended."""
        return self not in (Outcome.RAN, Outcome.REFUSED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What was seen of a command.

    Attributes:
        code: Its exit code; negative the signal that ended it.
        is_late: Whether it was ended because its time was over.
        stdout: Its standard output.
        stderr: Its standard error.
        peak_mib: Of its memory, or of one of its processes.
        written: Files that it may not write, and wrote.
        orphans: Command lines of processes that outlived it.
    """

    code: int
    is_late: bool
    stdout: str
    stderr: str
    peak_mib: int
    written: tuple[str, ...]
    orphans: tuple[str, ...]


def judge(
    ending: Ending, *, max_mib: int, is_stream: bool = False, may_warn: bool = False
) -> tuple[Outcome, str]:
    """The worst that is true of an ending, and what shows it.

    Args:
        ending: What was seen.
        max_mib: Memory that no command needs.
        is_stream: Whether it may say an error for each image.
        may_warn: Whether a library's warnings may be shown.
    """
    warned = None if may_warn else WARNING.search(ending.stderr)
    checks = (
        (ending.is_late, Outcome.HANG, "its time was over"),
        (ending.code < 0, Outcome.CRASH, _signal(ending)),
        (_has_traceback(ending), Outcome.TRACEBACK, _last_lines(ending.stderr)),
        (bool(ending.written), Outcome.WROTE, ", ".join(ending.written)),
        (bool(ending.orphans), Outcome.ORPHAN, ", ".join(ending.orphans)),
        (ending.peak_mib > max_mib, Outcome.MEMORY, f"{ending.peak_mib} MiB"),
        (ending.code == OWN_FAULT, Outcome.OWN_FAULT, _last_lines(ending.stderr)),
        (warned is not None, Outcome.MESSAGE, warned[0] if warned else ""),
        (ending.code not in DOCUMENTED, Outcome.EXIT_CODE, _exit_code(ending)),
    )
    for is_true, outcome, detail in checks:
        if is_true:
            return outcome, detail[:MAX_DETAIL]
    return _message(ending, is_stream=is_stream)


def _has_traceback(ending: Ending) -> bool:
    return TRACEBACK in ending.stderr or TRACEBACK in ending.stdout


def _signal(ending: Ending) -> str:
    if ending.code >= 0:
        return ""
    return f"{signal.Signals(-ending.code).name}: {_last_lines(ending.stderr)}"


def _exit_code(ending: Ending) -> str:
    return f"{ending.code}: {_last_lines(ending.stderr)}"


def _message(ending: Ending, *, is_stream: bool) -> tuple[Outcome, str]:
    """A refusal is one line, the last one, of what can be printed."""
    control = CONTROLS.search(ending.stdout + ending.stderr)
    if control is not None:
        found = (ending.stdout + ending.stderr)[max(0, control.start() - 60) : control.end() + 60]
        return Outcome.MESSAGE, f"a control character reaches the terminal: {found!r}"
    if ending.code not in REFUSALS:
        return Outcome.RAN, ""
    if is_stream:
        return Outcome.REFUSED, ""
    lines = ending.stderr.rstrip("\n").split("\n")
    errors = [i for i, line in enumerate(lines) if line.startswith("error: ")]
    if len(errors) != 1 or errors[0] != len(lines) - 1:
        after = "\n".join(lines[errors[0] :]) if errors else ending.stderr
        return Outcome.MESSAGE, f"not one line of error: {after[:MAX_DETAIL]!r}"
    return Outcome.REFUSED, lines[-1][:MAX_DETAIL]


def _last_lines(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-3:])[-MAX_DETAIL:]
