"""The signature of a .tflite: what its input and its outputs are called.

Source: TensorFlow Lite schema, version 3, SignatureDef,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema

KEY = b"serving_default"  # the name that TensorFlow's converter gives


def signature(places: Sequence[int], names: Sequence[str]) -> Any:
    """Return a schema.SignatureDefT.

    Args:
        places: Of the input's tensor and of the outputs'.
        names: Of these.
    """
    made = schema.SignatureDefT()
    made.signatureKey = KEY
    maps = [_tensor_map(name, place) for name, place in zip(names, places, strict=True)]
    made.inputs, made.outputs = maps[:1], maps[1:]
    return made


def _tensor_map(name: str, place: int) -> Any:
    tensor_map = schema.TensorMapT()
    tensor_map.name, tensor_map.tensorIndex = name.encode(), place
    return tensor_map
