"""Ends a check with its processes at SIGTERM, which CI runners send, as at Ctrl-C."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

TERMINATED = 143  # 128 + SIGTERM, as shells report it
# Python drops what is raised in a weak reference's callback or a destructor, and a signal may
# come in one: then the check would go on to its end.
AGAIN_S = 5.0


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Leave the block when SIGINT or SIGTERM comes; a context manager.

    By KeyboardInterrupt or SystemExit, raised again every AGAIN_S until the block is left.
    Python itself would end at SIGTERM at once, and leave temporary files behind. A SIGINT that
    is ignored, as in a shell's background job, stays so.
    """
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> NoReturn:
        came.append(number)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        if came[0] == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(TERMINATED)

    taken = [signal.SIGTERM, signal.SIGALRM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        taken.append(signal.SIGINT)
    previous = {number: signal.signal(number, end) for number in taken}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in previous.items():
            signal.signal(number, handler)
