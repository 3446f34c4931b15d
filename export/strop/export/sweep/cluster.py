"""Where members are made: the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib.util import find_spec

from strop.export.sweep.work import OpenExecutor
from strop.runtime.errors import TargetError

CONNECT_S = 20


def cluster_workers(address: str) -> OpenExecutor:
    """Opens a connection to a cluster whose workers make the members.

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
