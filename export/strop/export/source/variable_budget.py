"""Refuses a model whose variables are larger than the file that fills them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from strop.export.source.load_errors import LOAD_ERRORS
from strop.runtime.errors import SourceError

# States of random generators and counters, which files need not hold.
FREE_BYTES = 64 * 2**20


@contextmanager
def variable_budget(stored_bytes: int, *, where: str) -> Iterator[None]:
    """Refuse to make variables that the file does not hold, before they are allocated.

    A configuration of a kilobyte can ask for layers of terabytes. The variables' sizes are
    found by running their initializers in a graph, which allocates nothing.

    Args:
        stored_bytes: Of the weights in the file.
        where: Named in the error, usually the file's path.

    Raises:
        SourceError: The variables made inside have over twice as many bytes as the file
            stores (and over 64 MiB).
    """
    limit = 2 * stored_bytes + FREE_BYTES  # twice: half precision becomes float32
    graph = tf.Graph()
    made = 0
    refusals: list[SourceError] = []

    def creator(next_creator: Callable[..., Any], **arguments: Any) -> Any:
        nonlocal made
        initial = arguments["initial_value"]
        if callable(initial):
            with graph.as_default():
                value = initial()
            made += value.shape.num_elements() * value.dtype.size
            if made > limit:
                refusals.append(
                    SourceError(
                        f"{where}: its layers need over {made - 1} bytes of weights, and the file"
                        f" holds {stored_bytes}; save the model again"
                    )
                )
                raise refusals[0]
        return next_creator(**arguments)

    try:
        with tf.variable_creator_scope(creator):
            yield
    except LOAD_ERRORS as err:
        if refusals:  # Keras puts errors of its layers into its own
            raise refusals[0] from err
        raise
