"""The float model to compare on: a file, or an untrained member of the zoo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from strop.export.ir.graph import Array
from strop.export.source.source import Source, from_keras_model
from strop.export.zoo.architectures import architecture
from strop.export.zoo.build import keras_model
from strop.export.zoo.spec import RANDOM, ModelSpec
from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.images.dataset import pixels_in_order

MAX_STATISTICS_IMAGES = 32  # one batch; EfficientNet-B0's activations take 1.5 GB at 224 x 224
SEED = 0


def untrained_with_statistics(
    name: str, images: Sequence[Path], *, resize: ResizeRule, crop_fraction: float
) -> Source:
    """A member of the zoo with random weights, its batch norm set from images.

    Untrained, a network's activations shrink from layer to layer; int8 scales then differ
    by orders of magnitude, and XNNPACK refuses additions and products of such tensors, so
    that latencies are not those of a trained network.

    Args:
        name: As in the zoo.
        images: Evenly spread, MAX_STATISTICS_IMAGES of them are used.
        resize: How they become the input's size.
        crop_fraction: See Contract.
    """
    member = architecture(name)
    model = keras_model(ModelSpec(model=name, weights=RANDOM, seed=SEED))
    contract = Contract(
        height=member.default_size,
        width=member.default_size,
        resize=resize,
        crop_fraction=crop_fraction,
    )
    some = images[:: -(-len(images) // MAX_STATISTICS_IMAGES)]
    pixels = np.stack(list(pixels_in_order(some, contract))).astype(np.float32)
    set_statistics(model, (pixels - member.mean) / member.std)
    return from_keras_model(model, name=name, mean=member.mean, std=member.std)


def set_statistics(model: Any, images: Array) -> None:
    """Set each batch norm's moving statistics to those of one batch; the model is changed.

    In training mode every layer normalizes by the batch itself, so one pass is exact for
    all layers; with momentum 0 the moving statistics become the batch's.

    Args:
        model: A built keras.Model. Its dropout is turned off, which inference does anyway.
        images: float32 [N, H, W, C], normalized for the model.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
        elif isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    model(images, training=True)
