"""Which library computes in float: TensorFlow, or NumPy where the model does not come from it.

`tf` has the functions of either under TensorFlow's names. Which one is decided for the length of a
`with`, by whoever opens the model: a graph is executed by one library from its proof to its
certificate, and one that never needs TensorFlow never imports it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from strop.export.ir.graph import Array

Floats = Any
"""A tensor of the library: TensorFlow's, or a NumPy array. `array_of` makes an array of it."""

_is_numpy: ContextVar[bool] = ContextVar("_is_numpy", default=False)


@contextmanager
def float_library(*, is_numpy: bool) -> Iterator[None]:
    """Compute with NumPy inside, or with TensorFlow."""
    token = _is_numpy.set(is_numpy)
    try:
        yield
    finally:
        _is_numpy.reset(token)


def is_numpy() -> bool:
    """Whether NumPy computes."""
    return _is_numpy.get()


def array_of(values: Floats) -> Array:
    """Return the numbers of a tensor; those of TensorFlow are not copied."""
    return np.asarray(values)


def library_errors(name: str) -> type[Exception]:
    """TensorFlow's error of this name; where it has not been imported, one that nothing raises."""
    found = sys.modules.get("tensorflow")
    error: type[Exception] = _NeverError if found is None else getattr(found.errors, name)
    return error


class _NeverError(Exception):
    """Nothing raises it."""


class _Chosen:
    """The chosen library's functions."""

    def __getattr__(self, name: str) -> Any:
        if _is_numpy.get():
            from strop.export.ir.numpy_library import LIBRARY

            return getattr(LIBRARY, name)
        import tensorflow

        return getattr(tensorflow, name)


tf = _Chosen()
