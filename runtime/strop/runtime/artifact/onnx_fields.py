"""Reads the outermost protobuf fields of an .onnx, without the onnx package.

Enough to tell an ONNX model from other files, to see that it was cut short, and to read
its metadata. Source: onnx/onnx.proto, message ModelProto; protobuf's wire format,
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import BinaryIO

from strop.runtime.errors import ArtifactError, ContractError
from strop.runtime.records.light_dataclass import dataclass

_VARINT, _BYTES = 0, 2
_IR_VERSION, _GRAPH, _METADATA = 1, 7, 14
# ModelProto's field numbers and wire types; 26 came with IR version 11.
_FIELDS = {
    _IR_VERSION: _VARINT,
    2: _BYTES,
    3: _BYTES,
    4: _BYTES,
    5: _VARINT,
    6: _BYTES,
    _GRAPH: _BYTES,
    8: _BYTES,
    _METADATA: _BYTES,
    20: _BYTES,
    25: _BYTES,
    26: _BYTES,
}
_MAX_VARINT_BYTES = 10
# ModelProto repeats a few fields once a domain or key; a real file has tens.
MAX_FIELDS = 100_000
MAX_METADATA_BYTES = 16 << 20  # as much as a contract behind a .tflite may have


def check_onnx(path: str) -> None:
    """Refuse what is not an ONNX model; only the outermost structure is looked at.

    Raises:
        ArtifactError: Not a ModelProto, or its end is missing.
    """
    for _ in _model_fields(path):
        pass


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """One of the model's metadata_props.

    Attributes:
        text: Its value.
        entry: Its bytes, key and value.
        at: Where in the file they are.
    """

    text: str
    entry: bytes
    at: int


def read_metadata(path: str, key: str) -> Metadata | None:
    """Read the entry `key` of the model's metadata_props; None if there is none.

    Raises:
        ArtifactError: Not a ModelProto, or its end is missing.
        ContractError: An entry above MAX_METADATA_BYTES, or not UTF-8.
    """
    for number, size, file in _model_fields(path):
        if number != _METADATA:
            continue
        if size > MAX_METADATA_BYTES:
            raise ContractError(
                f"{path}: a metadata entry of {size} bytes, at most {MAX_METADATA_BYTES} are"
                " read. Do not trust this file; export it again"
            )
        at, content = file.tell(), file.read(size)
        try:
            entry = _string_entry(content)
        except (EOFError, ValueError) as err:
            raise ContractError(f"{path}: a damaged metadata entry; export it again") from err
        if entry.get(1) == key:
            return Metadata(text=entry.get(2, ""), entry=content, at=at)
    return None


def _model_fields(path: str) -> Iterator[tuple[int, int, BinaryIO]]:
    """Give each field's number and size, with the file at the start of its content."""
    size = os.path.getsize(path)
    seen: set[int] = set()
    with open(path, "rb") as file:
        at, count = 0, 0
        while at < size:
            try:
                number, wire_type, length = _read_key(file)
            except EOFError as err:
                raise ArtifactError(f"{path}: ends inside a field; copy it again") from err
            except ValueError as err:
                raise ArtifactError(_not_onnx(path)) from err
            count += 1
            if _FIELDS.get(number) != wire_type or count > MAX_FIELDS:
                raise ArtifactError(_not_onnx(path))
            start = file.tell()
            if start + length > size:
                # Not for a first field: text can look like one that is too long.
                if not seen:
                    raise ArtifactError(_not_onnx(path))
                raise ArtifactError(
                    f"{path}: {size} bytes, but its fields need {start + length}; it was cut"
                    " short: copy or export it again"
                )
            seen.add(number)
            yield number, length, file
            at = start + length
            file.seek(at)
    if _GRAPH not in seen or _IR_VERSION not in seen:
        raise ArtifactError(_not_onnx(path))


def _not_onnx(path: str) -> str:
    return f"{path}: neither a .tflite nor an ONNX model; needed is one of the two"


def _read_key(file: BinaryIO) -> tuple[int, int, int]:
    """Read a field's number, wire type, and how many bytes of content follow."""
    key = _read_varint(file)
    number, wire_type = key >> 3, key & 7
    if wire_type == _VARINT:
        _read_varint(file)
        return number, wire_type, 0
    return number, wire_type, _read_varint(file) if wire_type == _BYTES else 0


def _read_varint(file: BinaryIO) -> int:
    value = 0
    for i in range(_MAX_VARINT_BYTES):
        byte = file.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << (7 * i)
        if byte[0] < 0x80:
            return value
    raise ValueError("a varint of more than 10 bytes")


def _string_entry(content: bytes) -> dict[int, str]:
    """Read a StringStringEntryProto: field 1 is the key, 2 the value."""
    file = io.BytesIO(content)
    entry: dict[int, str] = {}
    while file.tell() < len(content):
        number, wire_type, length = _read_key(file)
        if wire_type != _BYTES:
            raise ValueError(f"wire type {wire_type}")
        entry[number] = file.read(length).decode("utf-8")
    return entry
