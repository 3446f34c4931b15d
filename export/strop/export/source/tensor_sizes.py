"""Refuses a model whose intermediate results would not fit into memory, before it runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from strop.runtime.errors import SourceError

# 1 GiB in float32; the largest of EfficientNet-B7, 600x600x32, has a hundredth of it.
MAX_ELEMENTS = 2**28


def frozen(run: Any, shape: tuple[int | None, ...], *, where: str) -> Any:
    """Trace a function of images, its variables made constants, and check its results' sizes.

    Args:
        run: Takes float32 `shape`, returns a tensor.
        shape: Of the images, with their number.
        where: Named in the error.

    Returns:
        A concrete function of `image`.

    Raises:
        SourceError: A result has over 2**28 elements.
    """
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    concrete = tf.function(run, autograph=False).get_concrete_function(spec)
    made = convert_variables_to_constants_v2(concrete)
    tensors = (t for operation in made.graph.get_operations() for t in operation.outputs)
    sized = ((tensor.name, tensor.shape.as_list()) for tensor in tensors if tensor.shape.rank)
    check_sizes(sized, where)
    return made


def check_sizes(shapes: Iterable[tuple[str, Iterable[int | None]]], where: str) -> None:
    """Check results by their shapes, name and sides; a side that is open counts as 1.

    Raises:
        SourceError: One has over 2**28 elements.
    """
    for name, sides in shapes:
        known = [side or 1 for side in sides]
        if math.prod(known) > MAX_ELEMENTS:
            raise SourceError(
                f"{where}: {name!r} has a result of {'x'.join(map(str, known))}; strop takes up to"
                f" {MAX_ELEMENTS} numbers in one"
            )
