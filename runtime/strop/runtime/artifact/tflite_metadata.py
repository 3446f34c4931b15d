"""Reads the standard TFLite metadata of a .tflite that strop did not write.

It says how an image is normalized and which file behind the flatbuffer has the labels. It is
a flatbuffer within the flatbuffer, read here without the tflite-support package.

Source: tflite-support, metadata_schema.fbs (file identifier M001); tensorflow/lite/schema/
schema.fbs, tables Model, Metadata and Buffer;
https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

from __future__ import annotations

import math
import mmap
import os
import struct
from dataclasses import dataclass

from strop.runtime.artifact.contract_zip import read_zipped
from strop.runtime.artifact.flatbuffer import (
    Content,
    byte,
    data,
    field,
    floats,
    number,
    root,
    tables,
)
from strop.runtime.errors import ContractError

METADATA_NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"  # at byte 4
MAX_METADATA_BYTES = 1 << 20  # names, descriptions and numbers; labels lie outside

# Places in their tables.
BUFFERS, METADATA = 4, 6
ENTRY_NAME, ENTRY_BUFFER = 0, 1
BUFFER_DATA = 0
NAME, DESCRIPTION = 0, 1  # of a model, a subgraph, a tensor
VERSION = 2  # of a model
WRITER = "strop "  # the version begins with, in metadata of ours
SUBGRAPHS = 3
INPUT_TENSORS, OUTPUT_TENSORS = 2, 3
PROCESS_UNITS, ASSOCIATED_FILES = 4, 6  # of a tensor
UNIT_TYPE, UNIT = 0, 1
MEAN, STD = 0, 1
FILE_NAME, FILE_TYPE, FILE_LOCALE = 0, 2, 3
# Values of the enumerations ProcessUnitOptions and AssociatedFileType.
NORMALIZATION, SCORE_CALIBRATION = 1, 2
TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS = 2, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class TfliteMetadata:
    """What the metadata says of a model: its first input and its outputs.

    Attributes:
        name: Of the model; empty if it has none, as the texts below.
        description: Of the model.
        version: Of the model, in its writer's words.
        mean: Subtracted from the pixels first, in 0..255 units: one number, or one for each
            channel; empty if there is no normalization, as `std`.
        std: Divided by second.
        labels_file: Name of the file with the labels, in the zip behind the flatbuffer.
        calibrates_scores: Whether the scores are to be calibrated by a table; strop does not.
        outputs: Names of all outputs; empty ones where they have none.
    """

    name: str
    description: str
    version: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels_file: str
    calibrates_scores: bool
    outputs: tuple[str, ...] = ()


def read_tflite_metadata(path: str | os.PathLike[str]) -> TfliteMetadata | None:
    """Read the metadata of a .tflite; None if it has none.

    Raises:
        ContractError: It is damaged, or its numbers are none that normalize.
    """
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_:
            content = _metadata_buffer(all_)
        return None if content is None else _parse(content)
    except (IndexError, struct.error, UnicodeDecodeError) as err:
        raise ContractError(f"{path}: its TFLite metadata is damaged ({_reason(err)})") from err
    except ValueError as err:
        raise ContractError(f"{path}: its TFLite metadata is damaged ({err})") from err


def read_tflite_labels(path: str | os.PathLike[str], name: str) -> tuple[str, ...]:
    """Read the lines of a label file behind the flatbuffer; a blank one becomes its number.

    Args:
        path: The .tflite.
        name: As its metadata has it.

    Raises:
        ContractError: No such file there, a damaged zip, or a file that is not UTF-8.
    """
    content = read_zipped(path, name)
    if content is None:
        raise ContractError(
            f"{path}: its TFLite metadata names the label file {name!r}, which is not in the file;"
            " give --labels"
        )
    try:
        lines = content.decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as err:
        raise ContractError(
            f"{path}: its label file {name!r} is not UTF-8 ({err}); give --labels"
        ) from err
    return tuple(line.strip() or str(place) for place, line in enumerate(lines))


def _reason(err: Exception) -> str:
    return "a text is not UTF-8" if isinstance(err, ValueError) else "it points out of the file"


def _metadata_buffer(content: Content) -> bytes | None:
    model = root(content)
    for entry in tables(content, field(content, model, METADATA)):
        if data(content, entry, ENTRY_NAME) == METADATA_NAME:
            place = number(content, entry, ENTRY_BUFFER)
            break
    else:
        return None
    for at, buffer in enumerate(tables(content, field(content, model, BUFFERS))):
        if at == place:
            found = data(content, buffer, BUFFER_DATA)
            break
    else:
        raise ValueError(f"its buffer {place} is missing")
    if len(found) > MAX_METADATA_BYTES:
        raise ValueError(f"{len(found)} bytes, at most {MAX_METADATA_BYTES} are read")
    if found[4:8] != IDENTIFIER:
        raise ValueError(f"its identifier is {found[4:8]!r}, needed is {IDENTIFIER!r}")
    return found


def _parse(content: bytes) -> TfliteMetadata:
    model = root(content)
    subgraph = next(tables(content, field(content, model, SUBGRAPHS)), 0)
    source = _first(content, subgraph, INPUT_TENSORS)
    results = list(tables(content, field(content, subgraph, OUTPUT_TENSORS) if subgraph else 0))
    result = next(iter(results), 0)
    mean, std = _normalization(content, source)
    return TfliteMetadata(
        name=_text(content, model, NAME) or (_text(content, subgraph, NAME) if subgraph else ""),
        description=_text(content, model, DESCRIPTION),
        version=_text(content, model, VERSION),
        mean=mean,
        std=std,
        # Of a detector the labels belong to a later output, as the names of its values.
        labels_file=next(filter(None, (_labels_file(content, each) for each in results)), ""),
        calibrates_scores=any(kind == SCORE_CALIBRATION for kind, _ in _units(content, result)),
        outputs=tuple(_text(content, each, NAME) for each in results),
    )


def _first(content: bytes, subgraph: int, place: int) -> int:
    """Find the first of a subgraph's tensors; 0 where it has none."""
    return next(tables(content, field(content, subgraph, place)), 0) if subgraph else 0


def _units(content: bytes, tensor: int) -> list[tuple[int, int]]:
    """Read type and table of each step by which a tensor's values are made or read."""
    return [
        (byte(content, unit, UNIT_TYPE), field(content, unit, UNIT))
        for unit in tables(content, field(content, tensor, PROCESS_UNITS) if tensor else 0)
    ]


def _normalization(content: bytes, tensor: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    options = [table for kind, table in _units(content, tensor) if kind == NORMALIZATION and table]
    if not options:
        return (), ()
    mean, std = floats(content, options[0], MEAN), floats(content, options[0], STD)
    if not mean or not all(map(math.isfinite, (*mean, *std))) or min(std, default=0) <= 0:
        raise ValueError(f"mean {list(mean[:3])} and std {list(std[:3])} normalize nothing")
    return mean, std


def _labels_file(content: bytes, tensor: int) -> str:
    """Choose the label file without a locale, or else the first."""
    files = [
        each
        for each in tables(content, field(content, tensor, ASSOCIATED_FILES) if tensor else 0)
        if byte(content, each, FILE_TYPE) in (TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS)
    ]
    files.sort(key=lambda each: bool(data(content, each, FILE_LOCALE)))
    return _text(content, files[0], FILE_NAME) if files else ""


def _text(content: bytes, table: int, place: int) -> str:
    return data(content, table, place).decode("utf-8")
