"""Reads frames of a camera by picamera2 or OpenCV, which are imported when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from strop.runtime.errors import CameraError

FRAME_SIZE = (640, 480)  # of picamera2, width and height; networks look at 224 x 224 or so
MAX_WAIT_S = 10.0  # for a frame; OpenCV's own limit for V4L2 devices


class Camera(Protocol):
    """An opened camera.

    Attributes:
        name: Its number and the library that reads it.
    """

    name: str

    def read(self) -> NDArray[np.uint8]:
        """Wait for the next frame.

        Returns:
            uint8 [H, W, 3], RGB; the next call overwrites it.

        Raises:
            CameraError: It gives no more frames.
        """

    def close(self) -> None:
        """Free the camera; the object is of no use afterwards."""


class OpenCvCamera:
    """A camera read by OpenCV: USB, or whatever else V4L2 offers.

    Attributes:
        name: Its number and the library.
    """

    def __init__(self, cv2: Any, index: int) -> None:
        """Open it.

        Args:
            cv2: The module.
            index: As in /dev/videoN.

        Raises:
            CameraError: It does not open.
        """
        self.name = f"camera {index} (OpenCV)"
        self._cv2 = cv2
        self._bgr: Any = None
        self._rgb: Any = None
        self._capture: Any = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(
                f"{self.name}: does not open; see with ls /dev/video* whether it is there, and"
                " whether another program uses it or you are not in the group video"
            )
        # A frame that has waited in a queue shows what is over; drivers may ignore this.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self) -> NDArray[np.uint8]:
        """Wait for the next frame, as `Camera.read`.

        Raises:
            CameraError: It gives no more frames.
        """
        is_read, self._bgr = self._capture.read(self._bgr)
        if not is_read:
            raise _stopped(self.name)
        self._rgb = self._cv2.cvtColor(self._bgr, self._cv2.COLOR_BGR2RGB, self._rgb)
        frame: NDArray[np.uint8] = self._rgb
        return frame

    def close(self) -> None:
        """Free the camera; the object is of no use afterwards."""
        self._capture.release()


class Picamera2Camera:
    """A camera read by picamera2: on the ribbon cable of a Raspberry Pi, or USB.

    Attributes:
        name: Its number and the library.
    """

    def __init__(self, picamera2: Any, index: int) -> None:
        """Open it and start it with frames of FRAME_SIZE.

        Args:
            picamera2: The module.
            index: In the list of `rpicam-hello --list-cameras`.

        Raises:
            CameraError: It does not open.
        """
        self.name = f"camera {index} (picamera2)"
        self._picamera2 = picamera2
        self._rgb: NDArray[np.uint8] | None = None
        self._camera: Any = None
        try:
            self._camera = picamera2.Picamera2(index)
            # libcamera's BGR888 is R, G, B in memory. Source: Picamera2 manual, 4.2.2.
            main = {"format": "BGR888", "size": FRAME_SIZE}
            self._camera.configure(self._camera.create_video_configuration(main=main))
            self._camera.start()
        except (RuntimeError, IndexError, OSError) as err:  # IndexError: no camera of this number
            self.close()
            raise CameraError(
                f"{self.name}: does not open ({err}); see with rpicam-hello --list-cameras whether"
                " it is there, and whether another program uses it"
            ) from err

    def read(self) -> NDArray[np.uint8]:
        """Wait for the next frame, as `Camera.read`.

        Raises:
            CameraError: It gives no more frames.
        """
        try:
            request = self._camera.capture_request(wait=MAX_WAIT_S)
        except (RuntimeError, OSError, TimeoutError, futures.TimeoutError) as err:
            raise _stopped(self.name) from err
        try:
            with self._picamera2.MappedArray(request, "main") as mapped:
                if self._rgb is None:
                    self._rgb = np.empty(mapped.array.shape, np.uint8)
                np.copyto(self._rgb, mapped.array)
        finally:
            request.release()
        return self._rgb

    def close(self) -> None:
        """Free the camera; the object is of no use afterwards."""
        if self._camera is not None:
            self._camera.close()  # stops it first


# picamera2 first: where it is, OpenCV does not reach the cameras on the ribbon cable.
LIBRARIES: Mapping[str, Callable[[Any, int], Camera]] = MappingProxyType(
    {"picamera2": Picamera2Camera, "cv2": OpenCvCamera}
)


@contextmanager
def open_camera(index: int = 0) -> Iterator[Camera]:
    """Open a camera for a `with` statement, which closes it.

    Args:
        index: As the library counts, from 0.

    Raises:
        CameraError: It does not open, or neither library of LIBRARIES can be imported.
    """
    camera = _opened(index)
    try:
        yield camera
    finally:
        camera.close()


def _opened(index: int) -> Camera:
    reasons: list[str] = []
    for library, opener in LIBRARIES.items():
        try:
            module = import_module(library)
        except (ImportError, ValueError) as err:  # ValueError: built against another NumPy
            reasons.append(f"{library}: {err}")
            continue
        return opener(module, index)
    raise CameraError(
        f"no camera library can be imported here ({'; '.join(reasons)}). For a USB camera run:"
        " pip install 'strop[camera]'. On Raspberry Pi OS run: sudo apt install python3-picamera2,"
        " and make the virtual environment with: python3 -m venv --system-site-packages"
    )


def _stopped(name: str) -> CameraError:
    return CameraError(
        f"{name}: gives no more frames; check its cable and its power supply, and start again"
    )
