"""Tells a watching parent process which file an engine works on, and for how long it may.

`strop.supervised` is that parent; the memory that both share holds the state. In a process
that nobody watches, as one that uses `strop.runtime` as a library, nothing here has an effect.

An engine can be killed by the file that it loads, or work on it for ever. So what it does is
said before it starts: nothing can be said afterwards.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap

SHARED_BYTES = 1 << 16
# Whether an engine works; which of the files; how often one has begun; its limit in seconds.
STATE = struct.Struct("<?3xIId")
LENGTH = struct.Struct("<I")
NAMES_AT = STATE.size + LENGTH.size

BYTES_PER_MIB = 1 << 20
# EfficientNet-B7, 66 MB in int8, takes 10 s for an inference on a Raspberry Pi 4.
LIMIT_S = 60.0
LIMIT_S_PER_MIB = 1.0
# What the process may allocate when it opens a file; a gigabyte is far above any classifier.
ALLOWANCE_BYTES = 4 << 30
ALLOWANCE_PER_BYTE = 8  # of the file: its weights as read, unpacked, and packed for the kernels


class _Process:
    """This process, as far as it is watched.

    Attributes:
        shared: With the parent; None where nobody watches.
        files: Each that it has opened, and its engine.
        works: How many times an engine has begun to work.
        memory_limit: RLIMIT_DATA, soft and hard, as it was found.
        stderr: A copy of standard error, for the time in which an engine may not use it.
        nowhere: The null device.
    """

    def __init__(self) -> None:
        self.shared: mmap.mmap | None = None
        self.files: list[tuple[str, str]] = []
        self.works = 0
        self.stderr = self.nowhere = -1
        self.memory_limit = (-1, -1)  # RLIM_INFINITY


_process = _Process()


def be_watched(shared: mmap.mmap) -> None:
    """From now on say in `shared` what engines do in this process."""
    import resource  # only here and below: a library's process needs none of it

    _process.shared = shared
    _process.memory_limit = resource.getrlimit(resource.RLIMIT_DATA)
    _process.stderr, _process.nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)


class EngineAtWork:
    """An engine's work on one file; a context manager that can be entered again and again.

    It may be entered within another one's work, which is what is said again after it.
    What the engine itself prints to standard error is not shown meanwhile: an exception has
    its reason, and a crash becomes one line of the parent's.

    Args:
        path: The file.
        engine: In words, with its version.
        opens: Whether memory is allocated for the file, which then is limited.
    """

    def __init__(self, path: str | os.PathLike[str], engine: str, *, opens: bool = False) -> None:
        self._place, self._limit_s, self._outer = 0, LIMIT_S, bytes(STATE.size)
        if _process.shared is None:
            return
        size_bytes = os.path.getsize(path)
        self._place = _place_of((os.fspath(path), engine), _process.shared)
        self._limit_s += LIMIT_S_PER_MIB * size_bytes / BYTES_PER_MIB
        if opens:
            _limit_memory(size_bytes)

    def __enter__(self) -> None:
        if _process.shared is not None:
            self._outer = _process.shared[: STATE.size]
            _process.works += 1
            state = (True, self._place, _process.works, self._limit_s)
            STATE.pack_into(_process.shared, 0, *state)
            os.dup2(_process.nowhere, 2)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if _process.shared is not None:
            _process.shared[: STATE.size] = self._outer
            if not self._outer[0]:
                os.dup2(_process.stderr, 2)


def folder_prefix(kind: str) -> str:
    """How a temporary folder's name begins; by the process's number its parent can find it."""
    return f"strop-{kind}-{os.getpid()}-"


def _place_of(file: tuple[str, str], shared: mmap.mmap) -> int:
    """Among the files that were opened, the new one written down."""
    if file not in _process.files:
        _process.files.append(file)
        names = [os.fsencode(name) for each in _process.files for name in each]
        content = b"\0".join(names)[: SHARED_BYTES - NAMES_AT]
        shared[NAMES_AT : NAMES_AT + len(content)] = content
        LENGTH.pack_into(shared, STATE.size, len(content))
    return _process.files.index(file)


def _limit_memory(size_bytes: int) -> None:
    """Limit what this process may allocate from now on, by the size of the file that is opened.

    Not RLIMIT_AS: engines and Python map far more than they use. RLIMIT_DATA counts what is
    private and can be written, since Linux 4.7 mapped memory too; files that are mapped to
    be read do not count. A parent that watches VmRSS would come too late: memory fills up
    within one of its looks, and then the system ends a process of its own choice.

    Source: getrlimit(2); proc_pid_statm(5), "data".
    """
    import resource

    soft, hard = _process.memory_limit
    allowance = ALLOWANCE_BYTES + ALLOWANCE_PER_BYTE * size_bytes
    with suppress(OSError, ValueError, LookupError):
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[5]) * resource.getpagesize()
        limits = [used + min(allowance, _memory_bytes())]
        limits += [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))


def _memory_bytes() -> int:
    """Memory of this machine, with its swap."""
    with open("/proc/meminfo", encoding="ascii") as file:
        sizes = dict(line.split(":", 1) for line in file)
    return sum(int(sizes[name].split()[0]) << 10 for name in ("MemTotal", "SwapTotal"))
