"""`strop run --draw`: what was found, in image files and in a camera's frames."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.runtime.classify.test_map_answer import write
from tests.runtime.fake_cameras import OpenCv
from tests.runtime.tiny_artifacts import LABELS, onnx_bytes

from strop.cli import main
from strop.runtime.artifact.contract import Contract, ResizeRule, Task
from strop.runtime.images.box_drawing import COLOURS

GREEN = (0, 200, 0)
PLACES = ((0.25, 0.5), (0.75, 0.5))  # in shares of the input


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> OpenCv:
    found = OpenCv(GREEN, n_frames=6)
    module: Any = found
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setitem(sys.modules, "cv2", module)
    return found


@pytest.fixture
def landmarks(tmp_path: Path) -> Path:
    """An artifact that has two points in the same places of every image."""
    scores = np.zeros((4, 4))
    scores[3] = np.array(PLACES).reshape(-1)
    contract = Contract(
        height=16,
        width=16,
        resize=ResizeRule.STRETCH,
        task=Task.LANDMARKS,
        labels=("left", "right"),
        strop_version="1",
    )
    path = tmp_path / "points.onnx"
    path.write_bytes(onnx_bytes(contract, scores=scores))
    return path


def pixels(path: Path) -> NDArray[np.int64]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)


def has_points(drawn: NDArray[np.int64]) -> bool:
    """Whether the middle of each point has its colour; JPEG blurs what is a few pixels small."""
    height, width = drawn.shape[:2]
    found = [drawn[round(y * height), round(x * width)] for x, y in PLACES]
    return all(
        np.abs(one - colour).max() < 80 for one, colour in zip(found, COLOURS[:2], strict=True)
    )


def test_points_are_drawn_into_a_picture_as_it_stands(landmarks: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 400), GREEN).save(tmp_path / "a.jpg", exif=exif)
    folder = tmp_path / "drawn"
    assert main(["run", str(landmarks), str(tmp_path / "a.jpg"), "--draw", str(folder)]) == 0
    drawn = pixels(folder / "a.drawn.jpg")
    assert drawn.shape == (300, 400, 3)
    assert has_points(drawn)


def test_each_frame_of_a_camera_is_drawn_beside_its_line(
    landmarks: Path, camera: OpenCv, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "drawn"
    asked = ["run", str(landmarks), "--camera", "--frames", "3", "--jsonl", "--draw", str(folder)]
    assert main(asked) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["frame"] for line in lines] == [1, 2, 3]
    assert [point["label"] for point in lines[0]["points"]] == ["left", "right"]
    files = sorted(path.name for path in folder.iterdir())
    assert files == [f"frame-{number:06}.jpg" for number in (1, 2, 3)]
    assert all(pixels(folder / name).shape == (30, 40, 3) for name in files)
    assert camera.n_released == 1


def test_pictures_of_an_earlier_run_stay(landmarks: Path, camera: OpenCv, tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    Image.new("RGB", (30, 40), GREEN).save(tmp_path / "a.jpg")
    for asked in ([str(tmp_path / "a.jpg")], ["--camera", "--frames", "1", "--jsonl"]) * 2:
        assert main(["run", str(landmarks), *asked, "--draw", str(folder)]) == 0
    found = {path.name for path in folder.iterdir()}
    assert found == {
        *("a.drawn.jpg", "a-2.drawn.jpg", "frame-000001.jpg", "frame-000001-2.jpg"),
    }


def test_a_class_is_written_into_the_corner(camera: OpenCv, tmp_path: Path) -> None:
    path, folder = tmp_path / "classes.onnx", tmp_path / "drawn"
    path.write_bytes(onnx_bytes(Contract(height=16, width=16, labels=LABELS, strop_version="1")))
    asked = ["run", str(path), "--camera", "--frames", "1", "--top", "1", "--draw", str(folder)]
    assert main(asked) == 0
    drawn = pixels(folder / "frame-000001.jpg")
    assert np.abs(drawn[:8, :20] - GREEN).max() > 100
    assert np.abs(drawn[-4:, -4:] - GREEN).max() < 40


def test_the_colours_of_a_map_are_laid_over_frames(camera: OpenCv, tmp_path: Path) -> None:
    artifact, folder = str(write(tmp_path, "scores")), tmp_path / "drawn"
    flags = ["--resize", "stretch", "--mean", "0", "--std", "1", "--task", "segment"]
    flags += ["--activation", "none"]
    asked = ["run", artifact, "--camera", "--frames", "2", "--draw", str(folder), *flags]
    assert main(asked) == 0
    drawn = pixels(folder / "frame-000002.jpg")
    # Green is class 1, whose colour is dark red; laid over as 60 %.
    assert np.abs(drawn[15, 20] - (77, 80, 0)).max() < 15
