"""Segmentation heads on the MobileNets of Keras: LR-ASPP, and DeepLabV3 without its pyramid.

Both keep the backbone at an output stride of 16 and give scores of the input's own size. They are
no members of the zoo yet: export, sweep and training take rows of scores, and these are maps.

Sources: A. Howard et al., Searching for MobileNetV3, arXiv:1905.02244, section 6.4 (LR-ASPP; its
window of 49 x 49 holds the whole map of an input up to 784 pixels); M. Sandler et al., MobileNetV2,
arXiv:1801.04381, section 6.3 (DeepLabV3, where the pyramid is left out).
"""

from __future__ import annotations

from typing import Any

import keras

from strop.export.zoo.networks.atrous import OUTPUT_STRIDE, atrous, last_block
from strop.export.zoo.networks.layers import convolution

LR_ASPP_FILTERS = 128
DEEPLAB_FILTERS = 256
LOW_STRIDE = 8  # of the features that LR-ASPP adds


def lr_aspp(*, size: str, side: int, classes: int, alpha: float = 1.0) -> Any:
    """LR-ASPP on MobileNetV3.

    Args:
        size: "small" or "large".
        side: Of the input, a multiple of 16.
        classes: With the background.
        alpha: Width multiplier of the backbone.

    Returns:
        A keras.Model: pixels 0..255 [N, side, side, 3] to logits [N, side, side, classes].
    """
    build = {
        "small": keras.applications.MobileNetV3Small,
        "large": keras.applications.MobileNetV3Large,
    }[size]
    backbone = atrous(
        build(input_shape=(side, side, 3), alpha=alpha, include_top=False, weights=None)
    )
    low, high = last_block(backbone, side // LOW_STRIDE), backbone.output
    x = convolution(high, LR_ASPP_FILTERS, activation="relu")
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(high)
    gate = keras.layers.Conv2D(LR_ASPP_FILTERS, 1, use_bias=False, activation="sigmoid")(gate)
    x = keras.layers.Multiply()([x, gate])
    x = _enlarged(x, OUTPUT_STRIDE // LOW_STRIDE)
    scores = [keras.layers.Conv2D(classes, 1)(each) for each in (low, x)]
    return keras.Model(backbone.input, _enlarged(keras.layers.Add()(scores), LOW_STRIDE))


def deeplab_v3(*, side: int, classes: int, alpha: float = 1.0) -> Any:
    """DeepLabV3 on MobileNetV2, with image features and without the atrous pyramid.

    Args:
        side: Of the input, a multiple of 16.
        classes: With the background.
        alpha: Width multiplier of the backbone.

    Returns:
        A keras.Model: pixels / 127.5 - 1, [N, side, side, 3], to logits [N, side, side, classes].
    """
    backbone = atrous(
        keras.applications.MobileNetV2(
            input_shape=(side, side, 3), alpha=alpha, include_top=False, weights=None
        )
    )
    high = last_block(backbone, side // OUTPUT_STRIDE)
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True)(high)
    pooled = convolution(pooled, DEEPLAB_FILTERS, activation="relu")
    pooled = _enlarged(pooled, side // OUTPUT_STRIDE)
    x = convolution(high, DEEPLAB_FILTERS, activation="relu")
    x = keras.layers.Concatenate()([pooled, x])
    x = convolution(x, DEEPLAB_FILTERS, activation="relu")
    scores = keras.layers.Conv2D(classes, 1)(x)
    return keras.Model(backbone.input, _enlarged(scores, OUTPUT_STRIDE))


def _enlarged(x: Any, times: int) -> Any:
    return keras.layers.UpSampling2D(times, interpolation="bilinear")(x)
