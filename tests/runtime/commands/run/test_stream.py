"""`strop run` on folders, patterns, standard input and cameras."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pytest
from tests.runtime.fake_cameras import OpenCv
from tests.runtime.tiny_artifacts import COLOURS

from strop.cli import main

# A process that was started in the background ignores SIGINT, which strop would keep.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " from strop.cli import main; sys.exit(main(sys.argv[1:]))"
)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """What the process reads from standard input."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
    return raw


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Any:
    """OpenCV with a camera of four green frames."""
    cv2 = OpenCv(COLOURS[1], n_frames=4)
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setitem(sys.modules, "cv2", cv2)
    return cv2


def records(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def test_a_folder_is_answered_in_a_line_an_image(
    tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tiny_onnx), str(image_folder), "--top", "2"]) == 0
    printed = capsys.readouterr()
    rows = [line.split("  ") for line in printed.out.splitlines()]
    names = [f"{name}/{file}" for name in ("n1", "n2", "n3") for file in ("a.png", "b.BMP")]
    assert [row[0] for row in rows] == [str(image_folder / name) for name in names]
    assert all(row[1].endswith(" ms") for row in rows)
    assert [row[2].split(" ", 1)[1] for row in rows[::2]] == ["n1 red", "n2 green", "n3 blue"]
    assert {len(row) for row in rows} == {4}
    assert printed.err.splitlines()[-1] == "6 images answered, 0 failed"


def test_json_lines_hold_what_the_record_holds_and_the_latency(
    tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [str(image_folder / "n1" / "a.png"), str(image_folder / "n2" / "a.png")]
    assert main(["run", str(tiny_onnx), *images, "--json", "--top", "2"]) == 0
    expected = json.loads(capsys.readouterr().out)
    pattern = str(image_folder / "n[12]" / "*.png")
    assert main(["run", str(tiny_onnx), pattern, "--jsonl", "--top", "2"]) == 0
    found = records(capsys.readouterr().out)
    assert all(record.pop("latency_ns") > 0 for record in found)
    assert [record.pop("engine") for record in found] == [expected["engine"]] * 2
    assert expected["engine"]["kernels"] == "mlas"
    assert found == expected["images"]


def test_a_bad_image_is_an_error_line_and_the_others_are_answered(
    tiny_onnx: Path, image_folder: Path, stdin: io.BytesIO, capsys: pytest.CaptureFixture[str]
) -> None:
    good = image_folder / "n1" / "a.png"
    stdin.write(b"none\x1b[2J.jpg\n" + os.fsencode(good) + b"\n")
    stdin.seek(0)
    assert main(["run", str(tiny_onnx), "-"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{good}  ")
    assert printed.err.splitlines()[-2:] == [
        "error: none\\x1b[2J.jpg: No such file or directory; check the path, needed is an image",
        "1 images answered, 1 failed",
    ]


def test_a_bad_image_is_a_record_among_json_lines(
    tiny_onnx: Path, image_folder: Path, stdin: io.BytesIO, capsys: pytest.CaptureFixture[str]
) -> None:
    good = str(image_folder / "n1" / "a.png")
    stdin.write(b"gr\xc3\xbcn\xff.jpg\n" + os.fsencode(good) + b"\n")
    stdin.seek(0)
    assert main(["run", str(tiny_onnx), "-", "--jsonl"]) == 2
    printed = capsys.readouterr()
    bad, answered = records(printed.out)
    assert os.fsencode(bad["path"]) == b"gr\xc3\xbcn\xff.jpg"
    assert bad["error"].endswith("check the path, needed is an image")
    assert answered["path"] == good
    assert "error:" not in printed.err


def test_no_image_at_all_is_an_error_that_says_what_was_found(
    tiny_onnx: Path, tmp_path: Path, stdin: io.BytesIO, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.gif").touch()
    assert main(["run", str(tiny_onnx), str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert f"error: {tmp_path}: no images, but 1 .gif; needed are files named .jpg" in message
    assert main(["run", str(tiny_onnx), f"{tmp_path}/*.jpg"]) == 2
    assert "*.jpg: no file matches; needed is a pattern of files" in capsys.readouterr().err
    assert main(["run", str(tiny_onnx), "-"]) == 2
    assert "standard input: no path; needed is one path" in capsys.readouterr().err


def test_frames_of_a_camera_are_answered_up_to_their_number(
    tiny_onnx: Path, camera: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tiny_onnx), "--camera", "--frames", "3", "--top", "1"]) == 0
    printed = capsys.readouterr()
    rows = [line.split("  ") for line in printed.out.splitlines()]
    assert [(row[0], row[2].split(" ", 1)[1]) for row in rows] == [
        (f"frame {number}", "n2 green") for number in (1, 2, 3)
    ]
    assert "camera 0 (OpenCV) is open" in printed.err
    assert camera.n_released == 1


def test_a_camera_that_stops_ends_with_3_after_the_summary(
    tiny_onnx: Path, camera: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tiny_onnx), "--camera", "0", "--jsonl"]) == 3
    printed = capsys.readouterr()
    assert [record["frame"] for record in records(printed.out)] == [1, 2, 3, 4]
    summary, error = printed.err.splitlines()[-2:]
    assert summary == "4 images answered, 0 failed"
    assert error.startswith("error: camera 0 (OpenCV): gives no more frames; check its cable")
    assert camera.n_released == 1


def test_a_signal_while_a_frame_is_waited_for_closes_the_camera(
    tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    n_reads = iter(range(9))

    def on_read() -> None:
        if next(n_reads) == 2:
            signal.raise_signal(signal.SIGTERM)

    cv2 = OpenCv(COLOURS[1], n_frames=9, on_read=on_read)
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setitem(sys.modules, "cv2", cv2)
    assert main(["run", str(tiny_onnx), "--camera"]) == 143
    assert "stopped by SIGTERM: 2 images answered, 0 failed" in capsys.readouterr().err
    assert cv2.n_released == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no image given; needed are image files, a folder, a pattern, -, --camera"),
        (("--jsonl",), "no image given; needed are image files"),
        (("a.jpg", "--camera"), "1 images given with --camera, which brings its own"),
        (("--selftest", "--camera"), "--camera given with --selftest; leave one of the two out"),
        (("--selftest", "--jsonl"), "the self-test has one record: give --json"),
        (("a.jpg", "--frames", "3"), "--frames is 3, but there is no camera to count them"),
        (("-", "--json"), "-: a stream, but --json is one record of all images; give --jsonl"),
        (("--camera", "--json"), "--camera: a stream, but --json is one record"),
        (("--camera", "a.jpg"), "a.jpg is no camera's number; put --camera behind the artifact"),
        (("--camera", "--frames", "0"), "'0': needed is a whole number, 1 or more"),
        (("a.jpg", "--json", "--jsonl"), "not allowed with argument"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], message: str
) -> None:
    assert main(["run", str(tiny_onnx), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def endless(image_folder: Path) -> Iterator[IO[bytes]]:
    """The path of one image, line after line, without end."""
    with subprocess.Popen(
        ["yes", image_folder / "n1" / "a.png"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        yield process.stdout
        process.kill()


def start(artifact: Path, stdin: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, "run", str(artifact), "-", "--jsonl"]
    return subprocess.Popen(
        command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_stream_after_a_whole_line(
    tiny_onnx: Path, endless: IO[bytes], number: signal.Signals, code: int
) -> None:
    with start(tiny_onnx, endless) as strop:
        assert strop.stdout is not None
        first = strop.stdout.readline()
        strop.send_signal(number)
        rest, err = strop.communicate(timeout=60)
    assert strop.returncode == code
    printed = (first + rest).decode()
    assert printed.endswith("}\n")
    n_lines = len(records(printed))
    summary = f"stopped by {number.name}: {n_lines} images answered, 0 failed"
    assert err.decode().splitlines()[-1] == summary
    assert b"Traceback" not in err


def test_a_signal_ends_the_wait_for_the_next_line(tiny_onnx: Path, image_folder: Path) -> None:
    with start(tiny_onnx, subprocess.PIPE) as strop:
        assert strop.stdin is not None
        assert strop.stdout is not None
        strop.stdin.write(os.fsencode(image_folder / "n1" / "a.png") + b"\n")
        # Printed at once, though more input may come.
        assert json.loads(strop.stdout.readline())["predictions"][0]["label"] == "n1 red"
        strop.send_signal(signal.SIGINT)
        assert strop.wait(timeout=60) == 130
        assert strop.stderr is not None
        assert b"stopped by SIGINT: 1 images answered, 0 failed" in strop.stderr.read()


def test_a_reader_that_goes_away_ends_the_stream_in_silence(
    tiny_onnx: Path, endless: IO[bytes]
) -> None:
    with start(tiny_onnx, endless) as strop:
        assert strop.stdout is not None
        assert strop.stderr is not None
        strop.stdout.readline()
        strop.stdout.close()
        err = strop.stderr.read()
        assert strop.wait(timeout=60) == 141
    assert b"Traceback" not in err
    assert b"classified" not in err
