"""Opens what makes members: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing.connection import wait

from strop.export.sweep.work import OpenExecutor
from strop.runtime.errors import TargetError

PARENT_GONE = 1  # the exit code, which nobody is left to see
CONNECT_S = 20


def local_processes(jobs: int) -> OpenExecutor:
    """Open so many fresh processes; even one, so that TensorFlow is gone afterwards.

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


def cluster_workers(address: str) -> OpenExecutor:
    """Open a connection to a cluster whose workers make the members.

    A worker that dies costs nothing but time: the scheduler gives its members to others, and
    gives one up that has killed several. What comes back is unpickled, as Dask does it: a
    cluster is to be as trusted as this machine.

    Args:
        address: Of the scheduler: tcp://host:8786, or tls://.

    Raises:
        TargetError: Dask is not installed here.
    """
    if find_spec("distributed") is None:
        raise TargetError("distributed is not installed here; run: pip install 'strop[sweep]'")

    @contextmanager
    def opened() -> Iterator[Executor]:
        from distributed import Client

        try:
            client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as err:
            raise TargetError(
                f"{address}: no Dask scheduler answers ({err}); needed is an address like"
                " tcp://host:8786, as `dask scheduler` prints it"
            ) from err
        with client:
            _check(address, client.nthreads())
            # Not pure: a member that failed is to be tried again, not remembered.
            executor = client.get_executor(pure=False)
            try:
                yield executor
            finally:
                executor.shutdown(wait=False)  # what still runs is cancelled

    return opened


def _check(address: str, threads: Mapping[str, int]) -> None:
    if not threads:
        raise TargetError(
            f"{address}: the cluster has no workers; start some with `dask worker {address}"
            " --nthreads 1`"
        )
    wrong = {worker: count for worker, count in threads.items() if count != 1}
    if wrong:
        worker, count = next(iter(wrong.items()))
        raise TargetError(
            f"{address}: worker {worker} has {count} threads, and Keras makes one model at a time"
            " in a process; start it with --nthreads 1, and more workers (--nworkers) instead"
        )
