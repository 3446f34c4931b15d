"""The .onnx for programs that hand over floats, channels first: the same codes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from tests.export.graphs import Steps, mobile_block, mobile_steps, steps

import strop.runtime
from strop.export.emit.onnx import emit_onnx
from strop.export.emit.write import Int8, write_int8
from strop.export.ir.graph import Array
from strop.export.ir.quiet_session import quiet_options
from strop.export.options.choices import OnnxForm, OnnxInput
from strop.export.options.options import ExportOptions
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.artifact import Format, read_contract
from strop.runtime.artifact.contract import Contract, Layout

Layer = keras.layers


def read_twice() -> keras.Model:
    """A net that reads the image by more than one convolution."""
    image = keras.Input((24, 24, 3))
    pixels = Layer.Rescaling(1 / 127.5, -1)(image)
    left = Layer.Conv2D(8, 3, 2, padding="same", activation="relu")(pixels)
    right = Layer.Conv2D(8, 5, 2, padding="same")(pixels)
    mean = Layer.GlobalAveragePooling2D()(Layer.Add()([left, right]))
    return keras.Model(image, Layer.Dense(5)(mean))


def session_of(made: Steps, image: OnnxInput) -> onnxruntime.InferenceSession:
    content = emit_onnx(made.quantized, {}, image)
    return onnxruntime.InferenceSession(
        content, quiet_options(), providers=["CPUExecutionProvider"]
    )


def scores(session: onnxruntime.InferenceSession, images: Array) -> Array:
    found: Array = session.run(None, {"image": images})[0]
    return found


@pytest.mark.parametrize("build", [mobile_block, read_twice])
def test_floats_with_channels_first_give_the_scores_of_bytes(build: type) -> None:
    made = steps(build())
    floats = session_of(made, OnnxInput.FLOAT_NCHW)
    (taken,) = floats.get_inputs()
    assert taken.type == "tensor(float)"
    assert taken.shape == ["batch", 3, 24, 24]
    usual = scores(session_of(made, OnnxInput.BYTES), made.images)
    first = made.images.transpose(0, 3, 1, 2).astype(np.float32)
    np.testing.assert_array_equal(scores(floats, first), usual)
    # Beyond 0..255 pixels saturate, and between two they are rounded.
    np.testing.assert_array_equal(scores(floats, first + 0.25), usual)
    assert np.ptp(usual) > 0


def test_strop_runs_it_as_the_usual_one(tmp_path: Path) -> None:
    made = mobile_steps()
    source = from_keras_model(mobile_block(), name="small")
    int8 = Int8(quantized=made.quantized, contract=Contract(height=24, width=24))
    found = {}
    for image, layout in ((OnnxInput.BYTES, Layout.NHWC), (OnnxInput.FLOAT_NCHW, Layout.NCHW)):
        folder = tmp_path / image.value
        folder.mkdir()
        options = ExportOptions(output=folder, formats=(Format.ONNX,), onnx_input=image)
        (path,) = write_int8(folder, source, options, int8)
        contract = read_contract(path)
        assert contract is not None
        assert contract.layout is layout
        with strop.runtime.open(path) as classifier:
            assert classifier.input.shape == contract.input_shape
            found[image] = np.stack([classifier.scores(pixels) for pixels in made.images])
    np.testing.assert_array_equal(found[OnnxInput.BYTES], found[OnnxInput.FLOAT_NCHW])


def test_the_form_that_is_asked_for_is_written_and_runs(tmp_path: Path) -> None:
    made = mobile_steps()
    source = from_keras_model(mobile_block(), name="small")
    int8 = Int8(quantized=made.quantized, contract=Contract(height=24, width=24))
    counts, found = {}, {}
    for form in OnnxForm:
        folder = tmp_path / form.value
        folder.mkdir()
        options = ExportOptions(output=folder, formats=(Format.ONNX,), onnx_form=form)
        (path,) = write_int8(folder, source, options, int8)
        counts[form] = Counter(node.op_type for node in onnx.load(path).graph.node)
        with strop.runtime.open(path) as classifier:
            found[form] = np.stack([classifier.scores(pixels) for pixels in made.images])
    assert counts[OnnxForm.QDQ]["QLinearConv"] == 0 < counts[OnnxForm.QOPERATOR]["QLinearConv"]
    step = made.quantized.graph.quant(made.quantized.graph.output).scale
    # Half a step, which the codes of QDQ round off, but for scores that they cut off.
    rounded = found[OnnxForm.QDQ]
    floats = found[OnnxForm.QOPERATOR].clip(rounded.min(), rounded.max())
    assert np.abs(rounded - floats).max() <= 0.501 * step
