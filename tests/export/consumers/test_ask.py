"""A reader runs in a process of its own; whatever comes back is checked."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from strop.export.consumers import ask
from strop.export.consumers.environment import Environment
from strop.export.consumers.readers.images import Images
from strop.runtime.errors import ConsumerError

HERE = Environment(python=Path(sys.executable), versions={})
PIXELS = Images(pixels=np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3), labels=("a", "b c"))


def asked(folder: Path, body: str, images: Images = PIXELS) -> list[list[float]]:
    reader = folder / "reader.py"
    reader.write_text(f"import numpy as np, os, sys, time\ndef scores(path, images):\n    {body}\n")
    scores = ask.ask(reader, HERE, folder / "model.tflite", images)
    assert scores.dtype == np.float32
    return [[float(score) for score in row] for row in scores]


def test_the_reader_sees_pixels_labels_and_the_file(tmp_path: Path) -> None:
    assert asked(tmp_path, "return images.pixels.reshape(2, -1)[:, :2]") == [[0, 1], [12, 13]]
    told = 'assert images.labels == ("a", "b c") and path.name == "model.tflite"; '
    assert asked(tmp_path, told + "return np.ones((2, 1))") == [[1], [1]]


def test_the_reader_sees_files_under_names_of_any_script(tmp_path: Path) -> None:
    paths = (tmp_path / "ä b.png", tmp_path / "-rf.png")
    body = "return np.array([[len(path.name)] for path in images.paths])"
    assert asked(tmp_path, body, Images(paths=paths)) == [[7], [7]]
    assert asked(tmp_path, "return [[images.pixels is None]]", Images(paths=paths[:1])) == [[1]]


def test_a_reader_has_nothing_of_strop_but_its_room(tmp_path: Path) -> None:
    body = "from strop.export.consumers.readers import images as room; return [[1], [1]]"
    assert asked(tmp_path, body) == [[1], [1]]
    with pytest.raises(ask.RefusedError, match=r"No module named 'strop\.runtime'"):
        asked(tmp_path, "import strop.runtime")


@pytest.mark.parametrize("setting", [None, "0"])
def test_onnxruntime_is_silent_in_a_reader_unless_the_user_lets_it(
    setting: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    if setting is not None:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", setting)
    body = 'return [[int(os.environ["ORT_DISABLE_TELEMETRY"])]] * 2'
    assert asked(tmp_path, body) == [[int(setting or "1")]] * 2


def test_a_refusal_is_in_the_programs_own_words(tmp_path: Path) -> None:
    with pytest.raises(ask.RefusedError, match=r"^ValueError: got INT8 want UINT8$"):
        asked(tmp_path, r'print("chat"); raise ValueError("got INT8\n want UINT8")')


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("os._exit(3)", "reader: exit code 3"),
        ("os.kill(os.getpid(), 9)", "reader: killed by signal 9"),
        ("return np.ones(2)", r"float32 \[2\]; needed is float32 \[2, scores\]"),
        ("return np.ones((3, 4))", r"float32 \[3, 4\]; needed is float32 \[2, scores\]"),
        ("return np.full((2, 4), np.nan)", "NaN or infinite scores"),
        ("return np.array([[{}], [{}]])", "TypeError: float"),
        ("return np.ones((2, 70_000))", "the program gave no scores"),
    ],
)
def test_what_is_no_answer_ends_in_one_line(tmp_path: Path, body: str, error: str) -> None:
    with pytest.raises(ConsumerError, match=error) as found:
        asked(tmp_path, body)
    assert "\n" not in str(found.value)


def test_an_answer_with_objects_is_not_read(tmp_path: Path) -> None:
    body = "np.save(sys.argv[4], np.array([{}], object), allow_pickle=True); os._exit(0)"
    with pytest.raises(ConsumerError, match="another header than NumPy writes"):
        asked(tmp_path, body)


def test_a_program_that_hangs_is_killed_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "START_S", 1.0)
    monkeypatch.setattr(ask, "IMAGE_S", 0.0)
    left = tmp_path / "left"
    child = f"import time, pathlib; time.sleep(3); pathlib.Path({str(left)!r}).touch()"
    body = f"import subprocess; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    with pytest.raises(ConsumerError, match="no answer within 1 s"):
        asked(tmp_path, body)
    time.sleep(3)
    assert not left.exists()
