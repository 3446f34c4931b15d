"""Writes the standard TFLite metadata of a .tflite: what its input and its output mean.

MediaPipe Tasks, the TFLite Task Library and Android Studio read it. It is a flatbuffer in one of
the model's buffers; the labels lie in the zip behind the model, with the contract.

Source: tflite-support, metadata_schema.fbs (file identifier M001), whose numbers of fields these
are; https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.tflite_bytes import packed
from strop.runtime.artifact.contract import Contract, Task
from strop.runtime.artifact.contract_zip import LABELS_NAME
from strop.runtime.artifact.tflite_metadata import (
    ASSOCIATED_FILES,
    DESCRIPTION,
    FILE_NAME,
    FILE_TYPE,
    IDENTIFIER,
    INPUT_TENSORS,
    MEAN,
    METADATA_NAME,
    NAME,
    NORMALIZATION,
    OUTPUT_TENSORS,
    PROCESS_UNITS,
    STD,
    SUBGRAPHS,
    TENSOR_AXIS_LABELS,
    UNIT,
    UNIT_TYPE,
    VERSION,
    WRITER,
)

CONTENT = 3  # of a tensor
PROPERTIES_TYPE, PROPERTIES = 0, 1  # of the content
FEATURES, IMAGE = 1, 2  # of the enumeration ContentProperties
COLOR_SPACE = 0  # of an image's properties
RGB, GRAYSCALE = 1, 2
THRESHOLDING = 3  # of the enumeration ProcessUnitOptions
THRESHOLD = 0
ANSWERS = {
    Task.BINARY: "the probability or score of the second label",
    Task.MULTILABEL: "a probability or score for each label",
    Task.REGRESS: "numbers",
    Task.EMBED: "a vector",
    Task.LANDMARKS: "points of the image",
}


def with_metadata(tflite: bytes, contract: Contract) -> bytes:
    """Add the metadata to a .tflite, in place of what it has.

    Args:
        tflite: A flatbuffer with nothing behind it.
        contract: What its input and output are.

    Returns:
        The flatbuffer; the same arguments give the same bytes.
    """
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    add_metadata(model, contract)
    return packed(model)


def add_metadata(model: Any, contract: Contract) -> None:
    """Add the metadata to a schema.ModelT, in place of what it has."""
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(_metadata(contract))
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    others = [each for each in model.metadata or () if each.name != METADATA_NAME]
    model.buffers, model.metadata = [*model.buffers, buffer], [*others, entry]


def _metadata(contract: Contract) -> bytes:
    builder = _Builder()
    subgraph = builder.table(
        {
            INPUT_TENSORS: builder.tables([_input(builder, contract)]),
            OUTPUT_TENSORS: builder.tables(_outputs(builder, contract)),
        }
    )
    model = builder.table(
        {
            NAME: builder.text(contract.source),
            DESCRIPTION: builder.text(_description(contract)),
            VERSION: builder.text(f"{WRITER}{contract.strop_version}"),
            SUBGRAPHS: builder.tables([subgraph]),
        }
    )
    return builder.finish(model)


def _description(contract: Contract) -> str:
    colors = "an RGB" if contract.channels == 3 else "a grey"
    return (
        f"Takes {colors} image of {contract.width} x {contract.height} pixels and returns"
        f" {_answer(contract)}."
    )


def _answer(contract: Contract) -> str:
    if contract.outputs:
        return f"{len(contract.outputs)} outputs"
    what = ANSWERS.get(contract.task) if contract.task is not None else None
    return what or "a probability or score for each class"


def _input(builder: _Builder, contract: Contract) -> int:
    color = RGB if contract.channels == 3 else GRAYSCALE
    properties = builder.table(bytes_={COLOR_SPACE: color})
    options = builder.table(
        {MEAN: builder.floats(contract.mean), STD: builder.floats(contract.std)}
    )
    unit = builder.table({UNIT: options}, {UNIT_TYPE: NORMALIZATION})
    content = builder.table({PROPERTIES: properties}, {PROPERTIES_TYPE: IMAGE})
    return builder.table(
        {
            NAME: builder.text("image"),
            DESCRIPTION: builder.text("The image; (pixel - mean) / std are its values."),
            CONTENT: content,
            PROCESS_UNITS: builder.tables([unit]),
        }
    )


def _outputs(builder: _Builder, contract: Contract) -> list[int]:
    names = [one.name for one in contract.outputs] or ["scores"]
    # Of several outputs none has the file's labels, which are of an only one.
    alone = zip(names, contract.each_output, strict=True)
    return [_output(builder, one, name, has_file=len(names) == 1) for name, one in alone]


def _output(builder: _Builder, contract: Contract, name: str, *, has_file: bool) -> int:
    properties = builder.table()
    fields = {
        NAME: builder.text(name),
        DESCRIPTION: builder.text(f"{_answer(contract).capitalize()}."),
        CONTENT: builder.table({PROPERTIES: properties}, {PROPERTIES_TYPE: FEATURES}),
    }
    if contract.labels and has_file:
        file = builder.table(
            {FILE_NAME: builder.text(LABELS_NAME)}, {FILE_TYPE: TENSOR_AXIS_LABELS}
        )
        fields[ASSOCIATED_FILES] = builder.tables([file])
    if len(contract.thresholds) == 1:
        options = builder.table(floats={THRESHOLD: contract.thresholds[0]})
        unit = builder.table({UNIT: options}, {UNIT_TYPE: THRESHOLDING})
        fields[PROCESS_UNITS] = builder.tables([unit])
    return builder.table(fields)


class _Builder:
    """Writes tables by the numbers of their fields."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(0)

    def text(self, value: str) -> int:
        return int(self._builder.CreateString(value))

    def floats(self, values: Sequence[float]) -> int:
        self._builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self._builder.PrependFloat32(value)
        return int(self._builder.EndVector())

    def tables(self, places: Sequence[int]) -> int:
        self._builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            self._builder.PrependUOffsetTRelative(place)
        return int(self._builder.EndVector())

    def table(
        self,
        places: dict[int, int] | None = None,
        bytes_: dict[int, int] | None = None,
        floats: dict[int, float] | None = None,
    ) -> int:
        """A table with fields that lie elsewhere, bytes, and numbers."""
        all_fields = {**(places or {}), **(bytes_ or {}), **(floats or {})}
        self._builder.StartObject(max(all_fields, default=-1) + 1)
        for field, place in (places or {}).items():
            self._builder.PrependUOffsetTRelativeSlot(field, place, 0)
        for field, value in (bytes_ or {}).items():
            self._builder.PrependUint8Slot(field, value, 0)
        for field, number in (floats or {}).items():
            self._builder.PrependFloat32Slot(field, number, 0.0)
        return int(self._builder.EndObject())

    def finish(self, root: int) -> bytes:
        self._builder.Finish(root, file_identifier=IDENTIFIER)
        return bytes(self._builder.Output())
