"""Where members are made: processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait

from strop.export.sweep.work import OpenExecutor

PARENT_GONE = 1  # the exit code, which nobody is left to see


def local_processes(jobs: int) -> OpenExecutor:
    """Opens so many fresh processes; even one, so that TensorFlow is gone when it is done.

    They end when the process that opened them does, however it ends.
    """

    @contextmanager
    def opened() -> Iterator[Executor]:
        # Not forked: TensorFlow's threads do not survive that.
        pool = ProcessPoolExecutor(
            jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
        )
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return opened


def _end_with_parent() -> None:
    """Watch the process that opened this one: a killed one ends no processes itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    # Not sys.exit: it would end this thread alone.
    os._exit(PARENT_GONE)
