"""The fixture `edge_latency`, in pytest runs of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.runtime.check.judge.test_report import FASTER, PASSED, SLOWER, SPOILED, UNCLEAR
from tests.runtime.check.reports import report_of

from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.measure.samples import Pair
from strop.runtime.check.modes import paired

pytest_plugins = ["pytester"]

TEST = """
def test_latency(edge_latency):
    edge_latency("new.tflite", baseline="old.tflite")
"""
REAL = """
from strop.runtime.check.measure.plan import CheckPlan

def test_latency(edge_latency):
    plan = CheckPlan(
        tolerance=0.8, limit=0.99, stage1_pairs=2, pairs=7, block_duration_s=0.01,
        lead_in_duration_s=0.001, warmup_duration_s=0.05, max_warmup_duration_s=0.1,
        max_invalid_share=0.9, min_valid_quads=1,
    )
    checked = edge_latency({new!r}, {old!r}, plan=plan)
    assert len(checked.pairs) >= 2
"""
# As a user's project has it; here, in one process, warnings would be errors.
ALONE = ("-p", "no:cacheprovider", "-p", "no:xdist", "-W", "default")
Ran = Callable[..., pytest.RunResult]


@pytest.fixture
def ran(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    """Runs a test whose check measured these pairs."""

    def run(pairs: Sequence[Pair], *flags: str, gates: Sequence[Change] = ()) -> pytest.RunResult:
        def check_paired(*_: object, **__: object) -> CheckReport:
            return report_of(tmp_path / "pi", pairs, gates=gates)

        monkeypatch.setattr(paired, "check_paired", check_paired)
        pytester.makepyfile(TEST)
        return pytester.runpytest_inprocess(*ALONE, *flags)

    return run


@pytest.mark.parametrize("pairs", [PASSED, FASTER])
def test_a_file_that_is_no_slower_passes(ran: Ran, pairs: Sequence[Pair]) -> None:
    ran(pairs).assert_outcomes(passed=1)


def test_a_regression_fails_with_the_line_that_check_prints(ran: Ran) -> None:
    found = ran(SLOWER)
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["REGRESSION new0.tflite p50 +10.5 % *16 pairs*"])
    found.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_a_check_that_measured_nothing_fails(ran: Ran) -> None:
    found = ran(SPOILED)
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["INVALID new0.tflite*"])


def test_an_inconclusive_check_warns_and_fails_where_that_is_asked_for(ran: Ran) -> None:
    found = ran(UNCLEAR)
    found.assert_outcomes(passed=1, warnings=1)
    found.stdout.fnmatch_lines(["*INCONCLUSIVE new0.tflite*this is no pass"])
    strict = ran(UNCLEAR, "--edge-latency-strict")
    strict.assert_outcomes(failed=1)
    strict.stdout.fnmatch_lines(["INCONCLUSIVE new0.tflite*: neither a slowdown above*is shown"])


def test_what_is_worse_without_being_slower_fails_by_name(ran: Ran) -> None:
    grown = Change(gate="size", text="1 -> 2 KiB", is_worse=True, is_allowed=False)
    found = ran(PASSED, gates=[grown])
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["WORSE size: 1 -> 2 KiB"])


def test_the_fixture_measures(pytester: pytest.Pytester, tiny_onnx: Path) -> None:
    pytester.makepyfile(REAL.format(new=str(tiny_onnx), old=str(tiny_onnx)))
    pytester.runpytest_inprocess(*ALONE).assert_outcomes(passed=1)


def test_a_missing_baseline_is_named(pytester: pytest.Pytester, tiny_onnx: Path) -> None:
    pytester.makepyfile(REAL.format(new=str(tiny_onnx), old="gone.onnx"))
    found = pytester.runpytest_inprocess(*ALONE)
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*BaselineError: gone.onnx: no such file*"])


def test_pytest_loads_nothing_of_strop_until_the_fixture_is_used() -> None:
    program = (
        "import sys, strop.pytest_plugin;"
        " sys.exit(42 * bool({'pytest', 'numpy', 'strop.runtime'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_pytest_finds_the_plugin_by_itself(pytestconfig: pytest.Config) -> None:
    found = dict(pytestconfig.pluginmanager.list_plugin_distinfo())
    assert "strop.pytest_plugin" in {getattr(plugin, "__name__", "") for plugin in found}
