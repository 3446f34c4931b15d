"""Segmentation on the MobileNets of Keras: LR-ASPP, DeepLabV3 and DeepLabV3+.

All keep the backbone at an output stride of 16, take pixels 0..255 and give logits of the input's
own size. DeepLab is without its pyramid, as on MobileNetV2.

Sources: A. Howard et al., Searching for MobileNetV3, arXiv:1905.02244, section 6.4 (LR-ASPP; its
window of 49 x 49 holds the whole map of an input up to 784 pixels); M. Sandler et al., MobileNetV2,
arXiv:1801.04381, section 6.3 (DeepLabV3, where the pyramid is left out); L.-C. Chen et al.,
Encoder-Decoder with Atrous Separable Convolution, arXiv:1802.02611, sections 3.1 and 4.1 (the
decoder of DeepLabV3+).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from strop.export.zoo.architectures import MAP_STRIDE
from strop.export.zoo.networks.atrous import atrous, last_block
from strop.export.zoo.networks.layers import convolution, depthwise, scaled
from strop.export.zoo.networks.pixels import pixels_of, scaled_pixels

LR_ASPP_FILTERS = 128
DEEPLAB_FILTERS = 256
LOW_STRIDE = 8  # of the features that LR-ASPP adds
DECODER_STRIDE = 4  # of those that DeepLabV3+ adds
DECODER_FILTERS = 48
STEP = 8  # channels
# The last features of that stride, as research/deeplab of TensorFlow's models takes them.
V2_DECODER_LAYER = "block_2_depthwise_relu"

Shape = tuple[int, int, int]


def lr_aspp(build: Any, *, input_shape: Shape, classes: int, alpha: float = 1.0) -> Any:
    """LR-ASPP on a MobileNetV3.

    Args:
        build: Of keras.applications.
        input_shape: Of the input; its two sides are equal, a multiple of 16.
        classes: With the background.
        alpha: Width multiplier, of the head too: of a narrow network it would be the most.

    Returns:
        A keras.Model: pixels 0..255 [N, side, side, 3] to logits [N, side, side, classes].
    """
    side = input_shape[0]
    backbone = atrous(build(input_shape=input_shape, alpha=alpha, include_top=False, weights=None))
    low, high = last_block(backbone, side // LOW_STRIDE), backbone.output
    filters = scaled(LR_ASPP_FILTERS, alpha, STEP)
    x = convolution(high, filters, activation="relu")
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(high)
    gate = keras.layers.Conv2D(filters, 1, use_bias=False, activation="sigmoid")(gate)
    x = keras.layers.Multiply()([x, gate])
    x = _enlarged(x, MAP_STRIDE // LOW_STRIDE)
    scores = [keras.layers.Conv2D(classes, 1)(each) for each in (low, x)]
    return keras.Model(backbone.inputs[0], _enlarged(keras.layers.Add()(scores), LOW_STRIDE))


lr_aspp_v3_small = partial(lr_aspp, keras.applications.MobileNetV3Small)
lr_aspp_v3_large = partial(lr_aspp, keras.applications.MobileNetV3Large)


def deeplab_v3(*, input_shape: Shape, classes: int, alpha: float = 1.0) -> Any:
    """DeepLabV3 on MobileNetV2, with image features; otherwise `lr_aspp`."""
    backbone = _v2(input_shape, alpha)
    scores = keras.layers.Conv2D(classes, 1)(_encoded(backbone, alpha))
    return keras.Model(backbone.inputs[0], _enlarged(scores, MAP_STRIDE))


def deeplab_v3_plus(*, input_shape: Shape, classes: int, alpha: float = 1.0) -> Any:
    """DeepLabV3+ on MobileNetV2: the encoder of `deeplab_v3` and a decoder at a stride of 4."""
    backbone = _v2(input_shape, alpha)
    high = _enlarged(_encoded(backbone, alpha), MAP_STRIDE // DECODER_STRIDE)
    low = backbone.get_layer(V2_DECODER_LAYER).output
    low = convolution(low, scaled(DECODER_FILTERS, alpha, STEP), activation="relu")
    x = keras.layers.Concatenate()([high, low])
    for _ in range(2):
        x = depthwise(x, activation="relu")
        x = convolution(x, scaled(DEEPLAB_FILTERS, alpha, STEP), activation="relu")
    scores = keras.layers.Conv2D(classes, 1)(x)
    return keras.Model(backbone.inputs[0], _enlarged(scores, DECODER_STRIDE))


def _v2(input_shape: Shape, alpha: float) -> Any:
    pixels = scaled_pixels(pixels_of(input_shape))
    return atrous(
        keras.applications.MobileNetV2(
            input_tensor=pixels, alpha=alpha, include_top=False, weights=None
        )
    )


def _encoded(backbone: Any, alpha: float) -> Any:
    """Return the features of the last map, with the mean over all of it."""
    side = int(backbone.inputs[0].shape[1]) // MAP_STRIDE
    filters = scaled(DEEPLAB_FILTERS, alpha, STEP)
    high = last_block(backbone, side)
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True)(high)
    pooled = convolution(pooled, filters, activation="relu")
    pooled = _enlarged(pooled, side)
    x = convolution(high, filters, activation="relu")
    x = keras.layers.Concatenate()([pooled, x])
    return convolution(x, filters, activation="relu")


def _enlarged(x: Any, times: int) -> Any:
    return keras.layers.UpSampling2D(times, interpolation="bilinear")(x)
