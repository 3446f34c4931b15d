"""Child processes: why one failed, and the memory that a process held."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

from strop.runtime.units import BYTES_PER_KIB

CHILD_TIMEOUT_S = 120  # loading and two invokes of a large model on a Pi Zero take a tenth


def failure_reason(child: subprocess.CompletedProcess[str]) -> str:
    """Why a process failed, in one line: the signal, and the last line of its stderr."""
    lines = child.stderr.strip().splitlines()
    if child.returncode < 0:  # subprocess's sign for "killed by signal"
        return f"killed by signal {-child.returncode}{': ' + lines[-1] if lines else ''}"
    return lines[-1] if lines else f"exit code {child.returncode} without a message"


def peak_rss_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Most physical memory that this process has held at once.

    On Linux from VmHWM: ru_maxrss of a process started by a larger one begins with the
    larger one's peak, because the kernel carries it over exec.
    """
    try:
        high_water = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.MULTILINE)
    except OSError:
        high_water = None
    if high_water:
        return int(high_water[1]) * BYTES_PER_KIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    is_in_bytes = sys.platform == "darwin"  # getrusage(2): kB elsewhere
    return peak if is_in_bytes else peak * BYTES_PER_KIB
