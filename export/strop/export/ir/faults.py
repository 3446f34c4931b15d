"""Turn what strop's own steps run into on a model into an error with a name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError

from strop.runtime.errors import GraphError, QuantizationError

# What NumPy, onnx and our own code raise, beside TensorFlow, where a graph is not what they expect.
FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    ValidationError,
    InferenceError,
)
ADVICE = "this is a fault of strop; export with --precision float32 and report it"
MOST_CHARACTERS = 200


@contextmanager
def named_faults(name: str, step: str) -> Iterator[None]:
    """Raise what goes wrong inside as an error that names the model and the step.

    Args:
        name: The model's.
        step: What strop is about to do with it, as "read", "quantize".

    Raises:
        GraphError: In the place of any of FAULTS.
        QuantizationError: In the place of an error about memory.
    """
    try:
        yield
    except (MemoryError, _tensorflow_error("ResourceExhaustedError")) as err:
        raise QuantizationError(
            f"{name}: there is not enough memory to {step} this model; use a machine with more, or"
            " a smaller input"
        ) from err
    except (*FAULTS, _tensorflow_error("OpError")) as err:
        raise GraphError(
            f"{name}: strop cannot {step} this model ({type(err).__name__}: {_first_line(err)});"
            f" {ADVICE}"
        ) from err


def _tensorflow_error(name: str) -> type[Exception]:
    """TensorFlow's error of this name; where it has not been imported, one that nothing raises."""
    found = sys.modules.get("tensorflow")
    error: type[Exception] = _NeverError if found is None else getattr(found.errors, name)
    return error


class _NeverError(Exception):
    """Nothing raises it."""


def _first_line(err: BaseException) -> str:
    lines = str(err).strip().splitlines()
    return lines[0][:MOST_CHARACTERS] if lines else "no more is known"
