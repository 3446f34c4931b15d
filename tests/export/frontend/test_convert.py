"""What the converters do not take is named in one line, without pages of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import pytest
import tensorflow as tf

from strop.export.emit.float_onnx import emit_float_onnx
from strop.export.frontend.convert import convert
from strop.export.source.source import Source, from_keras_model
from strop.runtime.errors import SourceError

SIDE = 8


def unknown_operation() -> Source:
    """A model with an operation that neither TFLite nor ONNX has."""

    def forward(images: tf.Tensor) -> tf.Tensor:
        return tf.math.bessel_i0e(tf.reduce_mean(images, (1, 2)), name="strange")

    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    return replace(from_keras_model(model, name="odd"), forward=forward)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (convert, r"^odd: TensorFlow's .* BesselI0e at 'strange.*'; replace it by layers"),
        (lambda source: emit_float_onnx(source, {}), r"^odd: tf2onnx .*BesselI0e.*leave \.onnx"),
    ],
)
def test_an_operation_that_a_converter_lacks_is_named_in_one_line(
    write: Callable[[Source], bytes], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source = unknown_operation()
    with pytest.raises(SourceError, match=said) as raised:
        write(source)
    assert "\n" not in str(raised.value)
    printed = capfd.readouterr()
    assert "BesselI0e" not in printed.out + printed.err
