"""The Resizing layer with which a Keras model begins becomes a part of the contract.

A model of open size that begins with Resizing(224, 224) takes an image of any size. Its int8
file begins behind that layer, at 224x224, and the contract says how an image gets there, so
that the device resizes as for any other file. The certificate runs the model as it is, on whole
images: Keras resizes without antialiasing and strop.runtime with it, and what that
changes in the answers is in the certificate's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from strop.runtime.artifact.contract import ResizeRule
from strop.runtime.errors import SourceError

# They do the same to every pixel, or nothing in inference, so that it is the same whether the
# image is resized before or behind them.
PIXELWISE = (
    keras.layers.Rescaling,
    keras.layers.Normalization,
    keras.layers.Identity,
    keras.layers.RandomBrightness,
    keras.layers.RandomContrast,
    keras.layers.RandomFlip,
    keras.layers.RandomRotation,
    keras.layers.RandomTranslation,
    keras.layers.RandomZoom,
)
ADVICE = (
    "take the layer out, or make the model with a fixed input size in front of it:"
    " keras.Input((H, W, 3))"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InputResize:
    """What a model's own Resizing layer does to an image of any size.

    Attributes:
        rule: How the contract says it.
        crop_fraction: For the rule.
        whole: The whole model: float32 [1, H, W, C] of any size to its own outputs; of a Source,
            to one row of them.
    """

    rule: ResizeRule
    crop_fraction: float
    whole: Callable[[tf.Tensor], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class BehindResize:
    """A model without the Resizing layer that it begins with.

    Attributes:
        height: Of its input.
        width: Of its input.
        call: The rest of the model, float32 [N, height, width, C] to its outputs.
        rule: STRETCH, or CROP for a layer that keeps the image's aspect.
    """

    height: int
    width: int
    call: Callable[[tf.Tensor], list[tf.Tensor]]
    rule: ResizeRule


def behind_resize(model: Any, *, where: str) -> BehindResize | None:
    """Split a Keras model at the Resizing layer that it begins with.

    Args:
        model: A built functional or sequential keras.Model.
        where: Named in the error.

    Returns:
        None where it does not begin with one, or where its input has a fixed size of another
        aspect: then the layer stays in the network.

    Raises:
        SourceError: Its input has an open size, and the layer does what no contract says.
    """
    chain, tail = _chain(model)
    lead = [layer for layer in _until_other(chain) if not isinstance(layer, PIXELWISE)]
    size = model.inputs[0].shape[1:3]
    if not lead:
        return None
    layer = lead[0]
    if None in size:
        _check_sayable(layer, where)
    elif not _is_plain(layer) or size[0] * layer.width != size[1] * layer.height:
        return None
    rest = [one for one in chain if one is not layer]

    def call(images: tf.Tensor) -> list[tf.Tensor]:
        values = images
        for one in rest:
            values = one(values, training=False)
        found = values if tail is None else tail(values, training=False)
        outputs: list[tf.Tensor] = keras.tree.flatten(found)
        return outputs

    keeps_aspect = getattr(layer, "crop_to_aspect_ratio", False)
    return BehindResize(
        height=layer.height,
        width=layer.width,
        call=call,
        rule=ResizeRule.CROP if keeps_aspect else ResizeRule.STRETCH,
    )


def _until_other(chain: Sequence[Any]) -> Iterator[Any]:
    """The layers in front, up to the first that changes the image's size, included."""
    for layer in chain:
        if isinstance(layer, (keras.layers.Resizing, keras.layers.CenterCrop)):
            yield layer
            return
        if not isinstance(layer, PIXELWISE):
            return
        yield layer


def _is_plain(layer: Any) -> bool:
    return (
        isinstance(layer, keras.layers.Resizing)
        and layer.interpolation == "bilinear"
        and not layer.crop_to_aspect_ratio
        and not layer.pad_to_aspect_ratio
    )


def _check_sayable(layer: Any, where: str) -> None:
    found = ""
    if not isinstance(layer, keras.layers.Resizing):
        found = f"cuts {layer.height}x{layer.width} pixels out of an image of any size"
    elif layer.interpolation != "bilinear":
        found = f"resizes by {layer.interpolation!r}, and strop.runtime by 'bilinear'"
    elif layer.pad_to_aspect_ratio:
        found = "pads the image to its aspect"
    if found:
        raise SourceError(
            f"{where}: layer {layer.name!r} {found}, which no contract says; {ADVICE}"
        )


def _chain(model: Any) -> tuple[list[Any], Any | None]:
    """The layers through which the image passes first, one after the other, and all behind."""
    if isinstance(model, keras.Sequential):
        return list(_flat(model.layers)), None
    layers: list[Any] = []
    tensor = model.inputs[0]
    while tensor is not model.outputs[0]:
        readers = [pair for layer in model.layers for pair in _reads(layer, tensor)]
        if len(readers) != 1 or not isinstance(readers[0][0], _CHAINED):
            break
        layer, tensor = readers[0]
        layers += _flat([layer])
    is_all = tensor is model.outputs[0]
    return layers, None if is_all or not layers else keras.Model(tensor, model.outputs[0])


_CHAINED = (*PIXELWISE, keras.layers.Resizing, keras.layers.CenterCrop, keras.Sequential)


def _reads(layer: Any, tensor: Any) -> Iterator[tuple[Any, Any]]:
    """The layer with its result, for each time that it is called on a tensor."""
    # Keras has no public way from a tensor to what reads it.
    for node in layer._inbound_nodes:
        if any(one is tensor for one in node.input_tensors):
            yield layer, node.output_tensors[0]


def _flat(layers: Sequence[Any]) -> Iterator[Any]:
    """The layers, those of nested Sequential models in their places."""
    for layer in layers:
        if isinstance(layer, keras.Sequential):
            yield from _flat(layer.layers)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer
