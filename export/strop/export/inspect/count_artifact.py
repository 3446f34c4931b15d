"""Counts what an artifact computes, from the file alone."""

from __future__ import annotations

from pathlib import Path

from strop.export.inspect.count import Count
from strop.export.inspect.count_onnx import count_onnx
from strop.export.inspect.count_tflite import count_tflite


def count_artifact(path: Path) -> Count | None:
    """Count a file that `audit` can read.

    What an export folds is counted where it went: of batch norm a bias is left, and constants
    of additions and products are parameters too.

    Args:
        path: A .tflite or .onnx file.

    Returns:
        One layer per operation; None where the file lacks shapes or weights.
    """
    return count_onnx(path) if path.suffix == ".onnx" else count_tflite(path)
