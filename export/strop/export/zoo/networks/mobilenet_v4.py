"""MobileNetV4: universal inverted bottlenecks, and attention in the hybrid networks.

Layers have the names of timm's modules, so that its checkpoints are read by name.

Sources: D. Qin et al., MobileNetV4, arXiv:2404.10518 (UIB, Mobile MQA); timm 1.0,
models/mobilenetv3.py, models/_efficientnet_blocks.py and layers/attention2d.py.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from strop.export.zoo.networks.mobilenet_v4_stages import (
    VARIANTS,
    Attention,
    Bottleneck,
    Convolution,
    Fused,
    Variant,
)
from strop.export.zoo.networks.named_layers import Layers, make_divisible

EPSILON, TIMM_EPSILON = 1e-3, 1e-5  # of batch norm, in the authors' code and in timm's
LAST, HEAD = 960, 1280  # channels in front of the mean over all pixels, and behind it
KEY_KERNEL = 3  # of the depthwise convolution that leaves fewer pixels with a key
FIRST_SCALE = 1e-5  # of a residual, before training


def zoo_network(name: str, *, input_shape: tuple[int, int, int], alpha: float, classes: int) -> Any:
    """Build a MobileNetV4 with fresh weights, padded as its authors' is.

    Args:
        name: Of the zoo.
        input_shape: Height, width, channels; pixels as the caller normalizes them.
        alpha: Width multiplier, > 0; of all channels but the stem's below 1 and the last 1280.
        classes: Length of a row of scores.

    Returns:
        A keras.Model.
    """
    image = keras.Input(input_shape, name="image")
    scores = scores_of(image, VARIANTS[name], Layers(EPSILON, pads_evenly=False), alpha, classes)
    return keras.Model(image, scores, name=name)


def timm_network(name: str, *, alpha: float, size: int, classes: int) -> Any:
    """Build a MobileNetV4 without its weights, with timm's padding and batch norm.

    Args:
        name: Of the zoo.
        alpha: Width multiplier.
        size: Side of the input in pixels.
        classes: Length of a row of probabilities.
    """
    image = keras.Input((size, size, 3), name="image")
    scores = scores_of(image, VARIANTS[name], Layers(TIMM_EPSILON), alpha, classes)
    return keras.Model(image, scores, name=name)


mobilenet_v4_conv_small = partial(zoo_network, "mobilenet_v4_conv_small")
mobilenet_v4_conv_medium = partial(zoo_network, "mobilenet_v4_conv_medium")
mobilenet_v4_conv_large = partial(zoo_network, "mobilenet_v4_conv_large")
mobilenet_v4_hybrid_medium = partial(zoo_network, "mobilenet_v4_hybrid_medium")
mobilenet_v4_hybrid_large = partial(zoo_network, "mobilenet_v4_hybrid_large")


def scores_of(x: Any, variant: Variant, net: Layers, alpha: float, classes: int) -> Any:
    """Add a network to an image, up to the softmax of its scores."""
    act = variant.activation
    stem = variant.stem if alpha < 1 else make_divisible(variant.stem * alpha)
    x = net.conv(x, ("conv_stem", "bn1"), stem, 3, stride=2, activation=act)
    for stage, convolutions in enumerate(variant.early):
        for place, block in enumerate(convolutions):
            x = _early(net, x, f"blocks.{stage}.{place}", block, alpha, act)
    for stage, (channels, blocks) in enumerate(variant.late, start=len(variant.early)):
        out = make_divisible(channels * alpha)
        for place, late in enumerate(blocks):
            where, stride = f"blocks.{stage}.{place}", 1 if place else 2
            if isinstance(late, Attention):
                x = _attention(net, x, where, late)
            else:
                x = _bottleneck(net, x, where, late, variant, out, stride)
    last = f"blocks.{len(variant.early) + len(variant.late)}.0"
    last_names = (f"{last}.conv", f"{last}.bn1")
    x = net.conv(x, last_names, make_divisible(LAST * alpha), 1, activation=act)
    x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = net.conv(x, ("conv_head", "norm_head"), HEAD, 1, activation=act)
    x = net.dense(keras.layers.Flatten()(x), "classifier", classes)
    return keras.layers.Softmax()(x)


def _early(
    net: Layers, x: Any, name: str, block: Convolution | Fused, alpha: float, activation: str
) -> Any:
    out = make_divisible(block.filters * alpha)
    if isinstance(block, Convolution):
        names = (f"{name}.conv", f"{name}.bn1")
        return net.conv(x, names, out, block.size, stride=block.stride, activation=activation)
    inner = make_divisible(x.shape[-1] * block.expansion)
    x = net.conv(x, (f"{name}.conv_exp", f"{name}.bn1"), inner, 3, stride=2, activation=activation)
    return net.conv(x, (f"{name}.conv_pwl", f"{name}.bn2"), out, 1)


def _bottleneck(
    net: Layers, x: Any, name: str, block: Bottleneck, variant: Variant, out: int, stride: int
) -> Any:
    """UIB: with both depthwise kernels, one of them (as in ConvNeXt or V2), or none."""

    def names(part: str) -> tuple[str, str]:
        return f"{name}.{part}.conv", f"{name}.{part}.bn"

    entry, inner = x, make_divisible(x.shape[-1] * block.expansion)
    if block.start:
        # The one in the middle, where there is one, leaves pixels out.
        first_stride = 1 if block.middle else stride
        x = net.depthwise(x, names("dw_start"), block.start, stride=first_stride)
    x = net.conv(x, names("pw_exp"), inner, 1, activation=variant.activation)
    if block.middle:
        x = net.depthwise(
            x, names("dw_mid"), block.middle, stride=stride, activation=variant.activation
        )
    x = net.conv(x, names("pw_proj"), out, 1)
    if variant.is_scaled:
        x = net.scale(x, f"{name}.layer_scale", FIRST_SCALE)
    is_residual = stride == 1 and entry.shape[-1] == out
    return keras.layers.Add()([entry, x]) if is_residual else x


def _attention(net: Layers, x: Any, name: str, block: Attention) -> Any:
    """Mobile MQA: all heads share one key and one value, of each pixel or of every second."""
    entry, (height, width, channels) = x, x.shape[1:]
    x = net.norm(x, f"{name}.norm")
    query = net.projection(x, f"{name}.attn.query.proj", block.heads * block.width)
    query = keras.layers.Rescaling(block.width**-0.5)(query)
    query = keras.layers.Reshape((height * width * block.heads, block.width))(query)
    key, value = (_shared(net, x, f"{name}.attn.{each}", block) for each in ("key", "value"))
    weights = keras.layers.Softmax()(keras.layers.Dot(axes=2)([query, key]))
    x = keras.layers.Dot(axes=(2, 1))([weights, value])
    x = keras.layers.Reshape((height, width, block.heads * block.width))(x)
    x = net.projection(x, f"{name}.attn.output.proj", channels)
    x = net.scale(x, f"{name}.layer_scale", FIRST_SCALE)
    return keras.layers.Add()([entry, x])


def _shared(net: Layers, x: Any, name: str, block: Attention) -> Any:
    """Keys or values, [N, pixels, width]."""
    if block.stride > 1:
        names = (f"{name}.down_conv", f"{name}.norm")
        x = net.depthwise(x, names, KEY_KERNEL, stride=block.stride)
    x = net.projection(x, f"{name}.proj", block.width)
    return keras.layers.Reshape((-1, block.width))(x)
