"""The quick builder writes the library's bytes."""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.flatbuffer_builder import QuickBuilder

OPTIONS = [name for name in vars(schema) if name.endswith("OptionsT")]


def by(builder: Any, packable: Any) -> bytes:
    builder.Finish(packable.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def with_random_fields(kind: Any, random: np.random.Generator) -> Any:
    """An object of the schema with about half of its numbers set."""
    made = kind()
    for name, default in vars(made).items():
        if isinstance(default, (bool, int, float)) and random.random() < 0.5:
            setattr(made, name, type(default)(random.integers(0, 100)))
    return made


def tensor(random: np.random.Generator) -> Any:
    made = with_random_fields(schema.TensorT, random)
    made.name = "n" * int(random.integers(0, 9))
    made.shape = [int(side) for side in random.integers(-1, 9, random.integers(0, 5))]
    if random.random() < 0.5:
        made.shapeSignature = np.array(made.shape, np.int32)
        made.quantization = with_random_fields(schema.QuantizationParametersT, random)
        made.quantization.scale = [float(scale) for scale in random.random(3)]
        made.quantization.zeroPoint = [int(code) for code in random.integers(-128, 128, 3)]
    return made


def model(seed: int) -> Any:
    random = np.random.default_rng(seed)
    operators = []
    for name in OPTIONS:
        made = with_random_fields(schema.OperatorT, random)
        made.builtinOptionsType = 0
        union = getattr(schema.BuiltinOptions, name.removesuffix("T"), None)
        if union is not None:
            made.builtinOptionsType = union
            made.builtinOptions = with_random_fields(getattr(schema, name), random)
        made.mutatingVariableInputs = [bool(bit) for bit in random.integers(0, 2, 3)]
        operators.append(made)
    graph = schema.SubGraphT(tensors=[tensor(random) for _ in range(20)], operators=operators)
    data = random.integers(0, 256, 77, dtype=np.uint8)
    return schema.ModelT(version=3, subgraphs=[graph], buffers=[schema.BufferT(data=data)])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1, 1 << 16], ids=["that grows", "large enough"])
def test_a_model_has_the_bytes_of_the_librarys_builder(seed: int, size: int) -> None:
    made = model(seed)
    assert by(QuickBuilder(size), made) == by(flatbuffers.Builder(size), made)


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(struct.error):
        by(QuickBuilder(64), schema.TensorT(buffer=-1))
