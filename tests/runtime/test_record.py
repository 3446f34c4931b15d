"""The bench record comes back unchanged, and what is not one is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.boards import PI_4, recorded

from strop.runtime.board import board_state
from strop.runtime.coldstart import ColdStart
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.errors import MeasurementError, OutputError
from strop.runtime.latency import LatencySamples, MeasurePlan
from strop.runtime.machine import machine
from strop.runtime.record import (
    FORMAT_VERSION,
    ArtifactRecord,
    BenchRecord,
    bench_record_from_json,
    installed_version,
    write_bench_record,
)

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
)


@pytest.fixture
def record(tmp_path_factory: pytest.TempPathFactory) -> BenchRecord:
    pi, silent = tmp_path_factory.mktemp("pi"), tmp_path_factory.mktemp("silent")
    return BenchRecord(
        strop_version="0.1.0",
        inputs="8 images of validation",
        plan=MeasurePlan(),
        machine=machine(silent),
        board_before=board_state(recorded(pi, PI_4)),
        board_after=board_state(silent),
        artifacts=(ARTIFACT,),
    )


def changed(record: BenchRecord, *path: str | int, value: object) -> str:
    content = json.loads(record.to_json())
    target: Any = content
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return json.dumps(content)


def test_a_record_comes_back_unchanged(record: BenchRecord) -> None:
    assert bench_record_from_json(record.to_json(), where="r.json") == record


def test_this_machines_record_comes_back_unchanged() -> None:
    record = BenchRecord(
        strop_version=installed_version(),
        inputs="random",
        plan=MeasurePlan(min_duration_s=1),
        machine=machine(),
        board_before=board_state(),
        board_after=board_state(),
        artifacts=(ARTIFACT, ARTIFACT),
    )
    assert bench_record_from_json(record.to_json(), where="r.json") == record


def test_a_record_is_written_whole_or_not_at_all(record: BenchRecord, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")
    write_bench_record(record, path)
    assert bench_record_from_json(path.read_text(), where=str(path)) == record
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="choose another place"):
        write_bench_record(record, tmp_path / "taken")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["r.json", "taken"]


def test_another_format_version_is_refused_by_name(record: BenchRecord) -> None:
    text = changed(record, "format_version", value=FORMAT_VERSION + 1)
    with pytest.raises(MeasurementError, match=r"r\.json: format_version is 3, this strop reads 2"):
        bench_record_from_json(text, where="r.json")


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"artifacts": []}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(MeasurementError, match="needed is what strop bench --output writes"):
        bench_record_from_json(text, where="r.json")


def test_an_unknown_field_is_refused_by_name(record: BenchRecord) -> None:
    text = changed(record, "machine", "hostname", value="kitchen")
    with pytest.raises(MeasurementError, match=r"r\.json: machine: lacks or adds hostname"):
        bench_record_from_json(text, where="r.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("inputs",), 3, "inputs is 3, needed is str"),
        (("artifacts",), {}, "artifacts is {}, needed is a list"),
        (("artifacts", 0, "size_bytes"), True, "size_bytes is true, needed is int"),
        (("artifacts", 0, "samples", "invoke_ns", 1), 1.5, "1.* is 1.5, needed is int"),
        (("artifacts", 0, "facts", "partitions"), "1", 'partitions is "1", needed is int'),
        (("artifacts", 0, "facts"), None, "facts is null, needed is an object"),
        (("plan", "min_runs"), 0, "plan: plan: 0 runs"),
        (("board_before", "throttled"), "0x0", 'throttled is "0x0", needed is int'),
        (("board_before", "clocks", 0, "allowed_hz"), 1.5, "allowed_hz is 1.5, needed is int"),
    ],
)
def test_a_field_of_the_wrong_type_or_value_is_refused_by_name(
    record: BenchRecord, path: tuple[str | int, ...], value: object, message: str
) -> None:
    with pytest.raises(MeasurementError, match=message):
        bench_record_from_json(changed(record, *path, value=value), where="r.json")
