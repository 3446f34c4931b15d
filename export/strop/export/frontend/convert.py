"""Turns a source into its float graph, by way of a float .tflite."""

from __future__ import annotations

import numpy as np

from strop.export.frontend.half_weights import with_half_weights
from strop.export.frontend.read_tflite import read_tflite
from strop.export.ir.graph import Graph
from strop.export.options.choices import Precision
from strop.export.source.source import Source
from strop.runtime.errors import SourceError


def convert(source: Source, precision: Precision = Precision.FLOAT32) -> bytes:
    """Return a source as a .tflite: float32 image in, the model's own output.

    Args:
        source: The model. TensorFlow's converter writes it, unless strop has read it from a file
            of another program.
        precision: FLOAT32, FLOAT16 (weights stored as float16) or DYNAMIC (int8 weights,
            activations quantized image by image as the kernels run).

    Raises:
        SourceError: The converter refuses the model, or the precision is one that it alone writes.
    """
    if source.tflite is None:
        from strop.export.frontend.tensorflow_converter import converted  # loads TensorFlow

        return converted(source, precision)
    if precision is Precision.FLOAT16:
        return with_half_weights(source.tflite)
    if precision is not Precision.FLOAT32:
        raise SourceError(
            f"{source.name}: TensorFlow's converter writes {precision.value}, and it does not read"
            f" files of other programs; leave out --precision {precision.value}"
        )
    return source.tflite


def float_graph(source: Source) -> Graph:
    """Canonicalize a source at batch 1 into a float graph.

    Raises:
        SourceError: The converter refuses the model, or a constant of it is not finite.
        QuantizationError: The model holds an operation that strop cannot write.
    """
    return read_converted(convert(source), name=source.name)


def read_converted(float_tflite: bytes, *, name: str) -> Graph:
    """Read what `convert` wrote; `name` is the model's, for errors as of `float_graph`."""
    graph = read_tflite(float_tflite)
    _check_finite(graph, name)
    return graph


def _check_finite(graph: Graph, name: str) -> None:
    for tensor in graph.tensors.values():
        if tensor.data is not None and not np.isfinite(tensor.data).all():
            bad = int(np.count_nonzero(~np.isfinite(tensor.data)))
            raise SourceError(
                f"{name}: {bad} of {tensor.data.size} weights of {tensor.name} are NaN or"
                " infinite; train again, or restore a checkpoint from before they were"
            )
