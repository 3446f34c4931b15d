"""MediaPipe's transposed convolution is read as TFLite's, which is the same function."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.onnx_files.test_layers import assert_same_function
from tests.export.tflite_files.nets import SIDE, WIDTH, Change, changed, half_weights, plain, saved

from strop.export.ir.tflite_edit import new_operator
from strop.export.source.source import load_model_file
from strop.runtime.errors import SourceError

TAPS = 3
SAME, VALID = 1, 2  # TfLitePadding


def side(padding: int, stride: int) -> int:
    """Of the result, in pixels."""
    return stride * SIDE if padding == SAME else stride * (SIDE - 1) + TAPS


def transposed(padding: int, rows: int, columns: int) -> Change:
    """The convolution of `plain` becomes MediaPipe's transposed one."""

    def change(model: Any) -> None:
        (subgraph,) = model.subgraphs
        operator = subgraph.operators[0]
        features = subgraph.tensors[operator.outputs[0]]
        features.shape = [1, side(padding, rows), side(padding, columns), WIDTH]
        subgraph.operators[0] = custom(model, operator, struct.pack("<3i", padding, columns, rows))

    return change


def custom(model: Any, operator: Any, options: bytes) -> Any:
    made = new_operator(model, "CUSTOM", operator.inputs, operator.outputs[0])
    model.operatorCodes[made.opcodeIndex].customCode = "Convolution2DTransposeBias"
    made.customOptions = np.frombuffer(options, np.uint8)
    return made


def reference(path: Path, image: np.ndarray, padding: int, strides: Sequence[int]) -> np.ndarray:
    """Scores by the definition: each pixel adds its kernel to the result."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    held = {
        tensor.name.decode(): np.frombuffer(
            bytes(model.buffers[tensor.buffer].data), np.float32
        ).reshape(tensor.shape)
        for tensor in model.subgraphs[0].tensors
        if tensor.name in (b"kernel", b"bias", b"dense")
    }
    full = np.zeros((*(max(each, TAPS) + each * (SIDE - 1) for each in strides), WIDTH))
    for row, column in np.ndindex(SIDE, SIDE):
        place = [slice(at * s, at * s + TAPS) for at, s in zip((row, column), strides, strict=True)]
        full[tuple(place)] += np.einsum("ohwi,i->hwo", held["kernel"], image[row, column])
    before = [max(TAPS - stride, 0) // 2 if padding == SAME else 0 for stride in strides]
    sides = [side(padding, stride) for stride in strides]
    full = full[
        before[0] : before[0] + sides[0],
        before[1] : before[1] + sides[1],
    ]
    scores: np.ndarray = (full + held["bias"]).mean(axis=(0, 1)) @ held["dense"].T
    return scores


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 2), (1, 4)])
def test_it_is_the_function_of_its_definition(
    padding: int, strides: tuple[int, int], tmp_path: Path
) -> None:
    path = saved(changed(plain(), transposed(padding, *strides)), tmp_path)
    source = load_model_file(path)
    image = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)
    wanted = reference(path, image, padding, strides)
    np.testing.assert_allclose(source.scores(image[None])[0], wanted, rtol=1e-4, atol=1e-3)
    assert_same_function(source)


def test_half_precision_weights_are_taken_beside_it(tmp_path: Path) -> None:
    content = changed(plain(), transposed(SAME, 2, 2), half_weights)
    assert_same_function(load_model_file(saved(content, tmp_path)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (b"", r"Convolution2DTransposeBias has 3 inputs, 1 results and 0 bytes of options"),
        (struct.pack("<3i", 0, 2, 2), "has padding 0 and strides 2 and 2; needed are padding 1"),
        (struct.pack("<3i", SAME, 0, 2), "padding 1 and strides 2 and 0; needed"),
        (struct.pack("<3i", SAME, 2, 2**30), "strides 1073741824 and 2; needed"),
        (struct.pack("<3i", SAME, 3, 2), "LiteRT does not run it"),
    ],
)
def test_what_is_none_is_refused(options: bytes, said: str, tmp_path: Path) -> None:
    def damage(model: Any) -> None:
        transposed(SAME, 2, 2)(model)
        (subgraph,) = model.subgraphs
        subgraph.operators[0] = custom(model, subgraph.operators[0], options)

    with pytest.raises(SourceError, match=said) as raised:
        load_model_file(saved(changed(plain(), damage), tmp_path))
    assert "\n" not in str(raised.value)
