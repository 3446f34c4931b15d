"""Compute an island's results for a batch of images, by the kernels that it will run on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from strop.export.ir.float_library import Floats, array_of, is_numpy, tf
from strop.export.ir.graph import Array
from strop.export.ir.island import Island
from strop.export.tensorflow_logs import native_stderr_held

MOST_OPEN = 256  # interpreters


def run_island(
    island: Island, result: int, operands: Sequence[Floats], shape: tuple[int, ...]
) -> Floats:
    """One of the results, image by image.

    Args:
        island: The operations.
        result: Which of the outputs.
        operands: float32 [N, ...] each, in the order of its inputs.
        shape: Of the result for one image, [1, ...].

    Returns:
        float32 [N, ...].
    """

    def run(*batches: Array) -> Array:
        return opened_island(island.model).run(result, batches)

    if is_numpy():
        return run(*map(array_of, operands))
    found = tf.numpy_function(run, operands, tf.float32)
    found.set_shape((operands[0].shape[0], *shape[1:]))
    return found


class OpenedIsland:
    """An interpreter, for one caller at a time.

    Attributes:
        shapes: Of its inputs.
    """

    def __init__(self, model: bytes) -> None:
        self._lock = Lock()
        with native_stderr_held():  # LiteRT says which delegate it made
            self._interpreter = Interpreter(model_content=model, num_threads=1)
            self._interpreter.allocate_tensors()
        inputs = self._interpreter.get_input_details()
        self.shapes = [tuple(each["shape"].tolist()) for each in inputs]
        self._inputs = [each["index"] for each in inputs]
        self._outputs = [each["index"] for each in self._interpreter.get_output_details()]

    def run(self, result: int, batches: Sequence[Array]) -> Array:
        """One of the results of float32 [N, ...] each."""
        with self._lock:
            return np.concatenate([self._one(result, one) for one in zip(*batches, strict=True)])

    def _one(self, result: int, operands: Sequence[Array]) -> Array:
        for index, operand in zip(self._inputs, operands, strict=True):
            self._interpreter.set_tensor(index, operand[None])
        self._interpreter.invoke()
        found: Array = self._interpreter.get_tensor(self._outputs[result])
        return found


@lru_cache(maxsize=MOST_OPEN)
def opened_island(model: bytes) -> OpenedIsland:
    """An island's interpreter, made once."""
    return OpenedIsland(model)
