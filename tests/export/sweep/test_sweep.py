"""A sweep makes what is missing, keeps what is there, and goes on where a member fails."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.export.sweep.fake_sweep import ASKED, PLAN, Exporter, Stopwatch, bench_of, job, swept

from strop.cli import main
from strop.export.commands.sweep import sweep as command
from strop.export.options.choices import Precision
from strop.export.sweep.choose import Limits
from strop.export.sweep.executors import local_processes
from strop.export.sweep.make import Made
from strop.export.sweep.members import Wanted, members
from strop.export.sweep.record import MEMBER, MEMBER_RECORD
from strop.export.sweep.result import sweep_record
from strop.export.sweep.store import put
from strop.export.sweep.work import do_all
from strop.runtime.artifact.artifact import Format
from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.errors import OutputError, SourceError
from strop.runtime.machine.power_meter import CANNOT
from strop.runtime.records.folder_lock import alone
from strop.runtime.remote.address import Target

WANTED = Wanted(
    models=("mobilenet_v2",),
    alphas=(),
    sizes=(),
    rhos=(),
    precisions=(Precision.INT8,),
    formats=tuple(Format),
    weights="random",
)


def names(wanted: Wanted) -> list[str]:
    return [member.name for member in members(wanted)[0]]


def test_every_combination_is_a_member() -> None:
    wanted = replace(
        WANTED,
        alphas=(0.35, 0.5),
        sizes=(48, 64),
        precisions=(Precision.INT8, Precision.FLOAT32),
    )
    assert names(wanted) == [
        f"mobilenet_v2_{alpha}_{size}.{precision}"
        for alpha in (0.35, 0.5)
        for size in (48, 64)
        for precision in ("int8", "float32")
    ]


@pytest.mark.parametrize(
    ("model", "change", "reason"),
    [
        ("efficientnet_b0", {"alphas": (0.5,)}, "there is no width multiplier"),
        ("shufflenet_v2", {"alphas": (0.35,)}, "its paper has 0.5, 1, 1.5, 2"),
        ("mobilenet_v2", {"sizes": (16,)}, "16 pixels; needed is 32 to"),
        (
            "mobilenet_v2",
            {"sizes": (64,), "weights": "imagenet"},
            "for 64 pixels; use a --size of 96",
        ),
        ("shufflenet_v2", {"weights": "imagenet"}, "publishes no ImageNet weights"),
        ("mobilenet_v2", {"weights": "w/{model}-{alpha}.h5"}, "w/mobilenet_v2-1.h5: no such file"),
        (
            "mobilenet_v2",
            {"precisions": (Precision.FLOAT16,), "formats": (Format.ONNX,)},
            "not written as onnx",
        ),
    ],
)
def test_what_there_is_not_is_left_out_with_its_reason(
    model: str, change: dict[str, object], reason: str
) -> None:
    wanted = replace(WANTED, models=("mobilenet_v1", model), **change)  # type: ignore[arg-type]
    with contextlib.suppress(SourceError):
        _, left_out = members(wanted)
        assert [reason in each.reason for each in left_out if each.name.startswith(model)] == [True]
    with pytest.raises(SourceError, match="nothing to sweep") as raised:
        members(replace(wanted, models=(model,)))
    assert reason in str(raised.value)


def test_a_multiplier_is_of_each_architectures_own_size() -> None:
    wanted = replace(WANTED, models=("mobilenet_v2", "efficientnet_lite4"), rhos=(0.5, 1))
    assert names(wanted) == [
        "mobilenet_v2_1_128.int8",
        "mobilenet_v2_1_224.int8",
        "efficientnet_lite4_1_160.int8",
        "efficientnet_lite4_1_300.int8",
    ]


def test_weights_of_a_folder_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "mobilenet_v2_0.5_64.weights.h5").write_text("")
    wanted = replace(WANTED, alphas=(0.35, 0.5), sizes=(64,), weights=str(tmp_path))
    (member,), (left_out,) = members(wanted)
    assert member.file == tmp_path / "mobilenet_v2_0.5_64.weights.h5"
    assert left_out.name == "mobilenet_v2_0.35_64"


def test_files_are_found_from_wherever_a_worker_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine.keras", "w.h5"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    found, _ = members(replace(WANTED, models=("mine.keras", "mobilenet_v2"), weights="w.h5"))
    assert [member.file for member in found] == [tmp_path / "mine.keras", tmp_path / "w.h5"]


def test_model_files_take_no_widths_and_need_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a.keras", "b.h5", "notes.txt", "a/A.keras"):
        (tmp_path / name).write_text("")
    assert names(replace(WANTED, models=(str(tmp_path),), alphas=(0.5,))) == ["a.int8", "b.int8"]
    with pytest.raises(SourceError, match="called a as well; rename one of the files"):
        members(replace(WANTED, models=(str(tmp_path), str(tmp_path / "a"))))
    with pytest.raises(SourceError, match=r"not in the zoo, and no \.keras"):
        members(replace(WANTED, models=(str(tmp_path / "notes.txt"),)))


def test_members_that_are_there_are_neither_made_nor_measured_again(tmp_path: Path) -> None:
    exporter, stopwatch = Exporter(), Stopwatch()
    first = swept(tmp_path, exporter, stopwatch, job("a"), job("b"))
    again = swept(tmp_path, exporter, stopwatch, job("a"), job("b"), job("c"))
    assert exporter.made == ["a", "b", "c"]
    assert stopwatch.measured == [f"{name}.int8.tflite" for name in "abc"]
    assert again.kept == 2
    assert again.entries[:2] == first.entries


def test_a_member_is_made_again_with_other_options_or_if_a_file_of_it_changed(
    tmp_path: Path,
) -> None:
    exporter, stopwatch = Exporter(), Stopwatch()
    swept(tmp_path, exporter, stopwatch, job("a"), job("b"))
    (tmp_path / "b.int8/b.int8.tflite").write_text("cut off")
    other = job("a", replace(ASKED, images_sha256="other images"))
    assert swept(tmp_path, exporter, stopwatch, other, job("b")).kept == 0
    assert exporter.made == ["a", "b", "a", "b"]
    assert MEMBER_RECORD.read(tmp_path / "a.int8" / MEMBER).asked == other.asked


def test_a_member_that_fails_is_recorded_and_stops_no_other(tmp_path: Path) -> None:
    exporter, stopwatch = Exporter(fails={"a": "holds a Lambda layer"}), Stopwatch()
    found = swept(tmp_path, exporter, stopwatch, job("a"), job("b"))
    assert [entry.member for entry in found.entries] == ["b.int8"]
    assert not found.is_complete
    assert MEMBER_RECORD.read(tmp_path / "a.int8" / MEMBER).error == "holds a Lambda layer"
    record = sweep_record(found, PLAN, Limits())
    assert record["failed"] == [{"member": "a.int8", "error": "holds a Lambda layer"}]
    assert record["made"] == [{"member": "b.int8", "seconds": 2.5}]
    # Next time it is tried again.
    exporter.fails = {}
    assert swept(tmp_path, exporter, stopwatch, job("a"), job("b")).is_complete


def test_a_file_that_cannot_be_measured_keeps_its_row_and_fails_the_sweep(tmp_path: Path) -> None:
    stopwatch = Stopwatch(fails=frozenset({"a.int8.tflite"}))
    found = swept(tmp_path, Exporter(), stopwatch, job("a"), job("b"))
    assert [entry.latency is None for entry in found.entries] == [True, False]
    assert found.entries[0].latency_error == "a.int8.tflite: no engine"
    assert not found.is_complete


def test_latency_is_measured_when_the_last_member_is_made(tmp_path: Path) -> None:
    events: list[str] = []
    exporter, stopwatch = Exporter(made=events), Stopwatch(measured=events)
    swept(tmp_path, exporter, stopwatch, job("a"), job("b"))
    assert events == ["a", "b", "a.int8.tflite", "b.int8.tflite"]


def test_a_measurement_with_other_options_is_made_beside_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_text("a")
    plans = [
        PLAN,
        replace(PLAN, threads=2),
        replace(PLAN, energy_s=20.0),
        replace(PLAN, target=Target(host="board", user="pi")),
    ]
    assert len({plan.record_of(path) for plan in plans}) == 4


def test_energy_that_was_measured_stands_beside_the_estimate(tmp_path: Path) -> None:
    stopwatch = Stopwatch(millijoules={"a.int8.tflite": 12.5})
    found = swept(tmp_path, Exporter(), stopwatch, job("a"), job("b"))
    metered = [entry.measured_energy for entry in found.entries]
    assert [each and each.mj for each in metered] == [pytest.approx(12.5), None]
    record: Any = sweep_record(found, replace(PLAN, energy_s=20.0), Limits())
    assert record["options"]["energy_s"] == 20.0
    assert record["entries"][0]["measured_energy"]["meter"] == "a meter"


def test_energy_is_refused_before_the_work_where_nothing_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strop.runtime.machine.power_meter.find_meter", lambda root: CANNOT)
    out = tmp_path / "out"
    assert main(["sweep", "mobilenet_v2", "--output", str(out), "--energy"]) == 3
    assert "this machine does not tell its power: no Raspberry Pi 5's" in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match="holds something, and no sweep"):
        swept(tmp_path, Exporter(), Stopwatch(), job("a"))
    swept(tmp_path / "sweep", Exporter(), Stopwatch(), job("a"))
    (tmp_path / "sweep/b.int8").mkdir()
    with pytest.raises(OutputError, match=r"b\.int8: is there, and has no member\.json"):
        swept(tmp_path / "sweep", Exporter(), Stopwatch(), job("b"))


def test_a_second_sweep_in_a_folder_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    with (
        alone(tmp_path, busy=""),
        pytest.raises(OutputError, match="another sweep is at work there"),
    ):
        swept(tmp_path, Exporter(), Stopwatch(), job("a"))
    assert list(tmp_path.iterdir()) == []
    swept(tmp_path, Exporter(), Stopwatch(), job("a"))


def test_what_a_killed_sweep_left_half_written_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for pid in (ended.pid, os.getpid()):
        (tmp_path / f".a.int8.partial-{pid}").mkdir()
    with pytest.raises(OutputError, match="holds something, and no sweep"):
        swept(tmp_path, Exporter(), Stopwatch(), job("a"))  # ours may be at work
    assert [path.name for path in tmp_path.iterdir()] == [f".a.int8.partial-{os.getpid()}"]


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "..", ""])
def test_a_worker_cannot_write_outside_of_the_members_folder(name: str, tmp_path: Path) -> None:
    made = Exporter().make(job("a"))
    with pytest.raises(OutputError, match="not a plain file name"):
        put(tmp_path, Made(record=made.record, files=((name, b"x"),)))
    assert list(tmp_path.iterdir()) == []


def squared(number: int) -> int:
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 7:
        raise ValueError("seven")
    return number * number


def test_a_killed_process_costs_its_own_job_alone() -> None:
    done = {
        each.job: each for each in do_all(squared, (1, 7, 13, 3), open_executor=local_processes(2))
    }
    assert {number: each.result for number, each in done.items()} == {1: 1, 7: None, 13: None, 3: 9}
    assert done[7].error == "ValueError: seven"
    assert "killed twice" in str(done[13].error)


class Breaks(ThreadPoolExecutor):
    """Breaks when the second job is handed in."""

    def submit(self, function, number):  # type: ignore[no-untyped-def, override]
        if number == 2:
            raise BrokenProcessPool("a process was killed")
        future: Future[int] = super().submit(function, number)
        return future


def test_jobs_that_could_not_be_handed_in_are_done_later() -> None:
    opened: list[type[ThreadPoolExecutor]] = [Breaks, ThreadPoolExecutor, ThreadPoolExecutor]

    @contextlib.contextmanager
    def open_executor() -> Iterator[Executor]:
        with opened.pop(0)(1) as executor:
            yield executor

    done = do_all(squared, (1, 2, 3), open_executor=open_executor)
    assert sorted(each.result or 0 for each in done) == [1, 4, 9]


def test_a_record_of_a_file_is_found_again_only_for_the_same_bytes(tmp_path: Path) -> None:
    stopwatch = Stopwatch()
    swept(tmp_path, Exporter(), stopwatch, job("a"))
    path = tmp_path / "a.int8/a.int8.tflite"
    other = tmp_path / "other"
    other.write_text("other")
    PLAN.record_of(path).write_text(BENCH_RECORD.dumps(bench_of(other, 5)))
    swept(tmp_path, Exporter(), stopwatch, job("a"))
    assert stopwatch.measured == ["a.int8.tflite"] * 2


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--weights", "imagenet", "--classes", "10"), "--classes is for weights of your own"),
        (("--duration", "-1"), "needed is a number of seconds"),
        (("--max-latency", "15"), "needed is a time above 0, like 15ms"),
        (("--max-latency", "0ms"), "needed is a time above 0"),
        (("--min-accuracy", "70"), "needed is a share above 0, to 1"),
        (("--jobs", "0"), "needed is a whole number, 1 or more"),
        (("--measure", "-1"), "--measure"),
        (("--mean", "120"), "--mean and --std are for model files"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_the_work(
    flags: tuple[str, ...], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["sweep", "mobilenet_v2", "--output", str(out), *flags]) == 2
    assert text in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(("text", "ms"), [("15ms", 15), ("800us", 0.8), ("1.5s", 1500)])
def test_a_latency_is_read_in_its_unit(text: str, ms: float) -> None:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    options = parser.parse_args(["sweep", "a", "--output", "b", "--max-latency", text])
    assert options.max_latency == pytest.approx(ms)


def test_an_accuracy_without_labels_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").write_bytes(b"")
    arguments = ["mobilenet_v2", "--weights", "random", "--calibration-data", str(images)]
    output = ["--output", str(tmp_path / "out"), "--min-accuracy", "0.7"]
    assert main(["sweep", *arguments, *output]) == 2
    assert "--min-accuracy needs labelled images" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


KILLED_WITH_A_WORKER = """
import os, sys, time
from strop.export.sweep.executors import local_processes
if __name__ == "__main__":
    with local_processes(1)() as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""


def test_the_processes_of_a_sweep_that_is_killed_end_with_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(KILLED_WITH_A_WORKER)
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = Path("/proc", parent.stdout.readline().decode().strip())
        assert worker.exists()
        parent.kill()
    deadline_s = time.monotonic() + 10
    while worker.exists() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not worker.exists()
