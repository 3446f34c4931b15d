"""LiteRT (ai-edge-litert), the default engine for .tflite."""

from __future__ import annotations

import os

from strop.runtime.engines.tflite import TfliteEngine
from strop.runtime.engines.tflite_tensors import check_tflite


def open_artifact(path: str | os.PathLike[str], *, num_threads: int) -> TfliteEngine:
    """Load a .tflite.

    Raises:
        ArtifactError: `check_tflite` or LiteRT refuses the file.
    """
    import ai_edge_litert
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    check_tflite(os.fspath(path))
    return TfliteEngine(
        path,
        interpreter_type=Interpreter,
        engine="litert",
        version=ai_edge_litert.__version__,
        num_threads=num_threads,
        without_delegates=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
