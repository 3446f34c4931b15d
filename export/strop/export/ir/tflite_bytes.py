"""Packs a .tflite, described by the schema's objects, into its bytes."""

from __future__ import annotations

from typing import Any

import flatbuffers

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
SPARE = 1 << 16  # bytes beside the buffers, of a model of some hundred operations


def packed(model: Any) -> bytes:
    """Pack a schema.ModelT as a flatbuffer; the same model gives the same bytes."""
    held = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = flatbuffers.Builder(held + SPARE)  # a smaller one is copied each time it doubles
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())
