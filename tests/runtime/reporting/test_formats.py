"""What other tools read of a measurement is what strop says of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyperf
import pytest
from prometheus_client.openmetrics import parser
from tests.runtime.bench.test_validity import CALM, bench_record, every
from tests.runtime.check.judge.test_report import PASSED, SLOWER, SPOILED
from tests.runtime.check.pairs import MS, pair
from tests.runtime.check.reports import report_of

from strop import cli
from strop.runtime.bench.latency import LatencySamples
from strop.runtime.bench.record import BenchRecord
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.modes import paired
from strop.runtime.commands.bench import bench
from strop.runtime.history.measured import Measured, measured_by_bench, measured_by_check
from strop.runtime.machine.board import board_state
from strop.runtime.reporting.formats import (
    bencher_json,
    openmetrics_text,
    pyperf_json,
    smaller_is_better_json,
)

SAMPLES_NS = tuple(range(1_000_000, 1_100_000, 1_000))  # 100, p50 is 1.049 ms


@pytest.fixture
def record(tmp_path: Path) -> BenchRecord:
    found = bench_record(board_state(tmp_path), every(5, CALM, CALM, CALM, CALM, CALM))
    samples = LatencySamples(warmup_ns=(), invoke_ns=SAMPLES_NS, blocks=(100,))
    artifact = replace(found.artifacts[0], samples=samples)
    few = replace(artifact, samples=replace(samples, invoke_ns=(1,), blocks=(1,)), name="few.onnx")
    return replace(found, created_at="2026-01-31T12:00:00Z", artifacts=(artifact, few, artifact))


@pytest.fixture
def report(tmp_path: Path) -> CheckReport:
    return report_of(tmp_path / "pi", SLOWER, PASSED)


def loaded(measured: Measured, folder: Path) -> pyperf.BenchmarkSuite:
    path = folder / "pyperf.json"
    path.write_text(pyperf_json(measured))
    return pyperf.BenchmarkSuite.load(str(path))


def test_pyperf_loads_a_bench_record_with_its_statistics(
    record: BenchRecord, tmp_path: Path
) -> None:
    suite = loaded(measured_by_bench(record), tmp_path)
    assert suite.get_benchmark_names() == ["m.tflite", "m.tflite (2)"]
    found = suite.get_benchmark("m.tflite")
    assert found.get_nrun() == 1
    assert found.get_values() == tuple(ns / 1e9 for ns in SAMPLES_NS)
    assert found.median() == pytest.approx(statistics.median(SAMPLES_NS) / 1e9, rel=1e-12)
    assert found.mean() == pytest.approx(statistics.fmean(SAMPLES_NS) / 1e9, rel=1e-12)
    assert found.stdev() == pytest.approx(statistics.stdev(SAMPLES_NS) / 1e9, rel=1e-9)
    assert found.get_unit() == "second"
    assert found.get_dates()[0].isoformat() == "2026-01-31T12:00:00"


def test_pyperf_loads_a_check_with_a_run_for_each_process(
    report: CheckReport, tmp_path: Path
) -> None:
    suite = loaded(measured_by_check(report), tmp_path)
    new, old = suite.get_benchmark("new0.tflite"), suite.get_benchmark("old.tflite (baseline)")
    assert (new.get_nrun(), old.get_nrun()) == (16, 16)
    # Four quads of two blocks of five in every process.
    assert new.get_nvalue() == 16 * 40
    assert old.median() == pytest.approx(5e-3)
    decision = report.artifacts[0].decision
    assert new.median() / old.median() == pytest.approx(decision.ratio)


def test_pyperf_gets_only_what_counts(tmp_path: Path) -> None:
    spoiled = [pair(0.1, valid=3), *[pair(0.1)] * 15]
    found = measured_by_check(report_of(tmp_path / "pi", spoiled))
    runs = loaded(found, tmp_path).get_benchmark("new0.tflite").get_runs()
    assert [len(run.values) for run in runs] == [30, *[40] * 15]


def test_bencher_gets_nanoseconds_with_their_interval(record: BenchRecord) -> None:
    found = json.loads(bencher_json(measured_by_bench(record)))
    assert list(found) == ["m.tflite", "m.tflite (2)"]
    latency = found["m.tflite"]["latency"]
    assert latency["value"] == 1_049_000
    # Order statistics 40 and 61 of 100: the 95 % interval of a median.
    assert (latency["lower_value"], latency["upper_value"]) == (1_039_000, 1_060_000)
    assert found["m.tflite"]["file-size"] == {"value": 1}
    assert "ratio" not in found["m.tflite"]


def test_bencher_gets_the_ratio_of_a_check_and_no_baseline(report: CheckReport) -> None:
    found = json.loads(bencher_json(measured_by_check(report)))
    assert list(found) == ["new0.tflite", "new1.tflite"]
    decision = report.artifacts[0].decision
    assert found["new0.tflite"]["ratio"] == {
        "value": decision.ratio,
        "lower_value": decision.low,
        "upper_value": decision.high,
    }


def test_openmetrics_is_read_back_by_prometheus(report: CheckReport, record: BenchRecord) -> None:
    hostile = 'a "b"\\n.tflite'
    measured = measured_by_check(report)
    first = replace(measured.latencies[0], name=hostile)
    text = openmetrics_text(replace(measured, latencies=(first, *measured.latencies[1:])))
    found = {
        (sample.name, sample.labels["artifact"]): sample.value
        for family in parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }
    assert first.ratio is not None
    assert found["strop_p50_seconds", hostile] == pytest.approx(first.p50_ns / 1e9)
    assert found["strop_p50_ratio", hostile] == first.ratio.value
    assert found["strop_size_bytes", "new1.tflite"] == 3_500_000
    assert {name for _, name in found} == {hostile, "new1.tflite"}  # no baseline
    assert "strop_p50_ratio" not in openmetrics_text(measured_by_bench(record))


def test_smaller_is_better_gets_milliseconds_and_ratios(report: CheckReport) -> None:
    found = json.loads(smaller_is_better_json(measured_by_check(report)))
    assert [(entry["name"], entry["unit"]) for entry in found] == [
        ("new0.tflite p50", "ms"),
        ("new0.tflite p50 against the baseline", "ratio"),
        ("new1.tflite p50", "ms"),
        ("new1.tflite p50 against the baseline", "ratio"),
    ]
    assert found[0]["value"] == pytest.approx(5.525855)
    assert found[1]["value"] == pytest.approx(1.105171)
    assert found[2] == {
        "name": "new1.tflite p50",
        "unit": "ms",
        "value": 5.0,
        "range": "5 to 5",
        "extra": "Raspberry Pi 4 Model B Rev 1.4\nlitert 2.3.0, threads: 1\nstrop 0.1.0,"
        " abababababababab",
    }


def test_the_interval_of_a_check_is_over_processes(tmp_path: Path) -> None:
    pairs = [pair(0.0, p50_ns=(5 * MS) + i * 1000) for i in range(6)]
    found = measured_by_check(report_of(tmp_path / "pi", pairs)).latencies[0]
    assert found.interval_ns is not None
    # All six: fewer order statistics are no 95 % interval.
    assert (found.interval_ns.low, found.interval_ns.high) == (5_000_000, 5_005_000)


def test_names_that_are_no_text_become_text(record: BenchRecord, tmp_path: Path) -> None:
    artifact = replace(record.artifacts[0], name="a\udcff\x00\n.tflite")
    measured = measured_by_bench(replace(record, artifacts=(artifact,)))
    shown = "a\\udcff\\x00\\n.tflite"
    assert loaded(measured, tmp_path).get_benchmark_names() == [shown]
    assert list(json.loads(bencher_json(measured))) == [shown]


Put = Callable[[CheckReport], None]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a made-up report in the place of a measurement."""
    return lambda report: monkeypatch.setattr(paired, "check_paired", lambda *_, **__: report)


def ended(*words: str) -> int:
    return cli.main(["check", "n.tflite", "--baseline", "o.tflite", *words])


def test_a_check_is_exported_to_every_file_that_is_asked_for(
    put: Put, report: CheckReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(replace(report, artifacts=report.artifacts[:1]))
    kinds = ("pyperf", "bencher", "smaller-is-better", "openmetrics")
    words = [word for kind in kinds for word in ("--export", f"{kind}={tmp_path / kind}")]
    assert ended(*words) == 1
    assert pyperf.BenchmarkSuite.load(str(tmp_path / "pyperf")).get_benchmark_names() == [
        *("new0.tflite", "old.tflite (baseline)")
    ]
    assert list(json.loads((tmp_path / "bencher").read_text())) == ["new0.tflite"]
    assert len(json.loads((tmp_path / "smaller-is-better").read_text())) == 2
    # What exists is refused before anything is measured.
    assert ended(*words) == 2
    assert "--force to overwrite" in capsys.readouterr().err


def test_what_does_not_count_is_no_point_on_a_dashboard(
    put: Put, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.json"
    path.write_text("of another run")
    put(report_of(tmp_path / "pi", SPOILED))
    assert ended("--export", f"bencher={path}", "--force") == 3
    assert not path.exists()
    told = capsys.readouterr().err
    assert "new0.tflite: not exported, for the run does not count" in told
    assert "b.json: not written, for nothing counts" in told


def test_a_bench_is_exported_without_what_has_no_p50(
    record: BenchRecord,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "_measure", lambda request, output: record)
    path = tmp_path / "b.json"
    assert cli.main(["bench", "m.tflite", "--export", f"bencher={path}"]) == 0
    assert list(json.loads(path.read_text())) == ["m.tflite", "m.tflite (2)"]
    assert "few.onnx: not exported, for its p50 is not known" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["csv=f", "pyperf", "pyperf=", "=f"])
def test_an_export_of_another_form_is_refused_with_the_choices(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("--export", text) == 2
    assert "is not FORMAT=FILE with one of pyperf, bencher" in capsys.readouterr().err
