"""cv2 and picamera2 as far as strop uses them, with the arguments and results of the real ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]
SIZE = (40, 30)  # width and height
WIDER_ROW = 8  # bytes of padding behind a row of libcamera's buffers


class OpenCv:
    """A cv2 whose camera 0 gives `n_frames` of one RGB colour, and that has no other camera."""

    COLOR_BGR2RGB = 4
    CAP_PROP_BUFFERSIZE = 38

    def __init__(
        self, colour: Colour, *, n_frames: int, on_read: Callable[[], None] = lambda: None
    ) -> None:
        self.colour = colour
        self.n_frames = n_frames
        self.on_read = on_read
        self.settings: dict[int, float] = {}
        self.n_released = 0

    def VideoCapture(self, index: int) -> Capture:  # noqa: N802
        return Capture(self, index)

    def cvtColor(self, source: Pixels, code: int, target: Pixels | None = None) -> Pixels:  # noqa: N802
        assert code == self.COLOR_BGR2RGB
        target = np.empty_like(source) if target is None else target
        np.copyto(target, source[..., ::-1])
        return target


class Capture:
    def __init__(self, cv2: OpenCv, index: int) -> None:
        self.cv2 = cv2
        self.index = index
        self.n_left = cv2.n_frames

    def isOpened(self) -> bool:  # noqa: N802
        return self.index == 0

    def set(self, key: int, value: float) -> bool:
        self.cv2.settings[key] = value
        return False

    def read(self, image: Pixels | None = None) -> tuple[bool, Pixels | None]:
        self.cv2.on_read()
        if not self.n_left:
            return False, None
        self.n_left -= 1
        image = np.empty((SIZE[1], SIZE[0], 3), np.uint8) if image is None else image
        image[...] = self.cv2.colour[::-1]
        return True, image

    def release(self) -> None:
        self.cv2.n_released += 1


class PiCamera2:
    """A picamera2 like `OpenCv`; after its frames it raises `error`."""

    def __init__(
        self, colour: Colour, *, n_frames: int, error: type[Exception] = TimeoutError
    ) -> None:
        self.colour = colour
        self.n_left = n_frames
        self.error = error
        self.calls: list[object] = []
        self.n_held = 0

    def Picamera2(self, camera_num: int = 0) -> PiCamera2:  # noqa: N802
        if camera_num:
            raise IndexError("list index out of range")  # as the real one says it
        return self

    def create_video_configuration(self, *, main: dict[str, object]) -> dict[str, object]:
        return main

    def configure(self, configuration: dict[str, object]) -> None:
        self.calls.append(configuration)

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")

    def capture_request(self, *, wait: float) -> Request:
        assert wait > 0
        if not self.n_left:
            raise self.error
        self.n_left -= 1
        self.n_held += 1
        return Request(self)

    def MappedArray(self, request: Request, stream: str) -> MappedArray:  # noqa: N802
        assert stream == "main"
        return MappedArray(request.picamera2.colour)


class Request:
    def __init__(self, picamera2: PiCamera2) -> None:
        self.picamera2 = picamera2

    def release(self) -> None:
        self.picamera2.n_held -= 1


class MappedArray:
    def __init__(self, colour: Colour) -> None:
        self.array: Pixels = np.empty(0, np.uint8)
        self.colour = colour

    def __enter__(self) -> MappedArray:
        rows = np.zeros((SIZE[1], 3 * SIZE[0] + WIDER_ROW), np.uint8)
        self.array = rows[:, : 3 * SIZE[0]].reshape(SIZE[1], SIZE[0], 3)
        self.array[...] = self.colour
        return self

    def __exit__(self, *_: object) -> None:
        del self.array
