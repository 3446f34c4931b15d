"""A float .tflite whose weights are stored as float16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tests.export.onnx_files.layers import LAYERS, WIDTH
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.test_layers import by_litert, saved

from strop.export.frontend.convert import convert, read_converted
from strop.export.frontend.half_weights import with_half_weights
from strop.export.ir.tflite_file import TfliteFile
from strop.export.ir.tflite_names import operator_name
from strop.export.options.choices import Precision
from strop.export.source.source import load_model_file


def operators_of(tflite: bytes) -> list[str]:
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    return [operator_name(model, each) for each in model.subgraphs[0].operators]


def test_weights_of_an_onnx_take_half_the_space_and_lose_their_last_digits(tmp_path: Path) -> None:
    net = Net()
    x, channels = LAYERS["depthwise"](net, net.conv("image", 3, WIDTH))
    wide = net.conv(net.conv(x, channels, 256, 1), 256, 6, 1)
    source = load_model_file(saved(net.model(net.scores(wide, 6)), tmp_path))
    half = convert(source, Precision.FLOAT16)
    shape = (2, source.height, source.width, source.channels)
    images = np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)
    expected, found = source.forward(images), by_litert(half, images)
    # Each of five layers rounds its weights to 11 bits.
    assert 0 < np.abs(found - expected).max() <= 5 * 2.0**-11 * np.abs(expected).max()
    assert operators_of(half).count("DEQUANTIZE") == 5
    assert source.tflite is not None
    halves = 2 * 256 * (channels + 6)  # bytes of the two widest layers
    assert len(half) < len(source.tflite) - halves + 2048


def test_weights_beyond_float16_stay_as_they_are() -> None:
    file = TfliteFile()
    image, result = file.tensor("image", (1, 4)), file.tensor("scores", (1, 2))
    weights = np.array([[7e4, 0, 0, 0], [0, 1, 0, 0]], np.float32)
    read = [image, file.constant("weights", weights), file.constant("bias", np.zeros(2))]
    file.operation("FULLY_CONNECTED", read, [result], schema.FullyConnectedOptionsT())
    whole = file.packed([image], [result])
    half = with_half_weights(whole)
    assert operators_of(half) == ["FULLY_CONNECTED"]
    (kept,) = (each for each in read_converted(half, name="net").ops if len(each.inputs) == 3)
    assert np.array_equal(read_converted(half, name="net").data(kept.inputs[1]), weights)
