"""The three streams that a process begins with; they may be closed, and libraries print to them.

Needs nothing of strop: it is the first that a process of strop's does.
"""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Open the null device for each standard stream that was closed before strop began.

    Otherwise the next file that is opened gets the stream's number, and what a C++ library
    prints goes into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def claimed_stdout() -> int:
    """A descriptor of standard output that nothing else has; what is printed goes to stderr."""
    claimed = os.dup(1)
    os.dup2(2, 1)
    return claimed
