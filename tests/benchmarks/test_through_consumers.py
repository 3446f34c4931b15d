"""The table of consumers is the record's, and each of them is in it by name."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from consumers.ask import Answer, ask
from consumers.catalogue import CONSUMERS, Consumer
from consumers.snippet import codes
from consumers.table import table, with_table
from tests.runtime.tiny_artifacts import COLOURS, onnx_bytes
from through_consumers import Seen, merged, result

from strop.runtime.errors import OutputError

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "benchmarks/results/consumers.json").read_text())
PAGE = (ROOT / "docs/consumers.md").read_text()
CONSUMER = Consumer(
    name="ONNX Runtime", module="via_onnxruntime", packages=("onnxruntime",), suffixes=(".onnx",)
)
# Stands for uv: the tests' own Python is the environment.
UV = f"""#!/bin/sh
while [ "$1" != python ]; do shift; done
shift
exec {sys.executable} "$@"
"""
NO_UV = "#!/bin/sh\necho no wheel for this platform >&2\nexit 1\n"


def put_uv(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder / "uv"
    script.write_text(text)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def kept_images(folder: Path) -> Path:
    pixels = np.stack([np.full((16, 16, 3), colour, np.uint8) for colour in COLOURS])
    np.savez(folder / "images.npz", pixels=pixels, paths=["a"] * 3, labels=["x"] * 4)
    return folder / "images.npz"


def test_the_page_has_the_records_table() -> None:
    assert with_table(PAGE, RECORD) == PAGE


def test_every_consumer_has_a_row_for_each_file_that_it_takes() -> None:
    found = {(row["consumer"], row["file"]) for row in RECORD["results"]}
    for consumer in CONSUMERS:
        for file in RECORD["files"]:
            is_taken = Path(file["name"]).suffix in consumer.suffixes
            assert ((consumer.name, file["title"]) in found) is is_taken


def test_a_consumer_answers_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_uv(UV, tmp_path, monkeypatch)
    good, bad = tmp_path / "good.onnx", tmp_path / "bad.onnx"
    good.write_bytes(onnx_bytes(None))
    bad.write_bytes(b"no model")
    images = kept_images(tmp_path)
    assert ask(CONSUMER, good, images) == Answer(classes=(0, 1, 2))
    refused = ask(CONSUMER, bad, images)
    assert refused.classes == ()
    assert "INVALID_PROTOBUF" in refused.refused


def test_a_consumer_that_cannot_be_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_uv(NO_UV, tmp_path, monkeypatch)
    answer = ask(CONSUMER, tmp_path / "any.onnx", tmp_path / "images.npz")
    assert answer == Answer(missing="exit 1: no wheel for this platform")


def test_the_documented_snippet_makes_codes_of_values() -> None:
    details = {"dtype": np.int8, "quantization": (1.0, -128)}
    found = codes(np.array([[0, 1, 255]], np.uint8), details)
    assert found.dtype == np.int8
    assert found.tolist() == [[[-128, -127, 127]]]


def test_agreement_is_counted_image_by_image(tmp_path: Path) -> None:
    seen = Seen(
        kept=tmp_path, pixels=np.zeros((3, 1, 1, 3), np.uint8), float_classes=np.array([1, 2, 3])
    )
    row = result("any", "a file", Answer(classes=(1, 2, 0)), seen, np.array([1, 0, 0]))
    assert (row["n"], row["as_strop"], row["as_float"]) == (3, 2, 2)
    refused = result("other", "a file", Answer(refused="no | way"), seen, np.array([1, 0, 0]))
    shown = table({"files": [{"title": "a file"}], "results": [row, refused]})
    assert "| any | 0.667 / 0.667 |" in shown
    assert "| other | refused (1) |" in shown
    assert "1. `no | way`" in shown


def test_whoever_is_asked_again_takes_the_place_of_their_rows() -> None:
    rows = [{**row, "as_float": 1} for row in RECORD["results"] if "OpenVINO" in row["consumer"]]
    found = merged({**RECORD, "results": rows}, RECORD)
    assert [row["consumer"] for row in found["results"]] == [
        row["consumer"] for row in RECORD["results"]
    ]
    assert [row for row in found["results"] if row["as_float"] == 1] == rows
    with pytest.raises(OutputError, match="of other images"):
        merged({**RECORD, "images": 1, "results": rows}, RECORD)
