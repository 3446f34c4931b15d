"""Makes a Source of a network that TensorFlow runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import tensorflow as tf

from strop.export.source.input_layers import InputResize
from strop.export.source.load_errors import LOAD_ERRORS, reason
from strop.export.source.loaded_network import Network, Shape, weights_sha256
from strop.export.source.memory_limits import frozen
from strop.export.source.normalization import Normalization, is_identity, per_channel
from strop.export.source.source import Source, sanitized
from strop.runtime.artifact.contract import MAX_SIDE
from strop.runtime.classify.decision import is_row
from strop.runtime.errors import SourceError

INPUT_DTYPES = ("float32", "float16", "bfloat16", "uint8", "int32")


def tensorflow_source(
    network: Network,
    *,
    where: str,
    name: str,
    mean: Normalization,
    std: Normalization,
    size: tuple[int, int] | None,
) -> Source:
    """Take a network with a normalization in front of it.

    Args:
        network: As it was loaded.
        where: Named in errors.
        name: What the artifacts are called.
        mean: What to subtract from the pixels in front of the model.
        std: What to divide by after that.
        size: Height and width in pixels, for a model that leaves them open.

    Raises:
        SourceError: It is not one image in and rows of scores out, or a setting does not fit.
    """
    height, width, channels = _input_size(network, size, where)
    means, stds = per_channel(mean, std, channels, where=where)
    takes_pixels = is_identity(means, stds)
    if network.input_dtype in ("uint8", "int32") and not takes_pixels:
        raise SourceError(
            f"{where}: the model takes {network.input_dtype} pixels and normalizes them itself;"
            " leave out --mean and --std"
        )
    sha256 = weights_sha256(network, where=where)

    def normalized(images: tf.Tensor) -> tf.Tensor:
        values = images if takes_pixels else (images - means) / stds
        return tf.cast(values, network.input_dtype)

    def run(images: tf.Tensor) -> list[tf.Tensor]:
        try:
            return network.call(normalized(images))
        except LOAD_ERRORS as err:
            raise SourceError(
                f"{where}: the model does not run on images of {images.shape[1:]} ({reason(err)});"
                " pass the --size that it was trained for, or save it again"
            ) from err

    found = network.output_shapes
    if any(None in shape[1:] or not shape for shape in found):
        found = _probe(run, (1, height, width, channels), where)
    named = zip(network.names[1:], found, strict=True)
    shapes = tuple(_without_batch(shape, where, name) for name, shape in named)

    def apart(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _shaped(run(images), shapes)

    def forward(images: tf.Tensor) -> tf.Tensor:
        return _row(apart(images))

    return Source(
        name=sanitized(name),
        height=height,
        width=width,
        channels=channels,
        shapes=shapes,
        names=network.names,
        mean=means,
        std=stds,
        sha256=sha256,
        takes_pixels=takes_pixels,
        forward=forward,
        apart=None if len(shapes) == 1 and is_row(shapes[0]) else apart,
        resize=_on_pixels(network.resize, normalized, shapes),
        model=network.model,
    )


def _on_pixels(
    resize: InputResize | None,
    normalized: Callable[[tf.Tensor], tf.Tensor],
    shapes: tuple[tuple[int, ...], ...],
) -> InputResize | None:
    """Let the whole model take pixels and give one row of scores per image."""
    if resize is None:
        return None
    model = resize.whole

    def whole(images: tf.Tensor) -> tf.Tensor:
        return _row(_shaped(model(normalized(images)), shapes))

    return replace(resize, whole=whole)


def _shaped(outputs: list[tf.Tensor], shapes: tuple[tuple[int, ...], ...]) -> tuple[tf.Tensor, ...]:
    """Give each output its shape, rows of scores without sides of 1."""
    pairs = zip(outputs, shapes, strict=True)
    return tuple(tf.cast(tf.reshape(found, (-1, *shape)), tf.float32) for found, shape in pairs)


def _row(outputs: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """Make each output flat, and put them one behind the other."""
    rows = [tf.reshape(found, (-1, prod(found.shape[1:]))) for found in outputs]
    return rows[0] if len(rows) == 1 else tf.concat(rows, 1)


def _input_size(network: Network, size: tuple[int, int] | None, where: str) -> tuple[int, int, int]:
    shape = network.input_shape
    if len(shape) != 4:
        raise SourceError(
            f"{where}: the input is {shape}; needed is a batch of images, (None, H, W, channels)"
        )
    if network.input_dtype not in INPUT_DTYPES:
        raise SourceError(
            f"{where}: the input is {network.input_dtype}; needed is {' or '.join(INPUT_DTYPES)}"
        )
    if shape[0] not in (None, 1):
        raise SourceError(
            f"{where}: the batch is fixed to {shape[0]} images; save the model with an open batch"
        )
    fixed_height, fixed_width, channels = shape[1:]
    if channels not in (1, 3):
        hint = "; channels must come last (NHWC)" if fixed_height in (1, 3) else ""
        raise SourceError(
            f"{where}: the input is {shape}, with {channels} channels; images have 1 (grey) or 3"
            f" (RGB){hint}"
        )
    if size is None and (fixed_height is None or fixed_width is None):
        raise SourceError(
            f"{where}: the model leaves its input size open, {shape}; pass --size HxW, the size"
            " that it was trained for"
        )
    height, width = size or (fixed_height or 0, fixed_width or 0)
    if fixed_height not in (None, height) or fixed_width not in (None, width):
        raise SourceError(
            f"{where}: --size is {height}x{width}, and the model's input is fixed to {shape};"
            " leave out --size"
        )
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise SourceError(
            f"{where}: input size {height}x{width}; a side has 1 to {MAX_SIDE} pixels"
        )
    return height, width, channels


def _probe(
    run: Callable[[tf.Tensor], list[tf.Tensor]], shape: Shape, where: str
) -> tuple[Shape, ...]:
    """Find the outputs' shapes at this input size by running the model once."""
    frozen(run, shape, where=where)  # checks the results' sizes
    return tuple(tuple(found.shape) for found in run(tf.zeros(shape)))


def _without_batch(shape: Shape, where: str, name: str) -> tuple[int, ...]:
    """Return what one image has: [classes], also of a convolution's [1, 1, classes], or a map."""
    sides = [side for side in shape[1:] if side]
    if len(sides) < max(len(shape) - 1, 1):
        raise SourceError(
            f"{where}: output {name!r} is {shape}; needed is a batch of scores or maps, as (None,"
            " classes) or (None, height, width, classes), or leave it out with --outputs"
        )
    return (prod(sides),) if is_row(sides) else tuple(sides)
