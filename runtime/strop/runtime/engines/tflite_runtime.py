"""tflite-runtime, the engine for .tflite on Python 3.11 and below and on 32-bit Pi OS."""

from __future__ import annotations

import os

from strop.runtime.engines.engine import Engine
from strop.runtime.engines.tflite import TfliteEngine
from strop.runtime.engines.tflite_tensors import check_tflite


def open_artifact(path: str | os.PathLike[str], *, num_threads: int) -> Engine:
    """Load a .tflite.

    Raises:
        ArtifactError: `check_tflite` or tflite-runtime refuses the file.
    """
    import tflite_runtime
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    check_tflite(os.fspath(path))
    return TfliteEngine(
        path,
        interpreter_type=Interpreter,
        engine="tflite-runtime",
        version=tflite_runtime.__version__,
        num_threads=num_threads,
        without_delegates=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
