"""Lets SIGINT and SIGTERM end a stream between two of its items, not within one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Stopped(KeyboardInterrupt):
    """Leaves the wait for the next item; never seen outside of this module."""


class StopSignals:
    """Takes the signals while it is open; a context manager.

    The first one ends `until_stopped`, and gives that signal back to whoever had it, so
    that a second one ends a process that hangs. Signals that the process ignores stay
    ignored. In another thread than the main one, Python takes no signals, nor does this.

    Attributes:
        received: The signal that came; None as long as there was none.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._is_waiting = False
        self._previous: dict[signal.Signals, Any] = {}

    def until_stopped(self, items: Iterator[T]) -> Iterator[T]:
        """Pass the items on until a signal comes.

        One that comes while the caller works on an item ends the stream after that item;
        one that comes while the next item is waited for ends it at once.
        """
        try:
            while True:
                # In this order no signal slips in between the look and the wait.
                self._is_waiting = True
                if self.received is not None:
                    return
                item = next(items)
                self._is_waiting = False
                yield item
        except (_Stopped, StopIteration):
            return
        finally:
            self._is_waiting = False

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                previous = signal.getsignal(number)
                # None is a handler that Python could not give back.
                if previous not in (signal.SIG_IGN, None):
                    self._previous[number] = previous
                    signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in tuple(self._previous):
            self._give_back(number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._give_back(signal.Signals(number))
        if self.received is not None:  # the other signal came first
            return
        self.received = signal.Signals(number)
        if self._is_waiting:
            raise _Stopped

    def _give_back(self, number: signal.Signals) -> None:
        previous = self._previous.pop(number, None)
        if previous is not None:
            signal.signal(number, previous)
