"""Counts what the processor does for this process, where the kernel gives the counters.

The counts of a process do not depend on who else runs: the kernel saves them at each switch.
Threads count if they were started after the counter. Kernel and hypervisor are left out.

Source: perf_event_open(2); the kernel's include/uapi/linux/perf_event.h and
Documentation/admin-guide/perf-security.rst.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import MappingProxyType, TracebackType

from strop.runtime.errors import MeasurementError
from strop.runtime.machine.proc_files import number_of, text_at

# The system call's number. A 32-bit Python on a 64-bit kernel makes 32-bit calls.
CALLS = MappingProxyType({"x86_64": 298, "aarch64": 241, "riscv64": 241})
CALLS_OF_32_BIT = MappingProxyType(
    {"x86_64": 336, "i686": 336, "aarch64": 364, "armv7l": 364, "armv6l": 364}
)
HARDWARE = 0  # PERF_TYPE_HARDWARE
ATTR_BYTES = 64  # PERF_ATTR_SIZE_VER0, which every kernel takes
# Also of threads that begin later; never shared with other events by turns; not the kernel's own.
INHERIT, PINNED, NO_KERNEL, NO_HYPERVISOR = 1 << 1, 1 << 2, 1 << 5, 1 << 6
CLOSE_ON_EXEC = 1 << 3
COUNT_BYTES = 8
USER_SPACE_PARANOIA = 2  # the most that lets a user count his own programs
SECCOMP_FILTER = "Seccomp:\t2"

Opener = Callable[[bytes], tuple[int, int]]


class Event(Enum):
    """What is counted; the values are PERF_COUNT_HW_*."""

    CYCLES = 0
    INSTRUCTIONS = 1


class EventCounter:
    """One counter of this process; a context manager.

    Args:
        event: What is counted, from now on.
        opener: perf_event_open of this process, on any processor: from the event's attributes to
            a file descriptor, or -1 with errno.
        root: Where proc/ is, for the reason of a refusal.

    Raises:
        MeasurementError: This cannot be counted here; says why and what to do.
    """

    def __init__(
        self, event: Event, *, opener: Opener | None = None, root: Path = Path("/")
    ) -> None:
        flags = INHERIT | PINNED | NO_KERNEL | NO_HYPERVISOR
        attributes = struct.pack("=IIQQQQQ", HARDWARE, ATTR_BYTES, event.value, 0, 0, 0, flags)
        found, code = (opener or _open)(attributes.ljust(ATTR_BYTES, b"\0"))
        if found < 0:
            what, remedy = _obstacle(code, root)
            raise MeasurementError(f"{event.name.lower()} cannot be counted here: {what}; {remedy}")
        self._event, self._file = event, found

    def read(self) -> int:
        """How many so far.

        Raises:
            MeasurementError: The kernel needed the counter for something else.
        """
        found = os.read(self._file, COUNT_BYTES)
        if len(found) < COUNT_BYTES:
            raise MeasurementError(
                f"{self._event.name.lower()}: another program holds the processor's counters; end"
                " it (perf, a profiler, a watchdog: sysctl kernel.nmi_watchdog=0)"
            )
        return int.from_bytes(found, sys.byteorder)

    def __enter__(self) -> EventCounter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)


@contextmanager
def counted_instructions() -> Iterator[Callable[[], int] | None]:
    """Count this process's instructions; None where that cannot be done."""
    if why_not(Event.INSTRUCTIONS):
        yield None
        return
    with EventCounter(Event.INSTRUCTIONS) as counter:
        yield counter.read


def why_not(event: Event, *, opener: Opener | None = None, root: Path = Path("/")) -> str:
    """Say why an event cannot be counted, and what to do; empty where it can.

    Args:
        event: What.
        opener: As of `EventCounter`.
        root: Where proc/ is; another one than "/" for recorded files.
    """
    try:
        with EventCounter(event, opener=opener, root=root) as counter:
            counter.read()
    except MeasurementError as err:
        return str(err)
    return ""


def _open(attributes: bytes) -> tuple[int, int]:
    """perf_event_open for this process; its answer, and errno."""
    arch, is_32_bit = os.uname().machine, sys.maxsize < 2**32
    number = (CALLS_OF_32_BIT if is_32_bit else CALLS).get(arch)
    if number is None or sys.platform != "linux":
        return -1, errno.ENOSYS
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(
        ctypes.c_long(number),
        ctypes.c_char_p(attributes),
        ctypes.c_int(0),  # this process
        ctypes.c_int(-1),  # on any processor
        ctypes.c_int(-1),  # in no group
        ctypes.c_ulong(CLOSE_ON_EXEC),
    )
    return found, ctypes.get_errno()


def _obstacle(code: int, root: Path) -> tuple[str, str]:
    """Why the kernel refused, and what to do."""
    name = errno.errorcode.get(code, str(code))
    if code in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
        return (
            f"the processor shows no counters ({name}), as in most virtual machines",
            "measure on the machine itself, or compare by latency",
        )
    paranoia = number_of(text_at(root / "proc/sys/kernel/perf_event_paranoid"))
    is_denied = code in (errno.EACCES, errno.EPERM)
    if is_denied and paranoia is not None and paranoia > USER_SPACE_PARANOIA:
        return (
            f"kernel.perf_event_paranoid is {paranoia} ({name})",
            f"sudo sysctl kernel.perf_event_paranoid={USER_SPACE_PARANOIA}",
        )
    if SECCOMP_FILTER in (text_at(root / "proc/self/status") or ""):
        return (
            f"this container's seccomp filter forbids perf_event_open ({name})",
            "start it with a profile that allows it, or with --security-opt seccomp=unconfined",
        )
    return (f"perf_event_open is refused ({name})", "compare by latency")
