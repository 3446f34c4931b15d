"""Commands on a board behind a real sshd: the same results, and no trace of what went wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.remote.ssh_board import (
    MISSING,
    SshBoard,
    bench,
    command_line,
    wait_until,
)
from tests.runtime.tiny_artifacts import onnx_bytes

import strop.runtime
from strop.cli import main
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.golden import Golden
from strop.runtime.bench.record import BENCH_RECORD

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
pytest.importorskip("onnxruntime", reason="onnxruntime, which the board runs, is not installed")

LONG = ("--duration", "600")
PERFORM = "strop.on_board"
# A process that was started in the background ignores SIGINT, which strop would keep.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " from strop.cli import main; sys.exit(main(sys.argv[1:]))"
)


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_bench(artifact: Path, board: SshBoard) -> subprocess.Popen[str]:
    return start("bench", str(artifact), "--target", board.url, *LONG)


def test_a_record_comes_home_as_if_measured_here(
    board: SshBoard, tiny_onnx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "record.json"
    assert bench(tiny_onnx, board, "--output", str(output), "--json") == 0
    printed = capsys.readouterr()
    record = BENCH_RECORD.loads(output.read_text(), where="record")
    (measured,) = record.artifacts
    assert measured.name == tiny_onnx.name
    assert measured.sha256 == sha256_file(tiny_onnx)
    assert len(measured.samples.invoke_ns) >= 30
    (shown,) = json.loads(printed.out)["artifacts"]
    assert shown["n"] == len(measured.samples.invoke_ns)
    assert "1 of 1 files copied" in printed.err
    assert f"artifacts  {tiny_onnx}" in printed.err
    assert wait_until(board.is_empty)


def test_the_second_run_copies_nothing_and_a_damaged_copy_is_replaced(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = []
    code: list[int] = []
    for damage in (False, False, True):
        if damage:
            (board.cache / "files" / sha256_file(tiny_onnx)).write_bytes(b"damaged")
        assert bench(tiny_onnx, board) == 0
        copied += re.findall(r"(\d) of 1 files copied", capsys.readouterr().err)
        code += [path.stat().st_ino for path in (board.cache / "code").iterdir()]
    assert copied == ["1", "0", "1"]
    assert len(code) == 3
    assert len(set(code)) == 1


def test_images_are_those_of_the_folder_here(
    board: SshBoard, tiny_onnx: Path, image_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "record.json"
    images = ("--images", str(image_folder))
    assert bench(tiny_onnx, board, *images, "--output", str(output)) == 0
    record = BENCH_RECORD.loads(output.read_text(), where="record")
    assert record.inputs == f"6 images of {image_folder.name}"


def test_an_evaluation_there_is_the_one_here(
    board: SshBoard, tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(tiny_onnx), str(image_folder), "--against", str(tiny_onnx)]
    for flags in ((), ("--limit", "4")):
        assert main([*words, *flags, "--json"]) == 0
        here = json.loads(capsys.readouterr().out)
        assert main([*words, *flags, "--json", "--target", board.url]) == 0
        assert json.loads(capsys.readouterr().out) == here


def test_classes_there_are_those_here(
    board: SshBoard, tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [str(image_folder / "n1" / "a.png"), str(image_folder / "n3" / "b.BMP")]
    for flags in ((), ("--json",)):
        assert main(["run", str(tiny_onnx), *images, *flags]) == 0
        here = capsys.readouterr().out
        assert main(["run", str(tiny_onnx), *images, *flags, "--target", board.url]) == 0
        assert capsys.readouterr().out == here


def without_latency(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) | {"latency_ns": 0} for line in printed.splitlines()]


def test_a_stream_there_is_the_one_here_with_its_bad_images(
    board: SshBoard,
    tiny_onnx: Path,
    image_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "bad [1].png").write_bytes(b"no image")
    items = [str(image_folder), str(tmp_path / "bad [1].png"), str(tmp_path / "none*.png")]
    assert main(["run", str(tiny_onnx), *items, "--jsonl"]) == 2
    here = capsys.readouterr()
    assert main(["run", str(tiny_onnx), *items, "--jsonl", "--target", board.url]) == 2
    there = capsys.readouterr()
    assert without_latency(there.out) == without_latency(here.out)
    assert (
        there.err.splitlines()[-1] == here.err.splitlines()[-1] == ("6 images answered, 2 failed")
    )
    assert there.err.count("answered") == 1


@pytest.fixture
def golden(tiny_onnx: Path, tmp_path: Path) -> Callable[[int], str]:
    """Golden vectors of the artifact, one of whose codes differs by so much."""

    def write(difference: int) -> str:
        images = np.zeros((2, 16, 16, 3), np.uint8)
        with strop.runtime.open(tiny_onnx) as classifier:
            scores = np.stack([classifier.scores(image) for image in images])
            codes = np.rint(scores / 0.5).astype(np.int16)
            codes[1, 0] -= difference
            vectors = Golden(
                images=images,
                codes=codes,
                steps=(0.5,),
                bound=0,
                kernels={sha256_file(tiny_onnx): classifier.facts.kernels},
                strop_version="0.1.0",
            )
        path = tmp_path / "some.golden.npz"
        path.write_bytes(vectors.to_bytes())
        return str(path)

    return write


@pytest.mark.parametrize(("difference", "code"), [(0, 0), (3, 1)])
def test_the_selftest_judges_the_board(
    board: SshBoard,
    tiny_onnx: Path,
    golden: Callable[[int], str],
    difference: int,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["run", str(tiny_onnx), "--selftest", "--golden", golden(difference), "--json"]
    assert main(words) == code
    here = capsys.readouterr().out
    assert main([*words, "--target", board.url]) == code
    printed = capsys.readouterr()
    assert printed.out == here
    assert printed.err.count("largest code difference") == 1


CAMERA = f"""\
import sys
sys.path.append({os.fspath(Path(__file__).parents[3])!r})
from tests.runtime.fake_cameras import OpenCv
sys.modules["cv2"] = OpenCv((0, 255, 0), n_frames=1_000_000)
"""


@pytest.fixture
def camera(board: SshBoard) -> None:
    """OpenCV on the board's PYTHONPATH, with a camera."""
    (board.home / "cv2.py").write_text(CAMERA)
    board.login('export PYTHONPATH="$HOME"')


@pytest.mark.usefixtures("camera")
def test_the_camera_is_the_boards(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(tiny_onnx), "--camera", "--frames", "2", "--top", "1", "--jsonl"]
    assert main([*words, "--target", board.url]) == 0
    answers = without_latency(capsys.readouterr().out)
    assert [answer["frame"] for answer in answers] == [1, 2]
    assert {answer["predictions"][0]["label"] for answer in answers} == {"n2 green"}


@pytest.mark.usefixtures("camera")
def test_a_stream_without_end_is_ended_by_ctrl_c(board: SshBoard, tiny_onnx: Path) -> None:
    words = ("run", str(tiny_onnx), "--camera", "--jsonl", "--target", board.url)
    with start(*words) as here:
        assert here.stdout is not None
        for number in (1, 2, 3):
            assert json.loads(here.stdout.readline())["frame"] == number
        here.send_signal(signal.SIGINT)
        rest, said = here.communicate(timeout=30)
    assert here.returncode == 130
    assert rest == "" or rest.endswith("\n")
    assert "stopped by SIGINT" in said
    assert wait_until(board.is_empty)


def test_the_boards_doctor_is_shown(board: SshBoard, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--target", board.url, "--json"]) == 0
    there = json.loads(capsys.readouterr().out)
    assert main(["doctor", "--json"]) == 0
    here = json.loads(capsys.readouterr().out)
    assert there["engines"] == here["engines"]
    assert there["machine"]["cpu_model"] == here["machine"]["cpu_model"]


def test_an_error_there_names_the_file_here(
    board: SshBoard, image_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = tmp_path / "bare.onnx"
    artifact.write_bytes(onnx_bytes(None))
    assert bench(artifact, board, "--images", str(image_folder)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: ssh://board: {artifact}: no contract inside")


def test_a_login_that_greets_does_no_harm(board: SshBoard, tiny_onnx: Path) -> None:
    board.login("echo Welcome; echo; printf 'no line end'")
    assert bench(tiny_onnx, board) == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_an_interrupted_measurement_leaves_nothing_running(
    board: SshBoard, tiny_onnx: Path, number: int, code: int
) -> None:
    with start_bench(tiny_onnx, board) as here:
        assert board.measures(here)
        here.send_signal(number)
        assert here.wait(timeout=30) == code
        assert wait_until(board.is_empty)
        assert wait_until(lambda: board.sessions() == [])


def test_a_lost_connection_is_said_and_leaves_nothing_running(
    board: SshBoard, tiny_onnx: Path
) -> None:
    with start_bench(tiny_onnx, board) as here:
        assert board.measures(here)
        for session in board.sessions():
            os.kill(session, signal.SIGKILL)
        said = here.communicate(timeout=30)
    assert here.returncode == 3
    assert said[0] == ""
    assert "ssh://board: the connection was lost in the middle" in said[1]
    assert "Traceback" not in said[1]
    assert wait_until(board.is_empty)


def test_a_copy_that_is_cut_short_leaves_no_file(
    board: SshBoard, tiny_onnx: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(1 << 28)
    with start("run", str(tiny_onnx), str(large), "--target", board.url) as here:
        sizes: list[int] = []

        def is_half_copied() -> bool:
            sizes[:] = [path.stat().st_size for path in board.cache.glob("files/.partial.*")]
            return any(size > 1 << 20 for size in sizes)

        assert wait_until(is_half_copied)
        for session in board.sessions():
            os.kill(session, signal.SIGKILL)
        said = here.communicate(timeout=30)[1]
    assert here.returncode == 3
    assert "the connection was lost in the middle" in said
    assert wait_until(board.is_empty)
    # The artifact, which was whole, and strop itself may be there, but nothing else.
    assert not (board.cache / "files" / sha256_file(large)).exists()


def test_what_strop_is_killed_by_is_said(board: SshBoard, tiny_onnx: Path) -> None:
    with start_bench(tiny_onnx, board) as here:
        assert board.measures(here)
        killed = [pid for pid in board.processes() if PERFORM in command_line(pid)]
        os.kill(killed[0], signal.SIGKILL)
        said = here.communicate(timeout=30)[1]
    assert here.returncode == 3
    assert "was killed by signal 9 there" in said
    assert wait_until(board.is_empty)
