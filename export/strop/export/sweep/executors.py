"""Where members are made: processes of this machine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from strop.export.sweep.work import OpenExecutor


def local_processes(jobs: int) -> OpenExecutor:
    """Opens so many fresh processes; even one, so that TensorFlow is gone when it is done."""

    @contextmanager
    def opened() -> Iterator[Executor]:
        # Not forked: TensorFlow's threads do not survive that.
        pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return opened
