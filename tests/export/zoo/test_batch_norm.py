"""Batch norms go into convolutions as PyTorch's exporter folds them, to the last digit."""

from __future__ import annotations

import keras
import numpy as np
from tests.export.graphs import images_for

from strop.export.frontend.convert import float_graph
from strop.export.ir.graph import LINEAR, Array
from strop.export.source.source import from_keras_model
from strop.export.zoo.batch_norm import fold_batch_norms

EPSILON = 1e-3


def network() -> keras.Model:
    """Two norms that alone read a convolution, and one whose convolution is read twice."""
    layers = keras.layers
    keras.utils.set_random_seed(3)
    image = keras.Input((12, 12, 3))
    x = layers.Conv2D(6, 3, use_bias=False, name="full")(image)
    x = layers.ReLU()(layers.BatchNormalization(epsilon=EPSILON, name="full_norm")(x))
    x = layers.DepthwiseConv2D(3, use_bias=False, name="each")(x)
    x = layers.ReLU()(layers.BatchNormalization(epsilon=EPSILON, name="each_norm")(x))
    twice = layers.Conv2D(4, 1, use_bias=False, name="twice")(x)
    x = layers.Add()([twice, layers.BatchNormalization(name="twice_norm")(twice)])
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 2, each.shape) for each in layer.weights])
    return model


def folded(model: keras.Model, name: str) -> tuple[Array, Array]:
    """A convolution's weights and bias by the formula of onnxscript, in float32."""
    (kernel,) = model.get_layer(name).get_weights()
    gamma, beta, mean, variance = model.get_layer(f"{name}_norm").get_weights()
    factor = gamma / np.sqrt(variance + np.float32(EPSILON))
    is_depthwise = name == "each"
    return kernel * (factor[:, None] if is_depthwise else factor), beta - mean * factor


def weights_of(model: keras.Model, *names: str) -> list[Array]:
    return [values for name in names for values in model.get_layer(name).get_weights()]


def test_weights_have_the_digits_of_pytorchs_exporter_behind_the_converter() -> None:
    model = network()
    expected = [folded(model, name) for name in ("full", "each")]
    source = from_keras_model(model, name="net")
    images = images_for(source, count=3).astype(np.float32)
    before, sha256 = source.scores(images), source.sha256
    kept = weights_of(model, "twice", "twice_norm")
    fold_batch_norms(model)
    after = source.scores(images)
    # float32's rounding of sums of some hundred products.
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4 * np.abs(before).max())
    assert source.sha256 == sha256
    for one, other in zip(kept, weights_of(model, "twice", "twice_norm"), strict=True):
        assert np.array_equal(one, other)
    graph = float_graph(source)
    found = [op for op in graph.ops if op.kind in LINEAR][:2]
    for op, (kernel, bias) in zip(found, expected, strict=True):
        weights = kernel.transpose(3, 0, 1, 2)
        assert np.array_equal(graph.data(op.inputs[1]), weights)
        assert np.array_equal(graph.data(op.inputs[2]), bias)
