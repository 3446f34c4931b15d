"""Packs a .tflite, described by the schema's objects, into its bytes."""

from __future__ import annotations

from typing import Any

import flatbuffers

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"


def packed(model: Any) -> bytes:
    """Pack a schema.ModelT as a flatbuffer; the same model gives the same bytes."""
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())
