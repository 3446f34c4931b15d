"""Opens the model that an export starts from, as a function of pixels."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tensorflow as tf

from strop.export.source.input_layers import InputResize
from strop.export.source.keras_files import open_keras
from strop.export.source.load_errors import LOAD_ERRORS, reason
from strop.export.source.loaded_network import (
    Network,
    Shape,
    keras_network,
    weights_sha256,
)
from strop.export.source.memory_limits import frozen
from strop.export.source.saved_model import saved_model_network
from strop.runtime.artifact.contract import MAX_SIDE
from strop.runtime.errors import SourceError

Normalization = float | Sequence[float] | None
"""One number, one per channel, or None: 0 as a mean, 1 as a standard deviation."""

INPUT_DTYPES = ("float32", "float16", "bfloat16", "uint8", "int32")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A model with one image in and one row of scores out.

    Attributes:
        name: What its artifacts are called; letters, digits, ".", "_" and "-" only.
        height: Input height in pixels.
        width: Input width in pixels.
        channels: 3 (RGB) or 1 (grey).
        classes: Length of a row of scores.
        names: Of input and output, as who made the model calls them.
        mean: Per channel, in 0..255 units; subtracted in front of the model.
        std: Per channel, in 0..255 units, > 0; divided by in front of the model.
        sha256: Of the weights, in hex; see `strop.export.source.loaded_network.weights_sha256`.
        takes_pixels: Whether the model is fed with pixels 0..255 elsewhere too; else with
            (pixel - mean) / std.
        forward: float32 [N, height, width, channels], pixels 0..255, to float32
            [N, classes]: the model's own output, `mean` and `std` applied inside. It runs
            eagerly; `compiled` runs it often.
        resize: What the model itself does to an image of any size before that, `whole`
            [1, H, W, channels], pixels 0..255, to float32 [1, classes]; None for nothing.
        model: The Keras model that it is, without `mean` and `std`; None of a SavedModel.
        file: Where it was loaded from; None of a model that was in memory.
        graphs: What `compiled` and `batch_of_one` have made; tracing takes as long as a
            hundred images do.
    """

    name: str
    height: int
    width: int
    channels: int
    classes: int
    names: tuple[str, str]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str
    takes_pixels: bool
    forward: Callable[[tf.Tensor], tf.Tensor]
    resize: InputResize | None = None
    model: Any = None
    file: Path | None = None
    # Not taken over by `replace`: another `forward` has other graphs.
    graphs: dict[str, Any] = field(default_factory=dict, init=False, compare=False)

    def compiled(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Return `forward` as a TensorFlow function of any number of images."""
        if "compiled" not in self.graphs:
            shape = (None, self.height, self.width, self.channels)
            spec = tf.TensorSpec(shape, tf.float32, name="images")
            made = tf.function(self.forward, autograph=False, input_signature=(spec,))
            self.graphs["compiled"] = made
        found: Callable[[tf.Tensor], tf.Tensor] = self.graphs["compiled"]
        return found

    def batch_of_one(self) -> Any:
        """Return `forward` as a concrete function of one image, its variables made constants.

        Raises:
            SourceError: A result in it has over 2**28 elements.
        """
        if "batch_of_one" not in self.graphs:
            shape = (1, self.height, self.width, self.channels)
            self.graphs["batch_of_one"] = frozen(self.forward, shape, where=self.name)
        return self.graphs["batch_of_one"]

    def __repr__(self) -> str:
        sides = f"{self.height}x{self.width}x{self.channels}"
        return f"<Source {self.name}: {sides}, {self.classes} classes>"


def load_model_file(
    path: str | Path,
    *,
    name: str | None = None,
    mean: Normalization = None,
    std: Normalization = None,
    size: tuple[int, int] | None = None,
) -> Source:
    """Load a model from a .keras file, an HDF5 file or a SavedModel folder.

    Args:
        path: The file, whatever its suffix, or the folder.
        name: What the artifacts are called; None for the name of the file or folder.
        mean: What to subtract from the pixels in front of the model.
        std: What to divide by after that.
        size: Height and width in pixels, for a model that leaves them open.

    Raises:
        SourceError: It cannot be read, holds code, or is not one image in and one row of
            scores out; or the settings do not fit it.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(
            f"{path}: no such file or folder; needed is a .keras file, an .h5 file, a SavedModel"
            " folder or a name that `strop zoo` lists"
        )
    if path.is_dir():
        network = saved_model_network(path)
    else:
        network = keras_network(open_keras(path), where=str(path), is_sized=size is not None)
    name = name or (path.resolve().name if path.is_dir() else path.stem)
    found = _source(network, where=str(path), name=name, mean=mean, std=std, size=size)
    return replace(found, file=path)


def from_keras_model(
    model: Any,
    *,
    name: str,
    mean: Normalization = None,
    std: Normalization = None,
    size: tuple[int, int] | None = None,
    takes_pixels: bool | None = None,
) -> Source:
    """Take a Keras model that is in memory; it is neither copied nor changed.

    Args:
        model: A built functional or sequential keras.Model.
        name: What the artifacts are called.
        mean: What to subtract from the pixels in front of the model.
        std: What to divide by after that.
        size: Height and width in pixels, for a model that leaves them open.
        takes_pixels: Whether `mean` and `std` belong to the model, for those who use it; None
            where it takes what they make of the pixels, if they are given.

    Raises:
        SourceError: As `load_model_file`.
    """
    network = keras_network(model, where=name, is_sized=size is not None)
    source = _source(network, where=name, name=name, mean=mean, std=std, size=size)
    return source if takes_pixels is None else replace(source, takes_pixels=takes_pixels)


def _source(
    network: Network,
    *,
    where: str,
    name: str,
    mean: Normalization,
    std: Normalization,
    size: tuple[int, int] | None,
) -> Source:
    height, width, channels = _input_size(network, size, where)
    means = _per_channel("mean", mean, 0.0, channels, where)
    stds = _per_channel("std", std, 1.0, channels, where)
    if min(stds) <= 0:
        raise SourceError(f"{where}: std is {list(stds)}; every value must be > 0")
    is_identity = not any(means) and set(stds) == {1.0}
    if network.input_dtype in ("uint8", "int32") and not is_identity:
        raise SourceError(
            f"{where}: the model takes {network.input_dtype} pixels and normalizes them itself;"
            " leave out --mean and --std"
        )
    sha256 = weights_sha256(network, where=where)

    def normalized(images: tf.Tensor) -> tf.Tensor:
        values = images if is_identity else (images - means) / stds
        return tf.cast(values, network.input_dtype)

    def run(images: tf.Tensor) -> tf.Tensor:
        try:
            return network.call(normalized(images))
        except LOAD_ERRORS as err:
            raise SourceError(
                f"{where}: the model does not run on images of {images.shape[1:]} ({reason(err)});"
                " pass the --size that it was trained for, or save it again"
            ) from err

    output_shape = network.output_shape
    if None in output_shape[1:] or not output_shape:
        output_shape = _probe(run, (1, height, width, channels), where)
    classes = _classes(output_shape, where)

    def forward(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.reshape(run(images), (-1, classes)), tf.float32)

    return Source(
        name=sanitized(name),
        height=height,
        width=width,
        channels=channels,
        classes=classes,
        names=network.names,
        mean=means,
        std=stds,
        sha256=sha256,
        takes_pixels=is_identity,
        forward=forward,
        resize=_on_pixels(network.resize, normalized, classes),
        model=network.model,
    )


def _on_pixels(
    resize: InputResize | None, normalized: Callable[[tf.Tensor], tf.Tensor], classes: int
) -> InputResize | None:
    """Let the whole model take pixels and give one row of scores per image."""
    if resize is None:
        return None
    model = resize.whole

    def whole(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.reshape(model(normalized(images)), (-1, classes)), tf.float32)

    return replace(resize, whole=whole)


def sanitized(name: str) -> str:
    """Replace by "_" what is not allowed in a file's name on every system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-") or "model"


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


def _per_channel(
    what: str, value: Normalization, default: float, channels: int, where: str
) -> tuple[float, ...]:
    if value is None:
        value = default
    values = (value,) if isinstance(value, (int, float)) else tuple(value)
    if len(values) not in (1, channels) or not all(map(math.isfinite, values)):
        raise SourceError(
            f"{where}: {what} is {list(values)}; needed is one finite number, or one for each of"
            f" the {channels} channels, in 0..255 units"
        )
    return tuple(float(v) for v in (values * channels if len(values) == 1 else values))


def _probe(run: Callable[[tf.Tensor], tf.Tensor], shape: Shape, where: str) -> Shape:
    """Find the output's shape at this input size by running the model once."""
    frozen(run, shape, where=where)  # checks the results' sizes
    return tuple(run(tf.zeros(shape)).shape)


def _classes(shape: Shape, where: str) -> int:
    """Read the length of a row of scores: [N, classes], or a convolution's [N, 1, 1, classes]."""
    classes = shape[-1] if shape else None
    is_row = len(shape) == 2 or (len(shape) == 4 and shape[1:3] == (1, 1))
    if not is_row or not classes:
        raise SourceError(
            f"{where}: the output is {shape}; needed is one row of scores per image, (None,"
            " classes) or (None, 1, 1, classes); end the model with GlobalAveragePooling2D and"
            " Dense, or cut off what follows them"
        )
    return classes
