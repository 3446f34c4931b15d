"""Operations that are written in others: the same codes in both engines, in one partition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.export.emit import integer_reference
from tests.export.emit.every_tensor import by_litert, by_onnxruntime
from tests.export.emit.test_emitters import batched_scores, float_scores, onnx_scores, tflite_scores
from tests.export.emit.test_islands import model_of
from tests.export.graphs import Steps, images_for, signal_to_noise_db, steps

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.inspect.audit import audit
from strop.export.inspect.delegation import delegation
from strop.export.ir.execute import execute
from strop.export.ir.graph import CODE_MIN, Fused, Kind
from strop.export.options.choices import Input

layers, ops = keras.layers, keras.ops
IMAGES = 4


def slopes(low: float, high: float) -> Any:
    return keras.initializers.RandomUniform(low, high, seed=1)


def shared_relu(x: Any) -> Any:
    """A sum that is read with and without its ReLU, as before a residual branch."""
    total = layers.Add()([x, layers.Conv2D(8, 1)(x)])
    return layers.Add()([total, layers.Conv2D(8, 1)(layers.ReLU()(total))])


def with_its_maxima(x: Any) -> Any:
    """A product of two tensors that have the constant of a hard-swish."""
    x = layers.Activation("hard_silu")(x)
    return x * layers.MaxPooling2D(3, strides=1, padding="same")(x)


def normalized(x: Any) -> Any:
    """A batch normalization behind a pooling and in front of a convolution."""
    factors, terms = np.geomspace(0.01, 1, 8), np.linspace(-0.2, 0.3, 8)
    x = layers.ReLU()(layers.MaxPooling2D(2)(x) * np.float32(factors) + np.float32(terms))
    return layers.Conv2D(4, 1)(x)


def halves_swapped(x: Any) -> Any:
    top, bottom = ops.split(x, 2, axis=1)
    return ops.concatenate([bottom, top], axis=1)


def shuffled_in_groups(x: Any) -> Any:
    """Channels in an order that no weights behind them can take."""
    x = layers.Reshape((12, 12, 2, 4))(layers.Conv2D(8, 1, groups=2)(x))
    x = layers.Reshape((12, 12, 8))(layers.Permute((1, 2, 4, 3))(x))
    return layers.Conv2D(8, 1, groups=2)(x)


def joined_with(activation: str) -> Callable[[Any], Any]:
    """An activation whose codes begin below 0, since other values have them too: as in DenseNet."""

    def joined(x: Any) -> Any:
        large = slopes(-2, 2)  # beyond ReLU6's maximum
        limited = layers.Conv2D(8, 3, activation=activation, kernel_initializer=large)(x)
        total = layers.Activation(activation)(layers.Add()([x, layers.Conv2D(8, 1)(x)]))
        both = layers.Concatenate()([limited, layers.Conv2D(8, 3)(x), total[:, 1:-1, 1:-1]])
        return layers.Conv2D(8, 1)(both)

    return joined


def halved_as_in_nasnet(x: Any) -> Any:
    """Every second pixel beside those one further down and right, the last of which are padding."""
    x = layers.ReLU()(x)
    moved = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    halves = [layers.AveragePooling2D(1, strides=2)(each) for each in (x, moved)]
    return layers.Concatenate()([layers.Conv2D(4, 1, use_bias=False)(half) for half in halves])


class Aligned(keras.layers.Layer):  # type: ignore[misc]
    """As in DeepLab's first version: 12 pixels become 45 and 23, at each 1/4 and 1/2 of one."""

    def call(self, x: Any) -> Any:
        return tf.compat.v1.image.resize(x, (45, 23), align_corners=True)

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], 45, 23, shape[3])


def dilated(x: Any) -> Any:
    """Windows beyond the picture, of all channels and of each by itself."""
    wide = layers.DepthwiseConv2D(3, dilation_rate=8, padding="same", activation="relu")(x)
    parts = [layers.Conv2D(4, 3, dilation_rate=rate, padding="same")(x) for rate in (2, 6)]
    return layers.Concatenate()([layers.Conv2D(4, 1)(wide), *parts])


def around_their_mean(x: Any) -> Any:
    """Rows, for which the converter leaves the picture in front of their dense layer as it is."""
    rows = layers.Dense(8, activation="tanh")(layers.Reshape((144, 8))(x))
    rows = rows - layers.GlobalAveragePooling1D(keepdims=True)(rows)
    return layers.ReLU()(layers.Reshape((12, 12, 8))(rows))


CHANGES: dict[str, Callable[[Any], Any]] = {
    "leaky relu": layers.LeakyReLU(0.2),
    "leaky relu of scores": lambda x: layers.Reshape((1, 1, 8))(
        layers.LeakyReLU(0.3)(layers.Dense(8)(layers.Flatten()(x)))
    ),
    "prelu": layers.PReLU(shared_axes=[1, 2], alpha_initializer=slopes(-0.5, 0.5)),
    "steep prelu": layers.PReLU(shared_axes=[1, 2], alpha_initializer=slopes(0.5, 2)),
    "prelu of all slopes": layers.PReLU(shared_axes=[1, 2], alpha_initializer=slopes(-2, 2)),
    "prelu of all slopes of a pool": lambda x: layers.PReLU(
        shared_axes=[1, 2], alpha_initializer=slopes(-2, 2)
    )(layers.MaxPooling2D(2)(x)),
    "elu": layers.ELU(),
    "absolute": ops.abs,
    "square": ops.square,
    "square of squares": lambda x: layers.ReLU()(ops.square(ops.square(x))),
    "square of a hard-swish": lambda x: ops.square(layers.Activation("hard_silu")(x)),
    "hard-swish times its maxima": with_its_maxima,
    "halved as in NASNet": halved_as_in_nasnet,
    "relu beside others": joined_with("relu"),
    "relu6 beside others": joined_with("relu6"),
    "negative": lambda x: layers.ReLU()(-x),
    "maximum": lambda x: layers.Maximum()([x, layers.Conv2D(8, 1)(x)]),
    "minimum": lambda x: layers.Minimum()([x, layers.Conv2D(8, 1)(x)]),
    "limits": lambda x: ops.clip(x, -0.5, 0.75),
    "fused limits": lambda x: ops.clip(x, -1, 1),
    "relu to a half": layers.ReLU(max_value=0.5),
    "half of a relu": lambda x: ops.minimum(layers.ReLU()(layers.MaxPooling2D(2)(x)), 0.5),
    "global maximum": layers.GlobalMaxPooling2D(keepdims=True),
    "single pixels": layers.MaxPooling2D(1, strides=2),
    "padded average": layers.AveragePooling2D(3, strides=1, padding="same"),
    "padded average with a stride": layers.AveragePooling2D(2, strides=2, padding="same"),
    "cropping": layers.Cropping2D(((1, 2), (3, 0))),
    "cropped channels": lambda x: x[:, 1:-1, 2:, 3:7],
    "every other pixel": lambda x: x[:, ::2, 1::3],
    "halves swapped": halves_swapped,
    "tokens": lambda x: layers.Reshape((1, 1, 8))(layers.Reshape((144, 8))(x)[:, 7]),
    "rows around their mean": around_their_mean,
    "shuffled in groups": shuffled_in_groups,
    "upsampling": layers.UpSampling2D((2, 3)),
    "bilinear of bilinear": lambda x: layers.UpSampling2D(2, interpolation="bilinear")(
        layers.UpSampling2D((1, 8), interpolation="bilinear")(x)
    ),
    "bilinear with aligned corners": Aligned(),
    "bilinear of a hard-swish": lambda x: layers.Conv2D(4, 1)(
        layers.UpSampling2D(4, interpolation="bilinear")(layers.Activation("hard_silu")(x))
    ),
    "dilated as in ASPP": dilated,
    "nearest": lambda x: ops.image.resize(x, (24, 36), interpolation="nearest"),
    "repeated": lambda x: ops.tile(x, (1, 1, 2, 3)),
    # Made when the seed is set.
    "transposed convolution": lambda x: layers.Conv2DTranspose(6, 3, strides=2, padding="same")(x),
    "transposed without padding": lambda x: layers.Conv2DTranspose(
        5, (4, 3), strides=(3, 2), activation="relu"
    )(x),
    "transposed by a stride alone": lambda x: layers.Conv2DTranspose(
        6, 2, strides=3, padding="same"
    )(x),
    "permuted": layers.Permute((3, 1, 2)),
    "normalized before a convolution": normalized,
    "relu behind a pool": lambda x: layers.ReLU()(layers.MaxPooling2D(2)(x)),
    "relu of a sum that others read": shared_relu,
    "a summand that is next to nothing": lambda x: layers.Add()([x, layers.Conv2D(8, 1)(x * 1e-6)]),
    "a mean that is next to nothing": lambda x: layers.Conv2D(8, 1)(
        1e-6 * layers.GlobalAveragePooling2D(keepdims=True)(x - x + 1e-7 * x)
    ),
    "a tensor and itself": lambda x: layers.Add()([x, x]),
}


@pytest.fixture(scope="module", params=sorted(CHANGES))
def made(request: pytest.FixtureRequest) -> Steps:
    return steps(model_of(CHANGES[request.param]))


def test_the_graph_is_the_model(made: Steps) -> None:
    images = made.images.astype(np.float32)
    expected = made.source.forward(images).numpy()
    np.testing.assert_allclose(execute(made.graph, images), expected, rtol=1e-3, atol=1e-4)
    found = execute(made.deploy.graph, made.deploy.reals(made.images))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_both_engines_give_the_reference_codes_of_every_tensor(made: Steps) -> None:
    graph = made.quantized.graph
    images = np.concatenate(
        [
            images_for(made.source, seed=7, count=IMAGES // 2),
            np.random.default_rng(7).integers(0, 256, (IMAGES // 2, *made.images.shape[1:])),
        ]
    ).astype(np.uint8)
    engines = (by_litert(made.quantized, images), by_onnxruntime(made.quantized, images))
    for of_litert, of_onnx in zip(*engines, strict=True):
        for op in graph.ops:
            expected = integer_reference.run_op(graph, op, of_litert)
            np.testing.assert_array_equal(of_litert[op.output], expected, op.output)
            np.testing.assert_array_equal(of_onnx[op.output], expected, op.output)


def test_a_batch_gives_what_its_images_give(made: Steps) -> None:
    tflite, onnx = batched_scores(made, 3)
    np.testing.assert_array_equal(tflite, tflite_scores(made)[0][:3])
    np.testing.assert_array_equal(onnx, onnx_scores(made)[:3])


def test_nothing_is_in_float_and_xnnpack_takes_all(made: Steps, tmp_path: Path) -> None:
    assert not any(op.kind is Kind.FLOAT for op in made.quantized.graph.ops)
    path = tmp_path / "made.tflite"
    path.write_bytes(emit_tflite(made.quantized, Input.INT8))
    found = delegation(path)
    assert found is not None
    assert found.is_whole, found


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_onnxruntime_computes_in_codes_where_an_activation_is_beside_others(
    activation: str, tmp_path: Path
) -> None:
    quantized = steps(model_of(joined_with(activation))).quantized
    limited = [op for op in quantized.graph.ops if op.fused is not Fused.NONE]
    assert any(quantized.graph.quant(op.output).zero_point > CODE_MIN for op in limited)
    path = tmp_path / "made.onnx"
    path.write_bytes(emit_onnx(quantized, {}))
    assert audit(path).in_float == ()


def test_int8_is_float_with_the_noise_of_eight_bits(made: Steps) -> None:
    assert signal_to_noise_db(float_scores(made), tflite_scores(made)[0]) > 25


def test_a_relu_with_another_maximum_costs_no_operation() -> None:
    """The layers before and behind it take its units."""

    def limited_to(most: float) -> Steps:
        return steps(model_of(lambda x: layers.Conv2D(4, 1)(layers.ReLU(most)(x))))

    plain, limited = limited_to(6.0), limited_to(0.5)
    assert len(limited.deploy.graph.ops) == len(plain.deploy.graph.ops)
    assert limited.deploy.graph.ops[0].fused is Fused.RELU6
