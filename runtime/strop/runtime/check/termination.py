"""SIGTERM, as CI runners send it, ends a check as Ctrl-C does: with its processes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

TERMINATED = 143  # 128 + SIGTERM, as shells report it


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Leave the block by SystemExit where SIGTERM comes; a context manager.

    Python itself would end at once, and leave temporary files behind.
    """
    previous = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)
