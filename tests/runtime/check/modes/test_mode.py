"""The table of modes, and what a report format may rely on."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.modes.mode import MODES
from strop.runtime.check.modes.request import Mode, Question
from strop.runtime.commands.check.outputs import FORMATS
from strop.runtime.errors import MeasurementError
from strop.runtime.reporting.presentation import Presentation, PresentedArtifact
from strop.runtime.reporting.results import latency_result

# What the least mode gives: no baseline, no gates, nothing that ran.
LEAST = Presentation(
    artifacts=(
        PresentedArtifact(
            name="m.tflite",
            verdict="inconclusive",
            ratio=None,
            created_at=None,
            duration_s=0.0,
            figures={},
            record={"name": "m.tflite"},
            latency=(latency_result(Verdict.INCONCLUSIVE, text="nothing", is_strict=False),),
            rows=(("m.tflite", "inconclusive"),),
        ),
    ),
    heading={"exit_code": None},
    columns=("artifact", "verdict"),
    plan=CheckPlan(),
)


def test_every_mode_has_a_row_and_says_what_it_is_about_to_do() -> None:
    assert set(MODES) == {None, *Mode}
    question = Question(artifacts=(Path("m.tflite"),), plan=CheckPlan(), mode=Mode.PAIRED)
    assert MODES[Mode.PAIRED].settings(question)["mode"] == "paired"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_the_least_that_a_mode_gives(name: str) -> None:
    text = FORMATS[name].render(LEAST)
    assert "m.tflite" in text
    assert text.endswith("\n") or ElementTree.fromstring(text).tag == "testsuites"
    assert "why" in FORMATS[name].render_error(["m.tflite"], MeasurementError("why"))


def test_the_exit_code_stands_where_the_heading_has_it() -> None:
    assert list(LEAST.record.items()) == [("exit_code", 0), ("artifacts", [{"name": "m.tflite"}])]
    assert (LEAST.word, LEAST.largest_ratio, LEAST.measured) == ("inconclusive", None, None)
