"""Runs a command in a child process, so that a file that kills its engine kills only that.

A .tflite can make its interpreter fail with a segmentation fault, and a valid model can loop
without an end. Such a command works in a child that is forked before anything is loaded: it
has the same standard streams, and measures what it would measure without. The parent waits,
in a few megabytes. It passes signals and the exit code on, and says in one line which file
killed the child.

Source: signal(7), sigtimedwait(2), prctl(2) PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from strop.engine_end import CRASHES, ended_process, killed, one_of_them_killed, took_too_long
from strop.engine_watch import LENGTH, NAMES_AT, SHARED_BYTES, STATE, be_watched
from strop.standard_streams import open_closed_streams

USER_ERROR = 2
BY_A_SIGNAL = 128  # plus its number, as shells report it
TICK_S = 1.0
HEARD_S = 0.05  # in which the child has received what its whole process group was sent
SI_KERNEL = 0x80  # siginfo's code; Source: Linux, include/uapi/asm-generic/siginfo.h
PR_SET_PDEATHSIG = 1  # Source: Linux, include/uapi/linux/prctl.h

# Environment variable: the process id of a strop that this one is to end with.
PARENT = "STROP_PARENT"
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
WAITED_FOR = (signal.SIGCHLD, signal.SIGTSTP, *PASSED_ON)


class Opened(NamedTuple):
    """A file and its engine, in words: "litert 2.3.0"."""

    path: str
    engine: str


class Watched(NamedTuple):
    """What the child last said.

    Attributes:
        files: All that it has opened, in order.
        at_work: The one that an engine works on; None between two inferences.
        works: How many times an engine has begun to work.
        limit_s: For the work that is being done.
    """

    files: tuple[Opened, ...]
    at_work: Opened | None
    works: int
    limit_s: float


def supervised(work: Callable[[], int], *, say_killed: Callable[[str], None] | None = None) -> int:
    """Do the work in a child process.

    Args:
        work: Returns the exit code.
        say_killed: Is given the line that says which file killed the child, and what to do;
            None prints it.

    Returns:
        In the child what the work returns. In the parent, after the child's end, the exit
        code that it had; 2 after a file killed it, its engine took too long or too much
        memory. By another signal the parent ends as the child did.
    """
    open_closed_streams()  # or the pipe would get the number of one that is closed
    shared = mmap.mmap(-1, SHARED_BYTES)
    heard, heard_by_child = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    # Inherited as ignored, it would take the child's end from us.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        end_with_parent(parent)
        be_watched(shared)
        signal.set_wakeup_fd(heard_by_child, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
        return work()
    watch = _Watch(child, shared, heard)
    code = os.waitstatus_to_exitcode(watch.wait())
    if code < 0:
        _remove_folders(child)
        watched = read_watched(shared)
        if watched.files and (watch.is_too_slow or -code in CRASHES):
            (say_killed or _print_error)(_reason(watched, -code, is_too_slow=watch.is_too_slow))
            return USER_ERROR
        return _end_as(-code)
    file = read_watched(shared).at_work if code else None
    if file is not None:  # nothing of ours ends with an engine at work
        say = say_killed or _print_error
        say(ended_process(file.path, code, engine=file.engine))
        return USER_ERROR
    return code


def end_with_parent(parent: int | None = None) -> None:
    """Have this process killed when its parent ends, however that ends.

    Args:
        parent: Whose end counts, if it is over already; None asks no more.
    """
    if sys.platform == "linux":
        import ctypes  # numpy imports it in any case

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def read_watched(shared: mmap.mmap) -> Watched:
    """What the child last said; a crashing engine may have written there too."""
    is_working, place, works, limit_s = STATE.unpack_from(shared, 0)
    length = LENGTH.unpack_from(shared, STATE.size)[0]
    names = [os.fsdecode(name) for name in shared[NAMES_AT : NAMES_AT + length].split(b"\0")]
    files = tuple(
        Opened(path=path, engine=engine)
        for path, engine in zip(names[::2], names[1::2], strict=False)
    )
    return Watched(
        files=files,
        at_work=files[place] if is_working and place < len(files) else None,
        works=works,
        limit_s=limit_s,
    )


class _Watch:
    """The parent's wait for its child.

    Attributes:
        is_too_slow: Whether the child was ended because its engine took too long.
    """

    def __init__(self, child: int, shared: mmap.mmap, heard: int) -> None:
        self.is_too_slow = False
        self._child = child
        self._shared = shared
        self._heard = heard
        self._works = 0
        self._waited_s = 0.0

    def wait(self) -> int:
        """Pass signals on until the child has ended; its status, as waitpid has it."""
        while True:
            found = signal.sigtimedwait(WAITED_FOR, TICK_S)
            if found is None:
                self._look()
            elif found.si_signo == signal.SIGTSTP:
                self._stop()
            elif found.si_signo in PASSED_ON:
                self._pass_on(found.si_signo, found.si_code)
            # At every turn: one SIGCHLD may stand for two.
            ended, status = os.waitpid(self._child, os.WNOHANG)
            if ended:
                return status

    def _look(self) -> None:
        """Count the seconds of the engine's work, and end it after too many.

        Seconds in which this process, too, was stopped or had no turn do not count.
        """
        self._sent()
        watched = read_watched(self._shared)
        is_same = watched.at_work is not None and watched.works == self._works
        self._works = watched.works
        self._waited_s = self._waited_s + TICK_S if is_same else 0.0
        if self._waited_s > watched.limit_s:
            self.is_too_slow = True
            os.kill(self._child, signal.SIGKILL)

    def _pass_on(self, number: int, code: int) -> None:
        """A terminal sends a signal to both of us; others may, or to this process alone."""
        if code == SI_KERNEL or self._child_heard(number):
            return
        os.kill(self._child, number)

    def _child_heard(self, number: int) -> bool:
        """Whether the child has received the signal, which Python then wrote to the pipe."""
        if number in self._sent():
            return True
        signal.sigtimedwait((signal.SIGCHLD,), HEARD_S)
        return number in self._sent()

    def _sent(self) -> bytes:
        with suppress(BlockingIOError):
            return os.read(self._heard, mmap.PAGESIZE)
        return b""

    def _stop(self) -> None:
        """Stop both, as Ctrl-Z does, and go on with both."""
        os.kill(self._child, signal.SIGTSTP)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTSTP,))
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTSTP,))
        os.kill(self._child, signal.SIGCONT)


def _print_error(line: str) -> None:
    from strop import console

    console.error(line)


def _end_as(number: int) -> int:
    """End by the signal that ended the child."""
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
    os.kill(os.getpid(), number)
    return BY_A_SIGNAL + number  # the first process of a container does not end by every signal


def _remove_folders(child: int) -> None:
    """Remove the temporary folders that the child had no time to remove."""
    import re
    import shutil
    import tempfile

    place = tempfile.gettempdir()
    for name in os.listdir(place):
        if re.fullmatch(rf"strop-[a-z]+-{child}-\w+", name):
            shutil.rmtree(os.path.join(place, name), ignore_errors=True)


def _reason(watched: Watched, number: int, *, is_too_slow: bool) -> str:
    if watched.at_work is None and len(watched.files) > 1:
        paths = tuple(dict.fromkeys(each.path for each in watched.files))
        if len(paths) > 1:
            return one_of_them_killed(paths, watched.files[-1].engine, number)
    file = watched.at_work or watched.files[-1]
    if is_too_slow:
        return took_too_long(file.path, file.engine, watched.limit_s)
    return killed(file.path, number, engine=file.engine)
