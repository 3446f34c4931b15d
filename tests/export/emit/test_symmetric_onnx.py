"""Zero points of 0: every code of the .onnx is that of the .tflite, and TensorRT's rules hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from tests.export.emit.every_tensor import TO_NHWC, by_litert
from tests.export.graphs import Steps, mobile_block, steps

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.onnx_writer import codes_of
from strop.export.ir.graph import Array, Kind
from strop.export.ir.quiet_session import quiet_options
from strop.export.options.choices import OnnxInput
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.quantize import quantize

Layer = keras.layers


def gated() -> keras.Model:
    """A net with a sigmoid, whose zero point the .tflite fixes, and an image read as it is."""
    image = keras.Input((24, 24, 3))
    found = Layer.Conv2D(8, 3, 2, padding="same", activation="relu")(image)
    gate = Layer.Conv2D(8, 1, activation="sigmoid")(
        Layer.GlobalAveragePooling2D(keepdims=True)(found)
    )
    found = Layer.DepthwiseConv2D(3, padding="same")(Layer.Multiply()([found, gate]))
    return keras.Model(image, Layer.Dense(5)(Layer.GlobalAveragePooling2D()(found)))


BUILDS: dict[str, Callable[[], Steps]] = {
    "padded with another pixel than 128": lambda: steps(mobile_block(), is_symmetric=True),
    "in another unit": lambda: steps(
        mobile_block(normalize=False), mean=(127.5,), std=(127.5,), is_symmetric=True
    ),
    "gated": lambda: steps(gated(), is_symmetric=True),
}


@pytest.fixture(scope="module", params=list(BUILDS))
def made(request: pytest.FixtureRequest) -> Steps:
    return BUILDS[request.param]()


def by_onnxruntime(made: Steps, image: OnnxInput) -> list[dict[str, Array]]:
    graph = made.quantized.graph
    model = onnx.load_from_string(emit_onnx(made.quantized, {}, image))
    names = [op.output for op in graph.ops]
    for name in names:
        value = onnx.helper.make_tensor_value_info(codes_of(name), onnx.TensorProto.INT8, None)
        model.graph.output.append(value)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), quiet_options(), providers=["CPUExecutionProvider"]
    )
    found = []
    for pixels in made.images:
        taken = pixels[None]
        if image is OnnxInput.FLOAT_NCHW:
            taken = taken.transpose(0, 3, 1, 2).astype(np.float32)
        codes = session.run([codes_of(name) for name in names], {"image": taken})
        nhwc = [each.transpose(TO_NHWC) if each.ndim == 4 else each for each in codes]
        found.append(dict(zip(names, nhwc, strict=True)))
    return found


@pytest.mark.parametrize("image", list(OnnxInput))
def test_its_codes_are_those_of_the_tflite(made: Steps, image: OnnxInput) -> None:
    differing = total = 0
    for ours, theirs in zip(
        by_onnxruntime(made, image), by_litert(made.quantized, made.images), strict=True
    ):
        for name, codes in ours.items():
            other = theirs[name].reshape(codes.shape).astype(int)
            # Behind a ReLU, ONNX Runtime computes in float, which may fall to the other side of
            # a tie; what follows may then differ by a few codes.
            assert np.abs(codes - other).max() <= 2, name
            differing += int((codes != other).sum())
            total += codes.size
    assert differing <= total / 1000


def test_all_zero_points_are_int8_and_0(made: Steps) -> None:
    model = onnx.load_from_string(emit_onnx(made.quantized, {}, OnnxInput.FLOAT_NCHW))
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    quantizers = [
        node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")
    ]
    assert len(quantizers) > 4
    for node in quantizers:
        zero_point = constants[node.input[2]]
        assert zero_point.dtype == np.int8
        assert not zero_point.any()


def test_only_what_is_fixed_has_another_zero_point(made: Steps) -> None:
    graph = made.quantized.graph
    free = [op.output for op in graph.ops if op.kind is not Kind.LOGISTIC]
    assert {graph.quant(name).zero_point for name in free} == {0}
    usual = quantize(
        replace(made.deploy, is_symmetric=False), calibrate(made.deploy, [made.images])
    )
    for name in free:
        # At most twice the step: all values on one side; kernels may ask for a little more.
        assert graph.quant(name).scale <= 2.06 * usual.graph.quant(name).scale
