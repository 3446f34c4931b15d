"""What the tests of the workstation half may use of the machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.export.probe_server import ProbeServer

from strop.export.bundle import make_manifest
from strop.export.ir import litert_session
from strop.export.source import hdf5_check
from strop.runtime.bench import layer_times
from strop.runtime.bench.latency import MeasurePlan

# As many runs as an interval needs, in blocks that take turns.
SHORT = MeasurePlan(
    min_runs=12,
    min_duration_s=0.0,
    warmup_runs=1,
    warmup_duration_s=0.0,
    block_duration_s=0.0005,
    lead_in_duration_s=0.0,
)


@pytest.fixture(autouse=True, scope="session")
def _one_thread_for_litert() -> Iterator[None]:
    """Two test processes keep two cores at work; a second thread in each would only spin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(litert_session, "MOST_THREADS", 1)
        yield


@pytest.fixture(autouse=True, scope="session")
def _short_latencies() -> Iterator[None]:
    """Every export times its files; no test asks how long they take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make_manifest, "PLAN", SHORT)
        patch.setattr(layer_times, "MAX_RUNS", layer_times.MIN_RUNS)
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_process_for_hdf5() -> Iterator[None]:
    """Every .keras and .h5 is looked at by a process of its own: a fork of one that is there."""
    server = ProbeServer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5_check, "run_probe", server.run_probe)
        yield
    server.close()
