"""`strop export` of an .onnx where TensorFlow is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.onnx_files.layers import LAYERS, WIDTH
from tests.export.onnx_files.networks import SIDE, Net
from tests.export.onnx_files.test_layers import saved

# None in sys.modules is Python's own way to say "not installed".
EXPORT = """
import sys
MISSING = ("tensorflow", "keras", "tf2onnx", "h5py")
sys.modules.update(dict.fromkeys(MISSING))
from strop.cli import main
sys.exit(main(sys.argv[1:]))
"""
IMAGES = 40


def export(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", EXPORT, "export", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    coarse = np.random.default_rng(0).integers(0, 256, (IMAGES, 3, 3, 3), np.uint8)
    for at, pixels in enumerate(coarse):
        Image.fromarray(pixels).resize((SIDE, SIDE)).save(folder / f"{at}.png")
    return folder


def test_a_model_is_exported_in_both_formats(tmp_path: Path, pictures: Path) -> None:
    net = Net()
    x = net.add("Relu", net.conv("image", 3, WIDTH))
    for name in ("depthwise", "gate of a mean", "shuffled", "layer norm", "gelu, half last"):
        x, _ = LAYERS[name](net, x)
    path = saved(net.model(net.add("Softmax", net.scores(x, WIDTH))), tmp_path)
    output = tmp_path / "out"
    ended = export(
        path,
        "--mean",
        "120",
        "--std",
        "60",
        "--calibration-data",
        pictures,
        "--precision",
        "int8,float32,float16",
        "-o",
        output,
    )
    assert ended.returncode == 0, ended.stderr
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["source"]["engine"] == "onnxruntime"
    files = [artifact["file"] for artifact in manifest["artifacts"]]
    both = ["net.int8.tflite", "net.int8.onnx", "net.float32.tflite", "net.float32.onnx"]
    assert files == [*both, "net.float16.tflite"]
    verdicts = {each["artifact"]: each for each in manifest["certificate"]["verdicts"]}
    assert verdicts["net.float32.tflite"]["agreement"] == 1.0
    assert verdicts["net.float32.onnx"]["agreement"] == 1.0
    assert verdicts["net.int8.tflite"]["agreement"] == verdicts["net.int8.onnx"]["agreement"]
    assert verdicts["net.int8.tflite"]["agreement"] >= 0.8
