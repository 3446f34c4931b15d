"""`strop export` of a .tflite from its path to the bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.tflite_files.nets import SIDE, changed, half_weights, open_batch, plain, saved
from tests.runtime.artifact.foreign_artifacts import metadata_bytes, with_metadata

from strop.cli import main
from strop.runtime.artifact.artifact import read_contract

LABELS = ("cat", "dog", "emu", "fox", "gnu")


def test_a_file_becomes_a_bundle_with_what_it_says_of_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = changed(plain(), half_weights, open_batch)
    named = with_metadata(content, metadata_bytes(), {"labels.txt": "\n".join(LABELS).encode()})
    path, pictures, output = saved(named, tmp_path), tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    for at, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (40, 2, 2, 3))):
        image = Image.fromarray(pixels.astype(np.uint8)).resize((SIDE, SIDE))
        image.save(pictures / f"{at}.png")
    flags = ("--effort", "fast", "--precision", "int8,float32", "--calibration-data", str(pictures))
    assert main(["export", str(path), *flags, "-o", str(output)]) == 0
    assert "mean 127.5, std 127.5, 5 labels" in capsys.readouterr().err
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["source"]["engine"] == "litert"
    assert manifest["source"]["mean"] == [127.5] * 3
    verdicts = {each["artifact"]: each for each in manifest["certificate"]["verdicts"]}
    floats = [verdicts[f"net.float32.{form}"]["agreement"] for form in ("tflite", "onnx")]
    assert floats == [1.0, 1.0]
    tflite, onnx = (verdicts[f"net.int8.{form}"]["agreement"] for form in ("tflite", "onnx"))
    assert tflite == onnx > 0.8
    contract = read_contract(output / "net.int8.onnx")
    assert contract is not None
    assert (contract.labels, contract.resize.value) == (LABELS, "stretch")
