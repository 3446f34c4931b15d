"""Operations on integers give the codes of QDQ, and scores in float."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from tests.export.graphs import mobile_block, steps
from tests.export.shuffled_nets import passing_by

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.qoperator_onnx import emit_qoperator_onnx
from strop.export.ir.graph import Array
from strop.export.ir.quiet_session import quiet_options
from strop.export.options.choices import OnnxInput

Layer = keras.layers


def gated() -> keras.Model:
    """A net with a product, a hard-swish, a sum with a constant and a mean that keeps its sides."""
    image = keras.Input((24, 24, 3))
    found = Layer.Conv2D(8, 3, 2, padding="same", activation="hard_swish")(image)
    gate = Layer.GlobalAveragePooling2D(keepdims=True)(found)
    gate = Layer.Conv2D(8, 1, activation="sigmoid")(gate)
    found = Layer.Multiply()([found, gate])
    found = Layer.Concatenate()([found, Layer.MaxPooling2D(3, 1, padding="same")(found)])
    return keras.Model(image, Layer.Dense(5)(Layer.GlobalAveragePooling2D()(found)))


def run(content: bytes, images: Array) -> Array:
    options = quiet_options()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    found: Array = session.run(None, {"image": images})[0]
    return found


@pytest.mark.parametrize("build", [mobile_block, gated])
def test_rounded_to_codes_its_scores_are_those_of_qdq(build: Callable[[], keras.Model]) -> None:
    made = steps(build())
    content = emit_qoperator_onnx(made.quantized, {}, OnnxInput.FLOAT_NCHW)
    images = made.images.transpose(0, 3, 1, 2).astype(np.float32)
    found = run(content, images)
    expected = run(emit_onnx(made.quantized, {}), made.images)
    step = made.quantized.graph.quant(made.quantized.graph.output).scale
    # Half a step is what the codes of QDQ round off, but for scores that they cut off.
    high, low = expected.max(), expected.min()
    assert np.abs(found.clip(low, high) - expected).max() <= 0.501 * step
    counts = Counter(node.op_type for node in onnx.load_from_string(content).graph.node)
    assert counts["QLinearConv"] >= 2
    assert counts["Conv"] == 1


def test_what_has_no_such_form_stays_between_quantizers() -> None:
    made = steps(gated())
    content = emit_qoperator_onnx(made.quantized, {}, OnnxInput.BYTES)
    counts = Counter(node.op_type for node in onnx.load_from_string(content).graph.node)
    assert counts["Sigmoid"] == 1
    assert counts["QLinearMul"] >= 2


def test_slices_are_of_reals() -> None:
    """OpenCV 4 takes slices of codes for floats."""
    made = steps(passing_by())
    content = emit_qoperator_onnx(made.quantized, {}, OnnxInput.BYTES)
    nodes = onnx.load_from_string(content).graph.node
    reals = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    sliced = {node.input[0] for node in nodes if node.op_type == "Slice"}
    assert sliced
    assert sliced <= reals
    expected = run(emit_onnx(made.quantized, {}), made.images)
    step = made.quantized.graph.quant(made.quantized.graph.output).scale
    found = run(content, made.images).clip(expected.min(), expected.max())
    assert np.abs(found - expected).max() <= 0.501 * step
