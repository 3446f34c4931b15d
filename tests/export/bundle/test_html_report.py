"""An export's page says what its manifest says, and loads nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.export.fake_manifest import COUNT, cost, fake_manifest
from tests.export.sweep.test_report import Page

from strop.export.bundle.html_report import BARS, export_html
from strop.runtime.machine.machine import machine


@pytest.fixture
def record() -> dict[str, Any]:
    return fake_manifest()


def shown(record: dict[str, Any]) -> Page:
    return Page(export_html(json.dumps(record), {"m.int8.tflite": COUNT, "m.int8.onnx": None}))


def test_the_page_has_certificate_counts_steps_layers_and_machine(record: dict[str, Any]) -> None:
    texts = shown(record).texts
    for text in (
        "certified on 400 validation images, by strop 0.1.0",
        "83.00 %",
        "+1.00 [-1.00, +2.00]",
        "3.00",
        "7.00",
        "2.500",
        "ranges",
        "0.125 of 2.500",
        "BatchNormalization",
        "add images of snow",
        f"all {2 * BARS}",
        machine().python,
    ):
        assert text in texts
    assert "Where the time goes, m.int8.onnx" in texts
    assert "0.60 ms in all, by ONNX Runtime's profile; 0.55 ms without it" in " ".join(texts)
    assert "50.0" in texts  # percent, of the slowest


def test_the_page_loads_and_runs_nothing_whatever_a_layer_is_called(record: dict[str, Any]) -> None:
    page = shown(record)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img"})
    assert {name for _, each in page.tags for name in each}.isdisjoint({"src", "href"})


def test_the_costliest_layers_are_bars_as_long_as_their_cost(record: dict[str, Any]) -> None:
    paths = [str(each["d"]) for tag, each in shown(record).tags if tag == "path"]
    lengths = [float(path.partition("L")[2].split()[0]) - 8 for path in paths]
    *lengths, slowest, second, third = lengths
    assert len(lengths) == BARS
    assert [third / slowest, third / second] == pytest.approx([1 / 3, 1 / 2], rel=0.01)
    # To a tenth of a unit.
    assert [lengths[0] / length for length in lengths] == pytest.approx(
        range(1, BARS + 1), rel=0.01
    )


def test_a_layer_that_costs_nothing_has_no_bar_to_divide_by(record: dict[str, Any]) -> None:
    record["sensitivity"] = [cost("a", 0.0)]
    assert "all 1" in shown(record).texts


def test_a_float_export_has_no_layers_to_show(record: dict[str, Any]) -> None:
    record["sensitivity"], record["int8_steps"] = [], []
    page = shown(record)
    assert "What layers cost" not in page.texts
    assert sum(tag == "svg" for tag, _ in page.tags) == 1  # the times
