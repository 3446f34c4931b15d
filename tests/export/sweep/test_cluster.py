"""Members are made by the workers of a real cluster, even if one of them is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributed import LocalCluster
from tests.export.sweep.fake_sweep import PLAN, Exporter, Stopwatch, job

from strop.cli import main
from strop.export.sweep.executors import cluster_workers
from strop.export.sweep.make import Job, Made
from strop.export.sweep.sweep import Steps, sweep
from strop.export.sweep.work import do_all
from strop.runtime.errors import PlanError, QuantizationError, TargetError

WAIT_S = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two worker processes; each is started again where it dies."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as found:
        yield found


def double(number: int) -> tuple[int, int]:
    if number == 3:
        raise QuantizationError("three cannot be doubled")
    return os.getpid(), 2 * number


@dataclass(frozen=True)
class Meeting:
    """Where a worker tells who it is, and waits until it may go on or is killed."""

    folder: Path

    def wait(self, number: int) -> int:
        (self.folder / f"{number}.{os.getpid()}").write_text("")
        give_up = time.monotonic() + WAIT_S
        while not (self.folder / "go").exists() and time.monotonic() < give_up:
            time.sleep(0.02)
        return os.getpid()

    def came(self, number: int) -> list[int]:
        return [int(path.suffix[1:]) for path in self.folder.glob(f"{number}.*")]


def make_small(job: Job) -> Made:
    return Exporter().make(job)


def until(is_true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_jobs_run_in_the_workers_and_fail_one_by_one(cluster: LocalCluster) -> None:
    opens = cluster_workers(cluster.scheduler_address)
    done = {each.job: each for each in do_all(double, range(1, 6), open_executor=opens)}
    assert {job: each.result and each.result[1] for job, each in done.items()} == {
        1: 2,
        2: 4,
        3: None,
        4: 8,
        5: 10,
    }
    assert done[3].error == "three cannot be doubled"
    assert os.getpid() not in {each.result[0] for each in done.values() if each.result}


def test_a_killed_workers_job_is_done_elsewhere(cluster: LocalCluster, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path)
    killed: list[int] = []

    def kill() -> None:
        until(lambda: bool(meeting.came(1)) and bool(meeting.came(2)))
        killed.extend(meeting.came(1))
        os.kill(killed[0], signal.SIGKILL)
        (tmp_path / "go").write_text("")

    killer = threading.Thread(target=kill)
    killer.start()
    opens = cluster_workers(cluster.scheduler_address)
    done = {each.job: each for each in do_all(meeting.wait, (1, 2, 3), open_executor=opens)}
    killer.join()
    assert [each.error for each in done.values()] == [None] * 3
    assert len(killed) == 1
    assert len(meeting.came(1)) == 2
    assert done[1].result not in (None, killed[0])


def test_members_come_home_as_bytes(cluster: LocalCluster, tmp_path: Path) -> None:
    stopwatch = Stopwatch()
    steps = Steps(
        make=make_small,
        open_executor=cluster_workers(cluster.scheduler_address),
        measure=stopwatch.measure,
    )
    found = sweep(tmp_path, [job("a"), job("b")], PLAN, steps)
    assert found.is_complete
    assert (tmp_path / "a.int8/a.int8.tflite").read_bytes() == b"a" * 10
    assert stopwatch.measured == ["a.int8.tflite", "b.int8.tflite"]


def test_workers_of_several_threads_are_refused() -> None:
    threads = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
    with (
        LocalCluster(dashboard_address=":0", **threads) as cluster,
        pytest.raises(TargetError, match="has 2 threads, and Keras makes one model at a time"),
    ):
        list(do_all(double, [1], open_executor=cluster_workers(cluster.scheduler_address)))


def test_an_address_without_a_scheduler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strop.export.sweep.executors.CONNECT_S", 0.5)
    with pytest.raises(TargetError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        list(do_all(double, [1], open_executor=cluster_workers("tcp://127.0.0.1:9")))


def test_a_missing_dask_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strop.export.sweep.executors.find_spec", lambda name: None)
    with pytest.raises(TargetError, match=r"pip install 'strop\[sweep\]'"):
        cluster_workers("tcp://host:8786")


def test_jobs_and_a_scheduler_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sweep", "mobilenet_v2", "--weights", "random", "--output", "x"]
    assert main([*arguments, "--scheduler", "tcp://host:1", "--jobs", "2"]) == PlanError.exit_code
    assert "leave out --jobs" in capsys.readouterr().err
