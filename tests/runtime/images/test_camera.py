from __future__ import annotations

import sys
from concurrent import futures
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.fake_cameras import OpenCv, PiCamera2

from strop.runtime.errors import CameraError
from strop.runtime.images.camera import FRAME_SIZE, open_camera

COLOUR = (200, 100, 50)


def install(monkeypatch: pytest.MonkeyPatch, *, cv2: Any = None, picamera2: Any = None) -> None:
    """None in sys.modules is Python's own way to say "not installed"."""
    monkeypatch.setitem(sys.modules, "cv2", cv2)
    monkeypatch.setitem(sys.modules, "picamera2", picamera2)


def test_opencvs_frames_are_rgb_and_share_one_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    cv2 = OpenCv(COLOUR, n_frames=2)
    install(monkeypatch, cv2=cv2)
    with open_camera() as camera:
        assert camera.name == "camera 0 (OpenCV)"
        first = camera.read()
        assert first.shape == (30, 40, 3)
        assert first.dtype == np.uint8
        assert first[0, 0].tolist() == list(COLOUR)
        assert np.shares_memory(camera.read(), first)
    assert cv2.n_released == 1
    assert cv2.settings == {cv2.CAP_PROP_BUFFERSIZE: 1}


def test_picamera2s_frames_are_rgb_and_share_one_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    picamera2 = PiCamera2(COLOUR, n_frames=2)
    install(monkeypatch, picamera2=picamera2)
    with open_camera() as camera:
        assert camera.name == "camera 0 (picamera2)"
        first = camera.read()
        assert first.flags.c_contiguous
        assert first[0, 0].tolist() == list(COLOUR)
        assert camera.read() is first
        assert picamera2.n_held == 0
    # BGR888 is libcamera's name for R, G, B in memory.
    assert picamera2.calls == [{"format": "BGR888", "size": FRAME_SIZE}, "start", "close"]


def test_picamera2_is_preferred_where_both_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        monkeypatch,
        cv2=OpenCv(COLOUR, n_frames=1),
        picamera2=PiCamera2(COLOUR, n_frames=1),
    )
    with open_camera() as camera:
        assert "picamera2" in camera.name


def test_without_a_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(CameraError) as caught, open_camera():
        pass
    message = str(caught.value)
    assert "no camera library can be imported here (picamera2: " in message
    assert "; cv2: " in message
    assert "pip install 'strop[camera]'" in message
    assert "sudo apt install python3-picamera2" in message
    assert "--system-site-packages" in message
    assert caught.value.exit_code == 3


def test_a_library_that_does_not_load_leaves_it_to_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, cv2=OpenCv(COLOUR, n_frames=1))
    monkeypatch.delitem(sys.modules, "picamera2")
    text = "raise ValueError('numpy.dtype size changed')"
    (tmp_path / "picamera2.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with open_camera() as camera:
        assert "OpenCV" in camera.name
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(CameraError, match=r"picamera2: numpy\.dtype size changed"), open_camera():
        pass


def test_a_camera_that_does_not_open_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cv2 = OpenCv(COLOUR, n_frames=1)
    install(monkeypatch, cv2=cv2)
    with (
        pytest.raises(CameraError, match=r"camera 3 \(OpenCV\): does not open; .*ls /dev/video"),
        open_camera(3),
    ):
        pass
    assert cv2.n_released == 1
    install(monkeypatch, picamera2=PiCamera2(COLOUR, n_frames=1))
    with (
        pytest.raises(CameraError, match=r"camera 3 \(picamera2\): .*rpicam-hello --list-cameras"),
        open_camera(3),
    ):
        pass


@pytest.mark.parametrize("error", [TimeoutError, futures.TimeoutError, RuntimeError])
def test_a_camera_that_stops_is_named_and_closed(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    stopped = r"gives no more frames; check its cable and its power supply, and start again"
    cv2 = OpenCv(COLOUR, n_frames=1)
    install(monkeypatch, cv2=cv2)
    with open_camera() as camera:
        camera.read()
        with pytest.raises(CameraError, match=stopped):
            camera.read()
    assert cv2.n_released == 1
    picamera2 = PiCamera2(COLOUR, n_frames=0, error=error)
    install(monkeypatch, picamera2=picamera2)
    with open_camera() as camera, pytest.raises(CameraError, match=stopped):
        camera.read()
    assert picamera2.calls[-1] == "close"
