"""A .tflite is looked through before an interpreter allocates what it says."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.runtime.engines.test_engines import written

from strop.runtime.engines.tflite_tensors import VALUE_BYTES, check_tflite
from strop.runtime.errors import ArtifactError

CHANNELS = 3  # of the tiny artifact's convolution


def test_a_converted_file_passes(tmp_path: Path, bare_tflite: bytes) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(bare_tflite)
    check_tflite(str(path))


def test_every_type_of_the_schema_has_its_size() -> None:
    kinds = {name: kind for name, kind in vars(schema.TensorType).items() if name.isupper()}
    for name, kind in kinds.items():
        bits = re.search(r"\d+$", name)
        assert VALUE_BYTES.get(kind, 1) * 8 >= int(bits[0] if bits else 0), name


def vast_side(tensors: list[Any]) -> None:
    tensors[1].shape = np.array([1 << 20, 1 << 20], np.int32)


def side_below_minus_one(tensors: list[Any]) -> None:
    tensors[1].shape = np.array([1, -5], np.int32)


def one_channel_without_a_scale(tensors: list[Any]) -> None:
    weights = next(
        each
        for each in tensors
        if each.quantization is not None and np.size(each.quantization.scale) == CHANNELS
    )
    weights.quantization.scale = np.array([0.5, math.nan, 0.5], np.float32)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (vast_side, r"shape \[1048576, 1048576\] takes"),
        (side_below_minus_one, r"shape \[1, -5\]"),
        (one_channel_without_a_scale, "a scale that is negative, infinite or no number"),
    ],
)
def test_what_no_classifier_has_is_refused(
    tmp_path: Path, bare_tflite: bytes, spoil: Callable[[list[Any]], None], found: str
) -> None:
    model = schema.ModelT.InitFromPackedBuf(bare_tflite, 0)
    spoil(model.subgraphs[0].tensors)
    with pytest.raises(ArtifactError, match=f"damaged or hostile .*{found}.*copy or export"):
        check_tflite(str(written(tmp_path, model)))


def test_a_vector_of_one_table_a_million_times_is_refused(tmp_path: Path) -> None:
    places = 100_001
    builder = flatbuffers.Builder(0)
    schema.TensorStart(builder)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, places)
    for _ in range(places):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    path = tmp_path / "m.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ArtifactError, match="more than 100000 tensors"):
        check_tflite(str(path))


def test_flipped_bytes_pass_or_are_refused_in_one_line(tmp_path: Path, bare_tflite: bytes) -> None:
    rng = random.Random(1)
    said = []
    path = tmp_path / "m.tflite"
    for _ in range(2000):
        content = bytearray(bare_tflite)
        for _ in range(rng.choice((1, 4, 16))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            check_tflite(str(path))
        except ArtifactError as err:
            said.append(str(err))
    assert len(said) > 100
    assert not any("\n" in text for text in said)
