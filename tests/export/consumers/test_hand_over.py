"""What is handed over to compilers that quantize themselves: a float model and its images."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from PIL import Image
from tests.export.model_fixtures import SIDE, small_model

from strop.cli import main
from strop.export.bundle.manifest import read_manifest
from strop.export.consumers import hailo, imx500

IMAGES = 7
MOST = {"hailo": (hailo, 1024), "imx500": (imx500, 500)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hand-over")
    small_model().save(folder / "small.keras")
    (folder / "photos").mkdir()
    drawn = np.random.default_rng(3).integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    for at, pixels in enumerate(drawn):
        Image.fromarray(pixels).save(folder / "photos" / f"{at}.png")
    return folder / "small.keras"


def export(model: Path, output: Path, name: str, *flags: str) -> int:
    images = ("--calibration-data", str(model.parent / "photos"), "--resize", "stretch")
    return main(["export", str(model), "--for", name, *images, "-o", str(output), *flags])


@pytest.mark.parametrize("name", MOST)
def test_the_folder_has_the_float_model_and_its_images(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module, most = MOST[name]
    assert most == module.MOST_IMAGES
    monkeypatch.setattr(module, "MOST_IMAGES", 4)
    assert export(model, tmp_path / "out", name) == 0
    manifest = read_manifest(tmp_path / "out")
    (artifact,) = manifest.artifacts
    assert artifact.file == "small.float32.onnx"
    assert manifest.certificate.all_verdicts[0].agreement == 1
    assert manifest.consumer is not None
    delivered = {each.file for each in manifest.consumer.files}
    assert delivered == {"calibration.npy", module.SCRIPT, module.README}

    pixels = np.load(tmp_path / "out" / "calibration.npy", allow_pickle=False)
    # Every second of seven, so that all classes of a sorted folder are among them.
    photos = [Image.open(model.parent / "photos" / f"{at}.png") for at in (0, 2, 4, 6)]
    np.testing.assert_array_equal(pixels, np.stack([np.asarray(photo) for photo in photos]))
    session = onnxruntime.InferenceSession(tmp_path / "out" / artifact.file)
    (image,) = session.get_inputs()
    assert image.shape == [1, 3, SIDE, SIDE]
    floats = pixels.astype(np.float32)
    found = [session.run(None, {image.name: each[None].transpose(0, 3, 1, 2)}) for each in floats]
    expected = keras.models.load_model(model).predict(floats, verbose=0)
    np.testing.assert_allclose(np.concatenate([one for (one,) in found]), expected, atol=1e-5)


@pytest.mark.parametrize("name", MOST)
def test_the_commands_name_files_that_are_there(model: Path, tmp_path: Path, name: str) -> None:
    module, _ = MOST[name]
    out, labels = tmp_path / "out", tmp_path / "names.txt"
    classes = keras.models.load_model(model).output_shape[-1]
    labels.write_text("".join(f"class {at}\n" for at in range(classes)))
    assert export(model, out, name, "--labels", str(labels)) == 0
    assert (out / "labels.txt").read_text() == labels.read_text()
    text = (out / module.README).read_text()
    named = re.findall(r"\S+\.(?:onnx|npy|alls|py|txt)\b", text.replace("`", " "))
    there = {path.name for path in out.iterdir()} | {"small.imx500.onnx"}  # made by the commands
    assert there.issuperset(Path(each).name for each in named)
    assert "$" not in text
    if name == "imx500":
        ast.parse((out / module.SCRIPT).read_text())
    else:
        assert f"calibset_size={IMAGES}" in (out / module.SCRIPT).read_text()
