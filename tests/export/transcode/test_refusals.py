from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.emit.one_op import Side, write_one_op
from tests.export.transcode.random_int8 import EXACT, RandomNetwork, tflite_of

from strop.export.options.choices import Input, ResultType
from strop.export.transcode.transcode import transcode
from strop.runtime.errors import ArtifactError, StropError

CODES, FLOATS = Side(), Side(dtype="float32", scale=0.0)
CHANNELS = Side(shape=(1, 1, 1, 8), values=tuple(range(1, 9)))


@pytest.mark.parametrize(
    ("kind", "inputs", "result", "options", "text"),
    [
        ("RSQRT", [CODES], CODES, None, "side1: RSQRT has no int8 form"),
        ("CUSTOM", [CODES], CODES, None, "side1: the model uses CUSTOM Detection"),
        ("LOGISTIC", [FLOATS], FLOATS, None, "side1: LOGISTIC computes in float.*statically"),
        ("DIV", [CODES, CHANNELS], CODES, schema.DivOptionsT(), "side2: DIV, which the other"),
        (
            "MAXIMUM",
            [CODES, CHANNELS],
            CODES,
            schema.MaximumMinimumOptionsT(),
            "side2: MAXIMUM, which the other format has as several operations",
        ),
        (
            "CONCATENATION",
            [CODES, CODES],
            Side(shape=(2, 4, 4, 8)),
            schema.ConcatenationOptionsT(),
            "of a constant; transcode takes constants in sums",
        ),
        ("RELU", [Side(scale=-1.0)], CODES, None, r"side0: scales \[-1.0\]; needed are numbers"),
        ("RELU", [CODES], Side(scale=float("inf")), None, r"side1: scales \[inf\]"),
        ("RELU", [Side(zero_point=200)], CODES, None, "side0: zero point 200 is no int8 code"),
    ],
)
def test_what_the_other_format_has_not_is_refused_by_name(
    kind: str, inputs: list[Side], result: Side, options: object, text: str, tmp_path: Path
) -> None:
    path = write_one_op(
        tmp_path, kind, inputs, result, options=options, custom="Detection" * (kind == "CUSTOM")
    )
    with pytest.raises(ArtifactError, match=text):
        transcode(path)


def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path) -> None:
    content = tflite_of(RandomNetwork(3, EXACT).graph(), Input.INT8, ResultType.INT8)
    random = np.random.default_rng(0)
    path = tmp_path / "damaged.tflite"
    refusals = []
    for _ in range(40):
        damaged = bytearray(content[: int(random.integers(64, len(content)))])
        for place in random.integers(8, len(damaged), 4):
            damaged[place] = int(random.integers(256))
        path.write_bytes(damaged)
        try:
            transcode(path)
        except StropError as err:
            refusals.append(str(err))
    assert refusals
    assert not any("\n" in text for text in refusals)
