"""Commands and examples of the pages on maps, boxes and points run as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from tests.export.test_every_task import MEMBERS, folder, model
from tests.runtime.fake_cameras import OpenCv

from strop.cli import main
from strop.runtime.detect import average_precision

__all__ = ["folder"]
ROOT = Path(__file__).parents[2]
# The page's model, and which of the small ones stands for it.
PAGES = {"segment": ("net", "map"), "landmarks": ("hands", "points"), "detect": ("ssd", "boxes")}
# MediaPipe's and Ultralytics' files, which are not here.
OF_OTHERS = "_landmark_lite.tflite", "face_detection_short_range.tflite", "yolov8n.onnx"
FAST = ["--effort", "fast", "--keep-failed"]


def commands(page: str) -> list[list[str]]:
    """Every `strop` command of a page's blocks, in order, without comments."""
    text = (ROOT / f"docs/{page}.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"^(?:    )?strop (.*)", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def reader(page: str, folder: Path, tmp_path: Path) -> Path:
    """What the page's reader has: pictures, what is true of them, and a model."""
    name, member = PAGES[page]
    for each in ("images", "photos"):
        (tmp_path / each).symlink_to(folder / "images")
    for each in ("val", "held-out"):  # fewer, since a precision's interval takes long
        shutil.copytree(folder / "images/c0", tmp_path / each / "c0")
    (tmp_path / "val_masks").symlink_to(folder / "masks")
    for each in ("photo.jpg", "hand.jpg"):
        (tmp_path / each).symlink_to(folder / "images/c0/00.png")
    for each in ("val.json", "boxes.json"):
        (tmp_path / each).symlink_to(folder / "boxes.json")
    (tmp_path / "points.csv").symlink_to(folder / "points.csv")
    labels = "kinds.txt" if page == "segment" else "things.txt"
    (tmp_path / "labels.txt").symlink_to(folder / labels)
    model(MEMBERS[member], tmp_path / f"{name}.keras")
    return tmp_path


def test_its_commands_and_its_example_run(
    page: str, reader: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(reader)
    monkeypatch.setattr(average_precision, "DRAWS", 4)
    monkeypatch.setitem(sys.modules, "cv2", OpenCv((9, 90, 200), n_frames=10))
    ran = set()
    for words in commands(page):
        if any(word.endswith(OF_OTHERS) for word in words):
            continue
        # Random weights keep no drop.
        code = 1 if "--max-drop" in words else 0
        assert main([*words, *(FAST if words[0] == "export" else ())]) == code, words
        assert capsys.readouterr().out
        ran.add(words[0])
    assert ran == {"export", "run", "evaluate"}
    assert list(reader.glob("*/photo.*"))
    (example,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / f"docs/{page}.md").read_text(), re.MULTILINE | re.DOTALL
    )
    exec(example, {})
    assert capsys.readouterr().out
