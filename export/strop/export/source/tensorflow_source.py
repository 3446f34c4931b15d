"""Makes a Source of a network that TensorFlow runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import tensorflow as tf

from strop.export.source.input_layers import InputResize
from strop.export.source.load_errors import LOAD_ERRORS, reason
from strop.export.source.loaded_network import Network, Shape, weights_sha256
from strop.export.source.memory_limits import frozen
from strop.export.source.normalization import Normalization, is_identity, per_channel
from strop.export.source.source import Source, sanitized
from strop.runtime.artifact.contract import MAX_SIDE
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

    shapes = network.output_shapes
    if any(None in shape[1:] or not shape for shape in shapes):
        shapes = _probe(run, (1, height, width, channels), where)
    named = zip(network.names[1:], shapes, strict=True)
    sizes = tuple(_classes(shape, where, name, len(shapes)) for name, shape in named)

    def apart(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _rows(run(images), sizes)

    def forward(images: tf.Tensor) -> tf.Tensor:
        return _joined(apart(images))

    return Source(
        name=sanitized(name),
        height=height,
        width=width,
        channels=channels,
        sizes=sizes,
        names=network.names,
        mean=means,
        std=stds,
        sha256=sha256,
        takes_pixels=takes_pixels,
        forward=forward,
        apart=apart if len(sizes) > 1 else None,
        resize=_on_pixels(network.resize, normalized, sizes),
        model=network.model,
    )


def _on_pixels(
    resize: InputResize | None, normalized: Callable[[tf.Tensor], tf.Tensor], sizes: tuple[int, ...]
) -> InputResize | None:
    """Let the whole model take pixels and give one row of scores per image."""
    if resize is None:
        return None
    model = resize.whole

    def whole(images: tf.Tensor) -> tf.Tensor:
        return _joined(_rows(model(normalized(images)), sizes))

    return replace(resize, whole=whole)


def _rows(outputs: list[tf.Tensor], sizes: tuple[int, ...]) -> tuple[tf.Tensor, ...]:
    """Give each output one row of scores per image."""
    pairs = zip(outputs, sizes, strict=True)
    return tuple(tf.cast(tf.reshape(found, (-1, size)), tf.float32) for found, size in pairs)


def _joined(rows: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """Put the outputs one behind the other."""
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


def _classes(shape: Shape, where: str, name: str, outputs: int) -> int:
    """Read the length of a row of scores: [N, classes], or a convolution's [N, 1, 1, classes]."""
    classes = shape[-1] if shape else None
    is_row = len(shape) == 2 or (len(shape) == 4 and shape[1:3] == (1, 1))
    if not is_row or not classes:
        which, cut = "the output", ", or cut off what follows them"
        if outputs > 1:
            which, cut = f"output {name!r}", ", or leave it out with --outputs"
        raise SourceError(
            f"{where}: {which} is {shape}; needed is one row of scores per image, (None,"
            " classes) or (None, 1, 1, classes); end the model with GlobalAveragePooling2D and"
            f" Dense{cut}"
        )
    return classes
