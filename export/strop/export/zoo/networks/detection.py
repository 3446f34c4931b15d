"""SSDLite on the MobileNets of Keras: boxes and scores of six maps, apart.

Sources: W. Liu et al., SSD, arXiv:1512.02325, section 2.1; M. Sandler et al., MobileNetV2,
arXiv:1801.04381, section 6.2 (SSDLite: the first map is the expansion of the block with the last
stride); A. Howard et al., Searching for MobileNetV3, arXiv:1905.02244, section 6.3; filters of the
four maps that are added: ssdlite_mobilenet_v2_coco.config of TensorFlow's object detection API.
"""

from __future__ import annotations

from typing import Any

import keras

from strop.export.zoo.networks.atrous import last_block
from strop.export.zoo.networks.layers import convolution, depthwise
from strop.export.zoo.networks.pixels import pixels_of, scaled_pixels

BOXES, SCORES = "boxes", "scores"  # the outputs' names
EXTRA_FILTERS = (512, 256, 256, 128)  # of each map that is half as large as the one before
V2_FILTERS = 1280
V3_LARGE_FILTERS = 960
FIRST_ANCHORS, ANCHORS = 3, 6  # of a place of the first map, and of others
CODES = 4  # numbers of a box
STEP = 8  # channels


def ssdlite_v2(*, input_shape: tuple[int, int, int], classes: int, alpha: float = 1.0) -> Any:
    """SSDLite on MobileNetV2.

    Args:
        input_shape: Of the input; its two sides are equal, a multiple of 32.
        classes: Without the background.
        alpha: Width multiplier, of the maps that are added too.

    Returns:
        A keras.Model: pixels 0..255 to `boxes` [N, A, 4] and `scores` [N, A, 1 + classes], which
        are codes and logits of the anchors of `anchors.py`; the first score is the background's.
    """
    pixels = pixels_of(input_shape)
    backbone = keras.applications.MobileNetV2(
        input_tensor=scaled_pixels(pixels), alpha=alpha, include_top=False, weights=None
    )
    # At widths below 1 Keras keeps the last layer as wide; for a detector it is most of all.
    last = _last_map(backbone, filters=_width(V2_FILTERS, alpha), activation="relu6")
    first = backbone.get_layer("block_13_expand_relu").output
    return _ssdlite(pixels, first, last, classes=classes, alpha=alpha)


def ssdlite_v3_large(*, input_shape: tuple[int, int, int], classes: int, alpha: float = 1.0) -> Any:
    """SSDLite on MobileNetV3-Large; otherwise `ssdlite_v2`."""
    pixels = pixels_of(input_shape)
    backbone = keras.applications.MobileNetV3Large(
        input_tensor=pixels, alpha=alpha, include_top=False, weights=None
    )
    last = _last_map(backbone, filters=_width(V3_LARGE_FILTERS, alpha), activation="hard_swish")
    expansion = backbone.get_layer("expanded_conv_12_expand_bn").output
    (first,) = (layer.output for layer in backbone.layers if layer.input is expansion)
    return _ssdlite(pixels, first, last, classes=classes, alpha=alpha)


def _last_map(backbone: Any, *, filters: int, activation: str) -> Any:
    side = int(backbone.output.shape[1])
    return convolution(last_block(backbone, side), filters, activation=activation)


def _ssdlite(pixels: Any, first: Any, last: Any, *, classes: int, alpha: float) -> Any:
    maps = [first, last]
    for filters in EXTRA_FILTERS:
        width = _width(filters, alpha)
        x = convolution(maps[-1], width // 2, activation="relu6")
        x = depthwise(x, stride=2, activation="relu6")
        maps.append(convolution(x, width, activation="relu6"))
    boxes, scores = [], []
    for place, each in enumerate(maps):
        anchors = FIRST_ANCHORS if place == 0 else ANCHORS
        boxes.append(_head(each, anchors, CODES))
        scores.append(_head(each, anchors, 1 + classes))
    outputs = [
        keras.layers.Concatenate(axis=1, name=name)(parts)
        for name, parts in ((BOXES, boxes), (SCORES, scores))
    ]
    return keras.Model(pixels, outputs)


def _head(x: Any, anchors: int, numbers: int) -> Any:
    """Give each anchor of a map its numbers: [N, H * W * anchors, numbers]."""
    x = depthwise(x, activation="relu6")
    x = keras.layers.Conv2D(anchors * numbers, 1)(x)
    return keras.layers.Reshape((-1, numbers))(x)


def _width(filters: int, alpha: float) -> int:
    return max(STEP, int(filters * alpha + STEP / 2) // STEP * STEP)
