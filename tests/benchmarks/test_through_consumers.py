"""The table of consumers is the record's, and each of them is in it by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from consumers.ask import Answer, answer_of
from consumers.catalogue import ROWS, of
from consumers.table import table, tables, with_table
from tests.runtime.tiny_artifacts import COLOURS, onnx_bytes
from through_consumers import Seen, recorded, result, some_of

from strop.export.consumers.readers.images import Images
from strop.export.consumers.readers.snippet import codes
from strop.runtime.errors import OutputError

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "benchmarks/results/consumers.json").read_text())
MODEL = RECORD["models"][0]
PAGE = (ROOT / "docs/consumers.md").read_text()
ROW = of("onnxruntime", "ONNX Runtime", suffixes=(".onnx",))
NO_UV = "#!/bin/sh\necho no wheel for this platform >&2\nexit 1\n"
IMAGES = Images(pixels=np.stack([np.full((16, 16, 3), colour, np.uint8) for colour in COLOURS]))


def test_the_page_has_the_records_table() -> None:
    assert with_table(PAGE, RECORD) == PAGE


def test_every_consumer_has_a_row_for_each_file_that_it_takes() -> None:
    for model in RECORD["models"]:
        found = {(row["consumer"], row["file"]) for row in model["results"]}
        for row in (row for row in ROWS if row.name in RECORD["packages"]):
            for file in model["files"]:
                is_taken = Path(file["name"]).suffix in row.suffixes
                assert ((row.name, file["title"]) in found) is is_taken


def test_a_consumer_answers_or_says_why_not(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.onnx", tmp_path / "bad.onnx"
    good.write_bytes(onnx_bytes(None))
    bad.write_bytes(b"no model")
    assert answer_of(ROW, good, IMAGES) == Answer(classes=(0, 1, 2))
    refused = answer_of(ROW, bad, IMAGES)
    assert refused.classes == ()
    assert "INVALID_PROTOBUF" in refused.refused


def test_a_consumer_that_cannot_be_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text(NO_UV)
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    row = replace(ROW, consumer=replace(ROW.consumer, packages=("no-such-package==1",)))
    answer = answer_of(row, tmp_path / "any.onnx", IMAGES)
    assert answer == Answer(missing="uv: no wheel for this platform")


def test_the_documented_snippet_makes_codes_of_values() -> None:
    details = {"dtype": np.int8, "quantization": (1.0, -128)}
    found = codes(np.array([[0, 1, 255]], np.float32), details)
    assert found.dtype == np.int8
    assert found.tolist() == [[[-128, -127, 127]]]


def test_agreement_is_counted_image_by_image() -> None:
    pixels = np.zeros((3, 1, 1, 3), np.uint8)
    seen = Seen(asked=IMAGES, pixels=pixels, float_classes=np.array([1, 2, 3]))
    row = result("any", "a file", Answer(classes=(1, 2, 0)), seen, np.array([1, 0, 0]))
    assert (row["n"], row["as_strop"], row["as_float"]) == (3, 2, 2)
    refused = result("other", "a file", Answer(refused="no | way"), seen, np.array([1, 0, 0]))
    shown = table({"files": [{"title": "a file"}], "results": [row, refused]})
    assert "| any | 0.667 / 0.667 |" in shown
    assert "| other | refused (1) |" in shown
    assert "1. `no | way`" in shown


def test_a_slow_one_is_asked_about_some_images_and_counted_by_these() -> None:
    pixels = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    seen = Seen(asked=Images(pixels=pixels), pixels=pixels, float_classes=np.arange(10))
    some = some_of(seen, 4)
    assert some.asked.pixels is not None
    assert some.asked.pixels.ravel().tolist() == some.float_classes.tolist() == [0, 3, 6, 9]
    assert some_of(seen, None).pixels is not None
    assert len(some_of(seen, None).pixels) == 10


def test_whoever_is_asked_again_takes_the_place_of_their_rows() -> None:
    rows = [{**row, "as_float": 1} for row in MODEL["results"] if "OpenVINO" in row["consumer"]]
    model = {**MODEL, "results": rows}
    found = recorded(model, RECORD, is_whole=False)["models"][0]
    assert [row["consumer"] for row in found["results"]] == [
        row["consumer"] for row in MODEL["results"]
    ]
    assert [row for row in found["results"] if row["as_float"] == 1] == rows
    with pytest.raises(OutputError, match="of other images"):
        recorded({**model, "images": 1}, RECORD, is_whole=False)


def test_another_model_has_a_table_of_its_own() -> None:
    other = {**MODEL, "model": {"title": "Another", "sha256": ""}, "images": 7}
    record = recorded(other, RECORD, is_whole=True)
    assert [model["model"]["title"] for model in record["models"]] == [
        *(model["model"]["title"] for model in RECORD["models"]),
        "Another",
    ]
    assert "### Another, 7 images" in tables(record)
    assert recorded(other, record, is_whole=True) == record
