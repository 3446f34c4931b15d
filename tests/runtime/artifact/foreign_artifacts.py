"""TFLite metadata as other programs write it, by flatbuffers' own builder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

NORMALIZATION, SCORE_CALIBRATION = 1, 2
DESCRIPTIONS, TENSOR_AXIS_LABELS = 1, 2
File = tuple[str, int, str]  # its name, type and locale


def metadata_bytes(
    *,
    mean: Sequence[float] = (127.5,),
    std: Sequence[float] = (127.5,),
    files: Sequence[File] = (("labels.txt", TENSOR_AXIS_LABELS, ""),),
    output_units: Sequence[int] = (),
) -> bytes:
    """A ModelMetadata with one input and one output."""
    builder = flatbuffers.Builder(512)
    mean_at, std_at = _floats(builder, mean), _floats(builder, std)
    options = _table(builder, 2, {0: mean_at, 1: std_at})
    units = [_unit(builder, NORMALIZATION, options)] if mean else []
    source = _table(builder, 7, {4: _vector(builder, units)})
    scored = [_unit(builder, kind, _table(builder, 2, {})) for kind in output_units]
    named = [_file(builder, *each) for each in files]
    result = _table(builder, 7, {4: _vector(builder, scored), 6: _vector(builder, named)})
    subgraph = _table(builder, 10, {2: _vector(builder, [source]), 3: _vector(builder, [result])})
    name, description = builder.CreateString("Köpfe"), builder.CreateString("what it does")
    model = _table(builder, 8, {0: name, 1: description, 3: _vector(builder, [subgraph])})
    builder.Finish(model, b"M001")
    return bytes(builder.Output())


def with_metadata(
    tflite: bytes | None, metadata: bytes, files: Mapping[str, bytes], *, buffer: int | None = None
) -> bytes:
    """The .tflite with metadata inside and files behind it; an empty model for None."""
    model: Any = schema.ModelT()
    if tflite is not None:
        model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    held, entry = schema.BufferT(), schema.MetadataT()
    held.data = list(metadata)
    model.buffers = [*(model.buffers or []), held]
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    if buffer is not None:
        entry.buffer = buffer
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    content = io.BytesIO()
    content.write(bytes(builder.Output()))
    with zipfile.ZipFile(content, "a") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def _table(
    builder: Any, n_fields: int, offsets: Mapping[int, int], kind: tuple[int, int] = (0, 0)
) -> int:
    """`kind` is the place and the value of a field of one byte."""
    builder.StartObject(n_fields)
    for place, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(place, offset, 0)
    builder.PrependInt8Slot(*kind, 0)
    at: int = builder.EndObject()
    return at


def _vector(builder: Any, items: Sequence[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    at: int = builder.EndVector()
    return at


def _floats(builder: Any, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    at: int = builder.EndVector()
    return at


def _unit(builder: Any, kind: int, options: int) -> int:
    return _table(builder, 2, {1: options}, (0, kind))


def _file(builder: Any, name: str, kind: int, locale: str) -> int:
    offsets = {0: builder.CreateString(name)}
    if locale:
        offsets[3] = builder.CreateString(locale)
    return _table(builder, 5, offsets, (2, kind))
