"""MobileNetV4's blocks: all forms of the bottleneck, and attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import signal_to_noise_db, steps, with_live_statistics
from tests.export.model_fixtures import KERAS_WARNINGS, images, saved

from strop.export.emit.tflite import emit_tflite
from strop.export.inspect.delegation import delegation
from strop.export.ir.graph import Kind
from strop.export.source.source import load_model_file
from strop.export.zoo.networks.mobilenet_v4 import EPSILON, scores_of
from strop.export.zoo.networks.mobilenet_v4_stages import Attention, Bottleneck, Fused, Variant
from strop.export.zoo.networks.named_layers import Layers

pytestmark = [pytest.mark.filterwarnings(warning) for warning in KERAS_WARNINGS]

FORMS = (Bottleneck(3, 5, 2), Bottleneck(0, 3, 2), Bottleneck(3, 0, 2), Bottleneck(0, 0, 2))
HEADS, WIDTH = 2, 4
SMALL = Variant(
    stem=8,
    early=((Fused(8),),),
    late=((16, (*FORMS, Attention(HEADS, WIDTH, 2), Attention(HEADS, WIDTH))),),
    is_scaled=True,
)
KEYS_OF_EVERY_SECOND, KEYS_OF_ALL = "blocks_1_4", "blocks_1_5"


@pytest.fixture(scope="module")
def network() -> Any:
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, scores_of(image, SMALL, Layers(EPSILON), 1.0, 5))
    draw = np.random.default_rng(0)
    for layer in model.layers:
        if layer.name.endswith("layer_scale"):
            layer.set_weights([draw.uniform(0.5, 2, layer.kernel.shape)])
    return with_live_statistics(model)


def test_the_network_is_saved_with_layers_of_keras_only(network: Any, tmp_path: Path) -> None:
    loaded = load_model_file(saved(network, tmp_path / "small.keras"))
    pixels = images(2, side=32)
    expected = network(pixels, training=False)
    np.testing.assert_allclose(loaded.forward(tf.constant(pixels)), expected, atol=1e-5)


@pytest.mark.parametrize("block", [KEYS_OF_ALL, KEYS_OF_EVERY_SECOND])
def test_all_heads_ask_the_same_keys(network: Any, block: str) -> None:
    """Softmax(q k / sqrt(width)) v for each head and pixel; arXiv:2404.10518, "Mobile MQA"."""

    def part(name: str) -> Any:
        return network.get_layer(f"{block}_{name}")

    names = ("norm", "attn_query_proj", "attn_key_proj", "attn_value_proj", "attn_output_proj")
    seen = keras.Model(network.input, [part(name).output for name in names])
    _, query, key, value, found = (np.asarray(each)[0] for each in seen(images(1, side=32)))
    query = query.reshape(-1, HEADS, WIDTH)
    key, value = key.reshape(-1, WIDTH), value.reshape(-1, WIDTH)
    assert len(key) == (len(query) if block == KEYS_OF_ALL else len(query) // 4)
    weights = np.exp(np.einsum("phw,kw->phk", query, key) / np.sqrt(WIDTH))
    weights /= weights.sum(-1, keepdims=True)
    heads = np.einsum("phk,kw->phw", weights, value).reshape(*found.shape[:2], -1)
    expected = heads @ np.asarray(part("attn_output_proj").kernel)[0, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_attention_stays_in_float_and_layer_scales_go_into_convolutions(
    network: Any, tmp_path: Path
) -> None:
    made = steps(network, mean=(127.5,) * 3, std=(127.5,) * 3)
    kinds = [op.kind for op in made.quantized.graph.ops]
    assert kinds.count(Kind.FLOAT) == 2
    # Of the bottlenecks, of keys and values, and the norm in front of each attention.
    assert kinds.count(Kind.DEPTHWISE) == 4 + 2 + 2
    scores, step = tflite_scores(made)
    assert signal_to_noise_db(float_scores(made), scores) > 25
    # Floats of both engines are equal to 1e-6: a tie may still be rounded either way.
    assert np.abs(np.rint((onnx_scores(made) - scores) / step)).max() <= 1
    path = tmp_path / "small.tflite"
    path.write_bytes(emit_tflite(made.quantized))
    delegated = delegation(path)
    assert delegated is not None
    assert delegated.is_whole
