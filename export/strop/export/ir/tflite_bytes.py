"""Turns a .tflite's bytes into the schema's objects, and these into bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.flatbuffer_builder import QuickBuilder

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
SPARE = 1 << 16  # bytes beside the buffers, of a model of some hundred operations


def packed(model: Any) -> bytes:
    """Pack a schema.ModelT as a flatbuffer; the same model gives the same bytes."""
    held = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = QuickBuilder(held + SPARE)  # a smaller one is copied each time it doubles
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def unpacked(content: bytes) -> Any:
    """Return a flatbuffer as a schema.ModelT, its tensors' values in it wherever they are.

    AI Edge Quantizer keeps them behind the flatbuffer, as do files beyond 2 GB.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model
