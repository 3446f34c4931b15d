"""An export's page says what its manifest says, and loads nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.export.fake_manifest import cost, fake_manifest
from tests.runtime.pages.drawn import Page, without_programs

from strop.export.bundle.answer_pictures import Compared
from strop.export.bundle.charts import BARS, layer_names
from strop.export.bundle.html_report import export_html
from strop.export.bundle.manifest import Manifest
from strop.export.inspect.contents import Delegation
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.regression_error import OutputError
from strop.runtime.machine.machine import machine
from strop.runtime.statistics.intervals import Interval


@pytest.fixture
def manifest() -> Manifest:
    return fake_manifest()


def shown(manifest: Manifest) -> Page:
    return Page(export_html(manifest))


def test_the_page_has_certificate_counts_steps_layers_and_machine(manifest: Manifest) -> None:
    texts = shown(manifest).texts
    for text in (
        "2 files, by strop 0.1.0",
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


def test_the_page_begins_with_one_picture_and_the_certificate_in_a_sentence(
    manifest: Manifest,
) -> None:
    page = shown(manifest)
    points = {row["series"]: row for row in page.charts[0]["data"]["values"]}
    assert list(points) == ["m.int8.tflite", "m.int8.onnx", "float model as float32 .tflite"]
    assert {row["y"] for row in points.values()} == {99.0, 100.0}
    assert (points["m.int8.tflite"]["y_low"], points["m.int8.tflite"]["y_high"]) == (97, 99.5)
    assert "2 ms [1.8, 2.2]" in points["m.int8.onnx"]["details"]
    tags = [tag for tag, _ in page.tags]
    assert tags.index("figure") < tags.index("h2") < tags.index("table")
    (sentence,) = (text for text in page.texts if text.startswith("Certified"))
    assert sentence == (
        "Certified on 400 validation images, with 95 % confidence: each of the 2 files gives the"
        " float model's top-1 for at least 97.00 % of such images, and loses at most 2.00 points"
        " of right answers."
    )
    assert any("m.int8.onnx takes 2 ms for an image" in text for text in page.texts)


def test_the_page_says_what_flatters_and_what_splits_a_file(manifest: Manifest) -> None:
    split = Delegation(partitions=2, undelegated=(), is_whole=False)
    artifacts = (replace(manifest.artifacts[0], delegation=split), *manifest.artifacts[1:])
    flattering = replace(manifest.certificate, data="calibration")
    page = shown(replace(manifest, artifacts=artifacts, certificate=flattering))
    assert "reason unknown" in page.texts
    text = " ".join(page.texts)
    assert "these are the images that the ranges were chosen on" in text
    assert "kernels may differ by one code at gate; no scale" in text


def test_the_float_model_is_shown_once(manifest: Manifest) -> None:
    made = replace(manifest, float_latency=manifest.artifacts[0].latency)
    assert len(shown(made).charts[0]["data"]["values"]) == 2


def test_a_manifest_without_latencies_has_no_picture_of_them(manifest: Manifest) -> None:
    old = tuple(replace(each, latency=None) for each in manifest.artifacts)
    page = shown(replace(manifest, artifacts=old, float_latency=None))
    assert len(page.charts) == 3
    assert not any("for an image" in text for text in page.texts)


def test_the_frontier_is_drawn_with_the_chosen_files_filled(manifest: Manifest) -> None:
    page = shown(manifest)
    int8, chosen = page.charts[1]["data"]["values"]
    assert (int8["x"], int8["y"]) == (1, 20)
    assert (chosen["x"], chosen["y"]) == (pytest.approx(1.3 / 0.9), 24)
    (words,) = {text for text in page.texts if text.startswith("2 sums, ") and "spared" in text}
    assert words.endswith("spared (weights)")
    assert not any("More of" in text for text in shown(_without_frontier(manifest)).texts)


def _without_frontier(manifest: Manifest) -> Manifest:
    return replace(manifest, float_layers=replace(manifest.float_layers, frontier=None))


def test_the_picture_of_a_regression_shows_its_largest_mean_error(manifest: Manifest) -> None:
    error = OutputError(
        output="angle",
        mean=0.5,
        mean_interval=Interval(low=0.4, high=0.6),
        largest=2.0,
        beyond=0.01,
        spread=20.0,
        constant=15.0,
        truth_mean=None,
        reference_truth_mean=None,
        drop=0.025,
        drop_interval=Interval(low=0.02, high=0.03),
        constant_drop=0.7,
    )
    found = manifest.certificate.verdicts[0]
    verdict = replace(
        found,
        agreement=None,
        agreement_interval=None,
        errors=(replace(error, spread=0.0), error),
    )
    certificate = replace(
        manifest.certificate, task=Task.REGRESS, verdicts=(verdict,), float_top1=None
    )
    page = shown(replace(manifest, certificate=certificate))
    made, reference = page.charts[0]["data"]["values"]
    assert (made["y"], made["y_low"], made["y_high"]) == pytest.approx((2.5, 2, 3))
    assert reference["y"] == 0
    assert any("grows by at most 2.00 %" in text for text in page.texts)


def test_the_page_runs_its_charts_only_whatever_a_layer_is_called(manifest: Manifest) -> None:
    page = shown(manifest)
    assert len(page.programs) == 1
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "img"})
    assert {name for _, each in page.tags for name in each}.isdisjoint({"src", "href"})
    assert "<script>alert" not in without_programs(export_html(manifest))


def test_pictures_are_bytes_of_the_page_whatever_a_file_is_called(manifest: Manifest) -> None:
    name = '"><script>alert(1)</script>'
    pair = Compared(name=name, file=name, of_float=b"a", of_file=b"b", difference=f"{name} 1")
    text = export_html(manifest, [pair])
    page = Page(text)
    sources = [each["src"] for tag, each in page.tags if tag == "img"]
    assert sources == ["data:image/jpeg;base64,YQ==", "data:image/jpeg;base64,Yg=="]
    assert "<script>alert" not in without_programs(text)
    assert f"{name}: {name} 1" in page.texts
    assert page.texts.count(name) == 1
    assert "img-src data:" in page.policy


def test_the_costliest_layers_are_bars_as_long_as_their_cost(manifest: Manifest) -> None:
    _, _, costs, times = (chart["data"]["values"] for chart in shown(manifest).charts)
    assert [row["value"] for row in costs] == [0.5 / (i + 1) for i in range(BARS)]
    assert [row["value"] for row in times] == [300, 200, 100]
    assert costs[0]["details"].startswith(
        "layer: </style>"
    )  # the layer's whole path is in the details


def test_layers_are_named_by_the_end_that_tells_them_apart() -> None:
    names = {
        "net_1/block_1/conv_1": "conv_1",
        "net_1/block_1/add_1/Add": "add_1/Add",
        "net_1/block_2/conv_2": "block_2/conv_2",
        "net_1/block_3/conv_2": "block_3/conv_2",
        "conv_3": "conv_3",
        "net_1/conv_3": "net_1/conv_3",
        "dense": "dense",
        "image/columns": "image/columns",
    }
    assert layer_names(names) == names


def test_a_layer_that_costs_nothing_has_a_bar_of_no_length(manifest: Manifest) -> None:
    flat = replace(manifest, sensitivity=(cost("a", 0.0),))
    assert "all 1" in shown(flat).texts


def test_a_float_export_has_no_layers_to_show(manifest: Manifest) -> None:
    page = shown(replace(manifest, sensitivity=(), int8_steps=()))
    assert "What layers cost" not in page.texts
    assert (
        sum(tag == "figure" for tag, _ in page.tags) == 3
    )  # the picture, the frontier and the times
