"""Computes a float .tflite of batch 1 for many images, by LiteRT's kernels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from strop.export.ir.graph import Array
from strop.export.tensorflow_logs import native_stderr_held

MOST_THREADS = 4  # one image at a time leaves more of them without work
# Values of an image from which threads are worth it: after each run they spin for a while, which
# took MobileNetV3-Small's export at 64 x 64 a quarter of its processor time.
LARGE = 2**15


class LitertSession:
    """An interpreter, for one caller at a time.

    It is given one image at a time, whose activations stay in the processor's cache: 25 images
    of 224 x 224 take MobileNetV2 0.21 s of processor time, and TensorFlow, all at once, 0.56.

    Attributes:
        shapes: Of its inputs.
        model_bytes: Size of its file.
    """

    def __init__(self, model: bytes) -> None:
        self._lock = Lock()
        self.model_bytes = len(model)
        with native_stderr_held():  # LiteRT says which delegate it made
            self._interpreter = _opened(model)
            self._interpreter.allocate_tensors()
        inputs = self._interpreter.get_input_details()
        self.shapes = [tuple(each["shape"].tolist()) for each in inputs]
        self._inputs = [each["index"] for each in inputs]
        self._outputs = self._interpreter.get_output_details()
        # Views, made anew each time: none may be left when it runs. get_tensor would copy first.
        self._results = [self._interpreter.tensor(each["index"]) for each in self._outputs]

    def run(self, batches: Sequence[Array]) -> list[Array]:
        """Compute all outputs, float32 [N, ...] each, of inputs float32 [N, ...] each.

        Of an output that has K rows for an image, these lie behind each other: [N * K, ...].
        """
        count = len(batches[0])
        shapes = [each["shape"].tolist() for each in self._outputs]
        results = [np.empty((count, *shape), np.float32) for shape in shapes]
        with self._lock:
            for at in range(count):
                for index, batch in zip(self._inputs, batches, strict=True):
                    self._interpreter.set_tensor(index, batch[at : at + 1])
                self._interpreter.invoke()
                for view, result in zip(self._results, results, strict=True):
                    result[at] = view()
        return [
            result.reshape(-1, *shape[1:]) for result, shape in zip(results, shapes, strict=True)
        ]


def _opened(model: bytes) -> Any:
    """Return an interpreter with several threads where an image is large."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    ends = (*interpreter.get_input_details(), *interpreter.get_output_details())
    largest = max(prod(each["shape"].tolist()) for each in ends)
    threads = min(os.cpu_count() or 1, MOST_THREADS)
    if threads == 1 or largest < LARGE:
        return interpreter
    return Interpreter(model_content=model, num_threads=threads)
