"""TensorFlow Lite Micro's own interpreter, with its reference kernels, on this computer.

Source: https://github.com/tensorflow/tflite-micro, python/tflite_micro/README.md
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tflite_micro.python.tflite_micro.runtime import Interpreter

from strop.export.consumers.readers.images import Images

ARENA_BYTES = 1 << 28  # of this computer; far above what a microcontroller has


def opened(content: bytes, arena_bytes: int) -> Any:
    """Open a file with an arena of this size.

    Raises:
        RuntimeError: It does not, with the first thing that it says, which is the cause.
    """
    with tempfile.TemporaryFile() as said:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            return Interpreter.from_bytes(content, arena_size=arena_bytes)
        except RuntimeError as err:
            said.seek(0)
            lines = said.read().decode(errors="replace").splitlines()
            raise RuntimeError(lines[0] if lines else str(err)) from err
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def answer(interpreter: Any, pixels: NDArray[np.uint8], outputs: int) -> NDArray[np.float32]:
    """Run one image, uint8 [H, W, channels]; float32 [scores], of so many outputs.

    The codes that a file was certified with are the bytes, for int8 less 128.
    """
    dtype = interpreter.get_input_details(0)["dtype"]
    codes = pixels if dtype == np.uint8 else (pixels ^ np.uint8(128)).view(np.int8)
    interpreter.set_input(np.expand_dims(codes, 0), 0)
    interpreter.invoke()
    return np.concatenate([_result(interpreter, output) for output in range(outputs)])


def _result(interpreter: Any, output: int) -> NDArray[np.float32]:
    found = interpreter.get_output(output).reshape(-1).astype(np.float32)
    quantization = interpreter.get_output_details(output)["quantization_parameters"]
    if len(quantization["scales"]):
        found -= np.float32(quantization["zero_points"][0])
        found *= np.float32(quantization["scales"][0])
    row: NDArray[np.float32] = found
    return row


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """What it gives for each image; every core takes a share of them."""
    content = path.read_bytes()
    pixels = images.pixels
    if pixels is None:
        raise ValueError("TensorFlow Lite Micro opens no image files")
    interpreter = opened(content, ARENA_BYTES)
    outputs = len(images.outputs) or 1  # it does not say how many there are
    first = answer(interpreter, pixels[0], outputs)
    shared = RawArray("f", len(pixels) * len(first))
    rows = np.frombuffer(shared, np.float32).reshape(len(pixels), -1)
    cores = max(1, min(len(pixels), multiprocessing.cpu_count()))

    def fill(begin: int) -> None:
        for at in range(begin, len(pixels), cores):
            rows[at] = answer(interpreter, pixels[at], outputs)

    # A fork has the interpreter too, with an arena of its own from its first write on.
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=fill, args=(begin,)) for begin in range(cores)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError(f"a process ended with {[worker.exitcode for worker in workers]}")
    return rows
