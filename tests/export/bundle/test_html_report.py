"""An export's page says what its manifest says, and loads nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.export.fake_manifest import cost, fake_manifest
from tests.runtime.pages.drawn import Page

from strop.export.bundle.html_report import BARS, export_html
from strop.export.bundle.manifest import Manifest
from strop.runtime.machine.machine import machine


@pytest.fixture
def manifest() -> Manifest:
    return fake_manifest()


def shown(manifest: Manifest) -> Page:
    return Page(export_html(manifest))


def test_the_page_has_certificate_counts_steps_layers_and_machine(manifest: Manifest) -> None:
    texts = shown(manifest).texts
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
        "Tried in float for --max-drop",
        "+20.00 -> +10.00 (at most +30.00)",
        "add images of snow",
        f"all {2 * BARS}",
        machine().python,
    ):
        assert text in texts
    assert "Where the time goes, m.int8.onnx" in texts
    assert "0.60 ms in all, by ONNX Runtime's profile; 0.55 ms without it" in " ".join(texts)
    assert "50.0" in texts  # percent, of the slowest


def test_the_page_loads_and_runs_nothing_whatever_a_layer_is_called(manifest: Manifest) -> None:
    page = shown(manifest)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img"})
    assert {name for _, each in page.tags for name in each}.isdisjoint({"src", "href"})


def test_the_costliest_layers_are_bars_as_long_as_their_cost(manifest: Manifest) -> None:
    paths = [str(each["d"]) for tag, each in shown(manifest).tags if tag == "path"]
    lengths = [float(path.partition("L")[2].split()[0]) - 8 for path in paths]
    *lengths, slowest, second, third = lengths
    assert len(lengths) == BARS
    assert [third / slowest, third / second] == pytest.approx([1 / 3, 1 / 2], rel=0.01)
    # To a tenth of a unit.
    assert [lengths[0] / length for length in lengths] == pytest.approx(
        range(1, BARS + 1), rel=0.01
    )


def test_a_layer_that_costs_nothing_has_no_bar_to_divide_by(manifest: Manifest) -> None:
    flat = replace(manifest, sensitivity=(cost("a", 0.0),))
    assert "all 1" in shown(flat).texts


def test_a_float_export_has_no_layers_to_show(manifest: Manifest) -> None:
    page = shown(replace(manifest, sensitivity=(), int8_steps=()))
    assert "What layers cost" not in page.texts
    assert sum(tag == "svg" for tag, _ in page.tags) == 1  # the times
