"""The bench record comes back unchanged, and what is not one is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.boards import PI_4, recorded

from strop.runtime.bench.block_state import BoardWatch
from strop.runtime.bench.coldstart import ColdStart
from strop.runtime.bench.figures import figures
from strop.runtime.bench.latency import LatencySamples, MeasurePlan
from strop.runtime.bench.record import (
    BENCH_RECORD,
    ArtifactRecord,
    BenchRecord,
)
from strop.runtime.bench.sustained import SustainedSamples
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.errors import MeasurementError, OutputError
from strop.runtime.machine.board import board_state
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.machine.machine import machine
from strop.runtime.records.timestamps import timestamp
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.intervals import percentile_ns

ARTIFACT = ArtifactRecord(
    name="m.int8.tflite",
    sha256="ab" * 32,
    size_bytes=3_500_000,
    facts=EngineFacts(
        engine="litert", version="2.3.0", kernels="xnnpack", partitions=1, num_threads=4
    ),
    cold_start=ColdStart(
        import_ns=1, load_ns=2, first_invoke_ns=3, second_invoke_ns=4, peak_rss_bytes=5
    ),
    samples=LatencySamples(warmup_ns=(9, 8), invoke_ns=(7, 6, 5), blocks=(2, 1)),
    sustained=None,
)


@pytest.fixture
def record(tmp_path_factory: pytest.TempPathFactory) -> BenchRecord:
    pi, silent = tmp_path_factory.mktemp("pi"), tmp_path_factory.mktemp("silent")
    watch = BoardWatch(recorded(pi, PI_4))
    watch.look(0)
    sustained = SustainedSamples(
        load_s=1.0,
        window_s=0.2,
        block_runs=(2, 1),
        block_p50_ns=(5, 9),
        window_block=1,
        raw_stride=1,
        invoke_ns=(9,),
        states=watch.states,
    )
    return BenchRecord(
        strop_version="0.1.0",
        created_at="2026-01-31T12:00:00Z",
        inputs="8 images of validation",
        plan=MeasurePlan(),
        machine=machine(silent),
        cool_down=CoolDown(waited_s=2.5, from_c=70, to_c=64, cool_c=65),
        board_before=board_state(pi),
        board_after=board_state(silent),
        block_states=watch.states,
        artifacts=(replace(ARTIFACT, sustained=sustained),),
    )


def changed(record: BenchRecord, *path: str | int, value: object) -> str:
    content = json.loads(BENCH_RECORD.dumps(record))
    target: Any = content
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return json.dumps(content)


def older(record: BenchRecord, version: int) -> dict[str, Any]:
    """The record's JSON as of a version before instructions were counted."""
    content: dict[str, Any] = json.loads(BENCH_RECORD.dumps(record)) | {"format_version": version}
    for artifact in content["artifacts"]:
        del artifact["samples"]["invoke_instructions"]
    return content


def test_a_record_comes_back_unchanged(record: BenchRecord) -> None:
    assert BENCH_RECORD.loads(BENCH_RECORD.dumps(record), where="r.json") == record


def test_this_machines_record_comes_back_unchanged() -> None:
    watch = BoardWatch()
    watch.look(0)
    watch.look(1, is_last=True)
    record = BenchRecord(
        strop_version=installed_version(),
        created_at=timestamp(),
        inputs="random",
        plan=MeasurePlan(min_duration_s=1),
        machine=machine(),
        cool_down=None,
        board_before=board_state(),
        board_after=board_state(),
        block_states=watch.states,
        artifacts=(ARTIFACT, ARTIFACT),
    )
    assert BENCH_RECORD.loads(BENCH_RECORD.dumps(record), where="r.json") == record


def test_a_record_is_written_whole_or_not_at_all(record: BenchRecord, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")
    BENCH_RECORD.write(record, path)
    assert BENCH_RECORD.loads(path.read_text(), where=str(path)) == record
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="choose another place"):
        BENCH_RECORD.write(record, tmp_path / "taken")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["r.json", "taken"]


def test_another_format_version_is_refused_by_name(record: BenchRecord) -> None:
    text = changed(record, "format_version", value=BENCH_RECORD.version + 1)
    with pytest.raises(
        MeasurementError, match=r"r\.json: format_version is 7, this strop reads 2, 3, 4, 5, 6;"
    ):
        BENCH_RECORD.loads(text, where="r.json")


def test_a_record_of_version_2_is_read_as_one_without_what_came_later(record: BenchRecord) -> None:
    old = older(record, 2)
    del old["cool_down"], old["block_states"], old["artifacts"][0]["sustained"]
    del old["artifacts"][0]["energy"], old["artifacts"][0]["split"]
    del old["created_at"]
    expected = replace(
        record, created_at=None, cool_down=None, block_states=(), artifacts=(ARTIFACT,)
    )
    assert BENCH_RECORD.loads(json.dumps(old), where="r.json") == expected


def test_a_record_of_version_3_is_read_as_one_without_a_time(record: BenchRecord) -> None:
    old = older(record, 3)
    del old["created_at"], old["artifacts"][0]["energy"]
    expected = replace(record, created_at=None)
    assert BENCH_RECORD.loads(json.dumps(old), where="r.json") == expected


def test_a_record_of_version_2_is_checked_as_any(record: BenchRecord) -> None:
    old = json.loads(BENCH_RECORD.dumps(record)) | {"format_version": 2, "artifacts": [3]}
    del old["created_at"]
    with pytest.raises(MeasurementError, match=r"artifacts\[0\] is 3, needed is an object"):
        BENCH_RECORD.loads(json.dumps(old), where="r.json")


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"artifacts": []}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(MeasurementError, match="needed is what strop bench --output writes"):
        BENCH_RECORD.loads(text, where="r.json")


def test_an_unknown_field_is_refused_by_name(record: BenchRecord) -> None:
    text = changed(record, "machine", "hostname", value="kitchen")
    with pytest.raises(MeasurementError, match=r"r\.json: machine: lacks or adds hostname"):
        BENCH_RECORD.loads(text, where="r.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("inputs",), 3, "inputs is 3, needed is str"),
        (("created_at",), "1 May", "r.json: created_at is '1 May', needed is a time such as"),
        (("artifacts",), {}, "artifacts is {}, needed is a list"),
        (("artifacts", 0, "size_bytes"), True, "size_bytes is true, needed is int"),
        (("artifacts", 0, "samples", "invoke_ns", 1), 1.5, "1.* is 1.5, needed is int"),
        (("artifacts", 0, "facts", "partitions"), "1", 'partitions is "1", needed is int'),
        (("artifacts", 0, "facts"), None, "facts is null, needed is an object"),
        (("plan", "min_runs"), 0, "plan: plan: 0 runs"),
        (("block_states", 0, "allowed_hz", 0), "1", 'allowed_hz.0. is "1", needed is int'),
        (("artifacts", 0, "sustained", "window_block"), 2, "window_block is 2 of 2 blocks"),
        (("board_before", "throttled"), "0x0", 'throttled is "0x0", needed is int'),
        (("board_before", "clocks", 0, "allowed_hz"), 1.5, "allowed_hz is 1.5, needed is int"),
    ],
)
def test_a_field_of_the_wrong_type_or_value_is_refused_by_name(
    record: BenchRecord, path: tuple[str | int, ...], value: object, message: str
) -> None:
    with pytest.raises(MeasurementError, match=message):
        BENCH_RECORD.loads(changed(record, *path, value=value), where="r.json")


def test_a_record_of_version_4_is_read_as_one_without_energy_and_split(record: BenchRecord) -> None:
    old = older(record, 4)
    del old["artifacts"][0]["energy"], old["artifacts"][0]["split"]
    assert BENCH_RECORD.loads(json.dumps(old), where="r.json") == record


def test_a_record_of_version_5_is_read_as_one_without_instructions(record: BenchRecord) -> None:
    assert BENCH_RECORD.loads(json.dumps(older(record, 5)), where="r.json") == record


def test_counted_instructions_are_kept_and_have_a_median(record: BenchRecord) -> None:
    samples = replace(
        ARTIFACT.samples, invoke_ns=(7,) * 30, blocks=(30,), invoke_instructions=tuple(range(30))
    )
    counted = replace(record, artifacts=(replace(ARTIFACT, samples=samples),))
    assert BENCH_RECORD.loads(BENCH_RECORD.dumps(counted), where="r.json") == counted
    assert figures(counted)[0].instructions == percentile_ns(range(30), 0.5)
    assert figures(record)[0].instructions is None
