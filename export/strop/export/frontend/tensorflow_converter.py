"""Freezes and converts a source with TensorFlow and its converter."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python.convert_phase import ConverterError

from strop.export.ir.tflite_bytes import packed
from strop.export.ir.tflite_signature import signature
from strop.export.options.choices import Precision
from strop.export.source.memory_limits import Frozen
from strop.export.source.source import Source
from strop.export.tensorflow_logs import native_stderr_dropped, native_stderr_held
from strop.runtime.errors import SourceError

# TensorFlow prefixes its operations' names in what it says of them.
OPERATION_PREFIX = "tf."
CALLS = ("StatefulPartitionedCall", "PartitionedCall")  # functions, which say nothing of a place


def freeze(source: Source) -> Frozen:
    """Turn a source into a TensorFlow graph of one image, its variables made constants.

    Keras 3 keeps variables as resources; left in, the converter emits VAR_HANDLE for each.

    Args:
        source: The model; its `forward` takes float32 [N, H, W, C] pixels, 0..255.

    Returns:
        A function of `image`, float32 [1, H, W, C].

    Raises:
        SourceError: A result in it has over 2**28 elements.
    """
    with native_stderr_held():  # of a TensorFlow that the user imported, with its log lines on
        made: Frozen = source.batch_of_one()
    return made


def converted(source: Source, precision: Precision) -> bytes:
    """Convert a source to TFLite: float32 image in, the model's own output.

    Args:
        source: The model.
        precision: FLOAT32, FLOAT16 (weights stored as float16) or DYNAMIC (int8 weights,
            activations quantized image by image as the kernels run).

    Raises:
        SourceError: The converter refuses the model.
    """
    try:
        # On a model that it does not take, the converter writes pages of MLIR.
        with native_stderr_dropped():
            # Of TensorFlow 1: its successor freezes once more, which takes longer than all else.
            frozen = freeze(source)
            converter = tf.compat.v1.lite.TFLiteConverter(
                frozen.graph_def(), [frozen.image], frozen.outputs
            )
            # Of how it was converted; adding it reads and writes the file twice in Python.
            converter.exclude_conversion_metadata = True
            if precision is not Precision.FLOAT32:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision is Precision.FLOAT16:
                converter.target_spec.supported_types = [tf.float16]
            model: bytes = converter.convert()
        if len(source.sizes) > 1:
            model = _named(model, source.names)
    except ConverterError as err:
        raise SourceError(f"{source.name}: {_unconverted(err)}") from err
    except (TypeError, ValueError, RuntimeError, tf.errors.OpError) as err:
        first_line = str(err).strip().splitlines()[0]
        raise SourceError(
            f"{source.name}: TensorFlow's converter does not take this model ({first_line});"
            " replace the layer that it names"
        ) from err
    return model


def _named(tflite: bytes, names: Sequence[str]) -> bytes:
    """Call input and outputs as the source does, in a signature: the converter numbers them."""
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    (subgraph,) = model.subgraphs
    places = [int(place) for place in (*subgraph.inputs, *subgraph.outputs)]
    model.signatureDefs = [signature(places, names)]
    return packed(model)


def _unconverted(err: ConverterError) -> str:
    """Name the operations that have no TFLite operation, and where they are."""
    found: dict[str, str] = {}
    for entry in err.errors:
        operation = entry.operator.name.removeprefix(OPERATION_PREFIX)
        place = next((call.name for call in entry.location.call if call.name), "")
        place = "/".join(part for part in place.split("/") if not part.startswith(CALLS))
        if operation:
            found.setdefault(operation, place)
    named = ", ".join(f"{operation} at {place!r}" for operation, place in found.items() if place)
    listed = named or ", ".join(found) or str(err).strip().splitlines()[0]
    return (
        f"TensorFlow's converter knows no TFLite operation for {listed}; replace it by layers that"
        " have one"
    )
