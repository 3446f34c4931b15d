"""Absolute limits: held, missed or neither; on made-up processes, and once on a real file."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.runtime.check.pairs import MS
from tests.runtime.check.solos import solo
from tests.runtime.commands.check.test_check import SHORT

from strop import cli
from strop.runtime.check.judge.slo import SloVerdict, judge_slo, slo_from_text
from strop.runtime.check.measure.plan import CheckPlan, Metric
from strop.runtime.check.measure.samples import NOT_KNOWN
from strop.runtime.check.measure.solo import Solo
from strop.runtime.check.modes import budget
from strop.runtime.check.modes.budget import FORMAT
from strop.runtime.commands.check import question
from strop.runtime.errors import MeasurementError

PLAN = CheckPlan()
# 10 in 100 take twice as long: 160 samples a process.
TAIL = [[MS] * 18 + [2 * MS] * 2] * 8


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        ("p95<=2ms", SloVerdict.HELD),
        ("p50<=1ms", SloVerdict.HELD),
        ("p95<=1.9ms", SloVerdict.MISSED),
        ("p90<=1.5ms", SloVerdict.INCONCLUSIVE),
        ("p99.9<=9ms", SloVerdict.INCONCLUSIVE),  # 1,280 inferences are too few
    ],
)
def test_a_limit_is_held_missed_or_neither(limit: str, verdict: SloVerdict) -> None:
    assert judge_slo([solo(TAIL)] * 8, slo_from_text(limit), PLAN).verdict is verdict


def test_one_process_of_another_speed_decides_nothing() -> None:
    fast, slow = solo([[MS] * 200] * 8), solo([[2 * MS] * 200] * 8)
    for processes in ([fast] * 7 + [slow], [slow] * 7 + [fast]):
        found = judge_slo(processes, slo_from_text("p50<=1.5ms"), PLAN)
        # All inferences together lie far on one side.
        assert found.high_ns == found.low_ns
        assert found.verdict is SloVerdict.INCONCLUSIVE


def test_too_few_processes_miss_no_limit() -> None:
    slow = solo([[2 * MS] * 200] * 8)
    verdicts = [judge_slo([slow] * n, slo_from_text("p50<=1ms"), PLAN).verdict for n in (6, 7)]
    assert verdicts == [SloVerdict.INCONCLUSIVE, SloVerdict.MISSED]
    two = judge_slo([slow] * 7, slo_from_text("p50<=1ms"), PLAN, slos=2)
    assert two.verdict is SloVerdict.INCONCLUSIVE


def test_a_limit_at_the_processes_centre_is_called_missed_in_one_of_a_hundred() -> None:
    draw = random.Random(0)
    missed = 0
    for _ in range(1000):
        # Processes differ by 3 %, inferences within one by 1 %.
        centres = [draw.gauss(MS, 0.03 * MS) for _ in range(8)]
        processes = [
            solo([[round(draw.gauss(centre, 0.01 * MS)) for _ in range(40)]]) for centre in centres
        ]
        verdict = judge_slo(processes, slo_from_text("p50<=1ms"), PLAN).verdict
        missed += verdict is SloVerdict.MISSED
    assert missed <= 10


def test_what_disturbs_the_machine_misses_no_limit_but_may_spoil_a_pass() -> None:
    calm, disturbed = [[MS] * 20] * 7, [[9 * MS] * 20]
    found = judge_slo([solo(calm + disturbed, invalid=1)] * 8, slo_from_text("p95<=2ms"), PLAN)
    assert found.verdict is SloVerdict.INCONCLUSIVE
    assert found.low_ns == MS
    assert found.high_ns == found.worst_process_ns == 9 * MS


def test_a_limit_that_too_few_blocks_count_for_is_invalid_unless_all_hold_it() -> None:
    processes = [solo([[2 * MS] * 20] * 8, invalid=3)] * 8
    assert judge_slo(processes, slo_from_text("p95<=1ms"), PLAN).verdict is SloVerdict.INVALID
    assert judge_slo(processes, slo_from_text("p95<=2ms"), PLAN).verdict is SloVerdict.HELD


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "CheckPlan", lambda: SHORT)


@pytest.mark.usefixtures("short")
def test_a_real_file_is_held_against_limits_and_the_report_is_kept(
    tiny_onnx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "r.json"
    limits = ("--slo", "p95<=10s", "--slo", "p50<=1us")
    assert cli.main(["check", str(tiny_onnx), *limits, "--output", str(output)]) == 1
    held, missed = capsys.readouterr().out.splitlines()
    assert held.startswith("HELD tiny.int8.onnx p95<=10s: ")
    assert missed.startswith("MISSED tiny.int8.onnx p50<=1us: ")
    assert "inferences of 8 processes, the worst " in held
    report = FORMAT.loads(output.read_text(), where="r.json")
    (checked,) = report.artifacts
    assert sum(len(b.samples.invoke_ns) for s in checked.processes for b in s.blocks) >= 130
    assert FORMAT.dumps(report) == output.read_text()
    older = json.loads(output.read_text()) | {"format_version": 1}
    del older["plan"]["metric"]
    processes = older["artifacts"][0]["processes"]
    for block in chain.from_iterable(each["blocks"] for each in processes):
        for name in NOT_KNOWN:
            del block["samples"][name]
    read = FORMAT.loads(json.dumps(older), where="r.json")
    assert read.plan == replace(report.plan, metric=Metric.WALL)
    samples = read.artifacts[0].processes[0].blocks[0].samples
    assert samples.invoke_ns == checked.processes[0].blocks[0].samples.invoke_ns
    assert (samples.invoke_cpu_ns, samples.waits) == ((), 0)


@pytest.mark.usefixtures("short")
def test_every_limit_is_a_test_for_ci(
    tiny_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    junit, table = tmp_path / "j.xml", tmp_path / "t.md"
    limits = ("--slo", "p95<=10s", "--slo", "p50<=1us")
    files = ("--junit", str(junit), "--markdown", str(table))
    assert cli.main(["check", str(tiny_onnx), *limits, *files]) == 1
    (suite,) = ElementTree.fromstring(junit.read_text())
    held, missed = suite.iter("testcase")
    assert held.attrib["name"] == "tiny.int8.onnx p95<=10s"
    assert held.find("failure") is None
    (failure,) = missed
    assert failure.attrib["message"].startswith("MISSED tiny.int8.onnx p50<=1us: ")
    rows = [line for line in table.read_text().splitlines() if "tiny.int8.onnx</code>" in line]
    assert "| p95\\<=10s | **held** |" in rows[0]
    assert "| p50\\<=1us | **missed** |" in rows[1]
    assert outputs.read_text() == "verdict=missed\nratio=\n"


@pytest.mark.usefixtures("short")
def test_json_has_the_findings_and_the_exit_code(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(tiny_onnx), "--slo", "p95<=10s", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["mode"], record["exit_code"]) == ("budget", 0)
    assert record["artifacts"][0]["findings"][0]["verdict"] == "held"


Measured = Callable[..., None]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Puts made-up processes in the place of a measurement."""

    def put(*processes: Solo) -> None:
        monkeypatch.setattr(budget, "_measure", lambda *_, **__: processes)

    return put


def test_what_shows_nothing_warns_and_is_3_where_that_is_strict(
    measured: Measured, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(*[solo(TAIL)] * 8)
    words = ["check", str(tiny_onnx), "--slo", "p90<=1.5ms"]
    assert cli.main(words) == 0
    assert "is neither shown to be held nor to be missed" in capsys.readouterr().err
    assert cli.main([*words, "--strict"]) == 3


def test_an_invalid_check_is_3_and_names_the_causes(
    measured: Measured, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(*[solo(TAIL, invalid=8)] * 8)
    assert cli.main(["check", str(tiny_onnx), "--slo", "p90<=1.5ms"]) == 3
    assert "64 of 64 blocks do not count (hot: 64)" in capsys.readouterr().err


def test_a_budget_for_too_few_processes_is_an_error_that_says_enough(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(tiny_onnx), "--slo", "p50<=1s", "--budget", "0.1"]) == 3
    assert "is enough for 0, needed are 7: fewer may be lucky" in capsys.readouterr().err


def test_another_file_is_no_report() -> None:
    with pytest.raises(MeasurementError, match="needed is what strop check --slo --output"):
        FORMAT.loads("{}", where="r.json")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--slo", "p95<=fast"), "needed is a percentile"),
        (("--slo", "p95<=1ms", "--baseline", "old.onnx"), "two questions, with two answers"),
        (("--slo", "p95<=1ms", "--max-drop", "1"), "--slo and --max-drop: limits are of latency"),
        (("--slo", "p95<=1ms", "--allow", "size"), "--slo and --allow: limits are of latency"),
        (("--slo", "p95<=1ms", "--mode", "paired"), "limits are for --mode budget alone"),
        (("--mode", "budget"), "no limit is given"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert cli.main(["check", "new.onnx", *words]) == 2
    assert message in capsys.readouterr().err
