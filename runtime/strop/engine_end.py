"""What is said of a file that killed the process of its engine, or kept it for too long."""

from __future__ import annotations

import signal
from types import MappingProxyType

# Signals by which a process ends that did not end itself.
CRASHES = MappingProxyType(
    {
        signal.SIGABRT: "abort",
        signal.SIGBUS: "bus error",
        signal.SIGFPE: "arithmetic error",
        signal.SIGILL: "illegal instruction",
        signal.SIGKILL: "killed",
        signal.SIGSEGV: "segmentation fault",
        signal.SIGSYS: "forbidden system call",
        signal.SIGTRAP: "trap",
    }
)
DO_NOT_USE = "this file is damaged or hostile, do not use it"


def is_crash(number: int) -> bool:
    """Whether it is a signal that a process gets for what it did, not from outside."""
    return number in CRASHES and number != signal.SIGKILL


def killed(path: str, number: int, *, engine: str = "") -> str:
    """One line on a process that a signal of CRASHES ended.

    Args:
        path: The file that it had opened.
        number: The signal's.
        engine: What ran the file: "litert 2.3.0"; empty where that is not known.
    """
    how = CRASHES[signal.Signals(number)]
    described = f"{engine}, {how}" if engine else how
    if number == signal.SIGKILL:
        return (
            f"{path}: its engine ({described}) was ended as a system does that has no memory left;"
            " free some, or do not use this file"
        )
    if number == signal.SIGILL:
        return (
            f"{path}: killed its engine ({described}); if other files do so too, this engine is"
            f" not built for this processor, else {DO_NOT_USE}"
        )
    return f"{path}: killed its engine ({described}); {DO_NOT_USE}"


def ended_process(path: str, code: int, *, engine: str) -> str:
    """One line on an engine that ended its process with an exit code, as without memory.

    The dynamic linker does so with 127 where it finds no memory for a function's first call.
    """
    return f"{path}: its engine ({engine}) ended the process with code {code}; {DO_NOT_USE}"


def one_of_them_killed(paths: tuple[str, ...], engine: str, number: int) -> str:
    """The same where several files were open, and it is not known which one was worked on."""
    how = CRASHES[signal.Signals(number)]
    return (
        f"{', '.join(paths)}: one of them killed its engine ({engine}, {how}); it is damaged or"
        " hostile: try each alone to see which, and do not use it"
    )


def took_too_long(path: str, engine: str, limit_s: float) -> str:
    """One line on an engine that was ended because it gave no result."""
    return (
        f"{path}: its engine ({engine}) gave no result in {limit_s:.0f} s and was ended; a file"
        " that loops for ever is hostile, do not use it"
    )
