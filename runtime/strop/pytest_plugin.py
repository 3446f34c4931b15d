"""The pytest fixture `edge_latency`: `strop check` as a test.

pytest loads this module wherever strop is installed, so it imports nothing before a test
asks for the fixture.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from strop.runtime import Checked, CheckPlan, GateOptions

STRICT = "--edge-latency-strict"
NAME = "strop-edge-latency"


class InconclusiveWarning(UserWarning):
    """A check has shown neither a regression nor a pass."""


class EdgeLatency:
    """What the fixture gives: call it with a file and its baseline.

    Args:
        is_strict: Fail where a check is inconclusive.
    """

    def __init__(self, *, is_strict: bool) -> None:
        self._is_strict = is_strict

    def __call__(
        self,
        model: str | os.PathLike[str],
        baseline: str | os.PathLike[str],
        *,
        plan: CheckPlan | None = None,
        gates: GateOptions | None = None,
        engine: str | None = None,
    ) -> Checked:
        """Fail the test if the model is shown to be slower, larger or less delegated.

        Args:
            model: The new .tflite or .onnx.
            baseline: The released file, or "DIR#MODEL".
            plan: Thresholds and durations; None is that of `strop check`.
            gates: What may change beside the latency; None is nothing.
            engine: Its name; None lets strop choose.

        Returns:
            The decision, with all pairs.

        Raises:
            StropError: Something is missing, cannot be run or cannot be measured.
        """
        from strop.runtime import GateOptions, check

        gates = GateOptions() if gates is None else gates
        report = check(model, baseline, plan=plan, gates=gates, engine=engine)
        (checked,) = report.artifacts
        self._judge(checked, report.plan)
        return checked

    def _judge(self, checked: Checked, plan: CheckPlan) -> None:
        import pytest

        from strop.runtime import Verdict
        from strop.runtime.reporting.paired import summary

        verdict = checked.decision.verdict
        worse = [f"WORSE {each.gate}: {each.text}" for each in checked.changes if each.fails]
        lines = "\n".join([summary(checked, plan), *worse])
        if worse or verdict in (Verdict.REGRESSION, Verdict.INVALID):
            pytest.fail(lines, pytrace=False)
        if verdict is Verdict.INCONCLUSIVE:
            reasons = "; ".join(checked.decision.reasons)
            if self._is_strict:
                pytest.fail(f"{lines}: {reasons}", pytrace=False)
            warnings.warn(f"{lines}: {reasons}; this is no pass", InconclusiveWarning, stacklevel=3)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one option."""
    parser.getgroup("strop").addoption(
        STRICT,
        action="store_true",
        help="edge_latency: an inconclusive check fails its test; by default it warns",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixture; its decorator needs pytest, which is here by now."""
    config.pluginmanager.register(_fixtures(), NAME)


def _fixtures() -> object:
    import pytest

    class Fixtures:
        @pytest.fixture
        def edge_latency(self, pytestconfig: pytest.Config) -> Callable[..., Checked]:
            """Call it with a file and its baseline; a slower file fails the test."""
            return EdgeLatency(is_strict=pytestconfig.getoption(STRICT))

    return Fixtures()
