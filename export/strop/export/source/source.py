"""Opens the model that an export starts from, as a function of pixels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from strop.export.ir.graph import Array
from strop.export.source.file_facts import NO_FACTS, FileFacts
from strop.export.source.file_kind import FileKind, file_kind
from strop.export.source.normalization import Normalization
from strop.export.tensorflow_logs import quiet_tensorflow
from strop.runtime.artifact.contract import Task
from strop.runtime.artifact.detection import Detection
from strop.runtime.errors import SourceError

if TYPE_CHECKING:
    from strop.export.source.input_layers import InputResize


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A model with one image in and one output, or several.

    Attributes:
        name: What its artifacts are called; letters, digits, ".", "_" and "-" only.
        height: Input height in pixels.
        width: Input width in pixels.
        channels: 3 (RGB) or 1 (grey).
        shapes: Of each output for one image, without the batch; maps have their channels last.
            In a row of scores the outputs are flat, one behind the other.
        names: Of the input and of each output, as who made the model calls them.
        mean: Per channel, in 0..255 units; subtracted in front of the model.
        std: Per channel, in 0..255 units, > 0; divided by in front of the model.
        sha256: Of the weights, in hex, see `strop.export.source.loaded_network.weights_sha256`;
            of an .onnx and a .tflite, of the file.
        takes_pixels: Whether the model is fed with pixels 0..255 elsewhere too; else with
            (pixel - mean) / std.
        forward: float32 [N, height, width, channels], pixels 0..255, to float32
            [N, classes]: the model's own outputs, `mean` and `std` applied inside. TensorFlow's
            tensors, which run eagerly; of an .onnx and a .tflite NumPy arrays. `scores` and
            `compiled` run either on arrays, once and often.
        apart: `forward` with a tuple of float32 [N, *shape], one per output; None of one row of
            scores, and of an .onnx and a .tflite.
        resize: What the model itself does to an image of any size before that, `whole`
            [1, H, W, channels], pixels 0..255, to float32 [1, classes]; None for nothing.
        model: The Keras model that it is, without `mean` and `std`; None of all others.
        file: Where it was loaded from; None of a model that was in memory.
        tflite: The same function as a float32 .tflite of batch 1, where strop wrote it; None
            where TensorFlow's converter does.
        task: What its output is; None for what its end says.
        detection: How boxes are read out of its outputs, of a detector of the zoo; None of others,
            whose file has it beside it.
        engine: What runs `forward`: tensorflow, onnxruntime, or litert.
        facts: What its file says of its use.
        graphs: What `compiled` and `batch_of_one` have made; tracing takes as long as a
            hundred images do.
    """

    name: str
    height: int
    width: int
    channels: int
    shapes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str
    takes_pixels: bool
    forward: Callable[[Any], Any]
    apart: Callable[[Any], Any] | None = None
    resize: InputResize | None = None
    model: Any = None
    file: Path | None = None
    tflite: bytes | None = None
    task: Task | None = None
    detection: Detection | None = None
    engine: str = "tensorflow"
    facts: FileFacts = NO_FACTS
    # Not taken over by `replace`: another `forward` has other graphs.
    graphs: dict[str, Any] = field(default_factory=dict, init=False, compare=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many scores each output has."""
        return tuple(map(prod, self.shapes))

    @property
    def classes(self) -> int:
        """Length of a row of scores."""
        return sum(self.sizes)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.names[1:]

    @property
    def columns(self) -> tuple[slice, ...]:
        """Where in a row of scores each output stands."""
        ends = [sum(self.sizes[: at + 1]) for at in range(len(self.sizes))]
        return tuple(slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True))

    def scores(self, images: Array) -> Array:
        """Run the model once: [N, height, width, channels], pixels, to float32 [N, classes]."""
        given: Any = images.astype(np.float32)
        if self.tflite is None:
            import tensorflow as tf  # not for other programs' files

            given = tf.constant(given)
        return np.asarray(self.forward(given))

    def compiled(self) -> Callable[[Array], Array]:
        """Return `scores` for many calls: TensorFlow traces the model once."""
        if self.tflite is not None:
            return self.scores
        import tensorflow as tf

        if "compiled" not in self.graphs:
            shape = (None, self.height, self.width, self.channels)
            spec = tf.TensorSpec(shape, tf.float32, name="images")
            made = tf.function(self.forward, autograph=False, input_signature=(spec,))
            self.graphs["compiled"] = made
        forward = self.graphs["compiled"]

        def run(images: Array) -> Array:
            return np.asarray(forward(tf.cast(images, tf.float32)))

        return run

    def batch_of_one(self) -> Any:
        """Return `forward` as TensorFlow's function of one image, its variables made constants.

        Raises:
            SourceError: A result in it has over 2**28 elements.
        """
        from strop.export.source.memory_limits import frozen  # loads TensorFlow

        if "batch_of_one" not in self.graphs:
            shape = (1, self.height, self.width, self.channels)
            run = self.apart or self.forward
            variables = () if self.model is None else self.model.variables
            self.graphs["batch_of_one"] = frozen(run, shape, where=self.name, variables=variables)
        return self.graphs["batch_of_one"]

    def __repr__(self) -> str:
        sides = f"{self.height}x{self.width}x{self.channels}"
        if len(self.sizes) > 1:
            named = zip(self.outputs, self.sizes, strict=True)
            listed = ", ".join(f"{name} {size}" for name, size in named)
            return f"<Source {self.name}: {sides}, outputs {listed}>"
        return f"<Source {self.name}: {sides}, {self.classes} classes>"


def load_model_file(
    path: str | Path,
    *,
    name: str | None = None,
    mean: Normalization = None,
    std: Normalization = None,
    size: tuple[int, int] | None = None,
    outputs: Sequence[str] = (),
) -> Source:
    """Load a model from a .keras or HDF5 file, an .onnx, a float .tflite or a SavedModel folder.

    Args:
        path: The file, whatever its suffix, or the folder.
        name: What the artifacts are called; None for the name of the file or folder.
        mean: What to subtract from the pixels in front of the model; None for what a .tflite
            says itself, or 0.
        std: What to divide by after that; None likewise, or 1.
        size: Height and width in pixels, for a model that leaves them open.
        outputs: Names of those that are wanted; none for all.

    Raises:
        SourceError: It cannot be read, holds code, or is not one image in and rows of scores
            out; or the settings do not fit it.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(
            f"{path}: no such file or folder; needed is a .keras file, an .h5 file, an .onnx, a"
            " float .tflite, a SavedModel folder or a name that `strop zoo` lists"
        )
    name = name or (path.resolve().name if path.is_dir() else path.stem)
    kind = None if path.is_dir() else file_kind(path)
    if kind is FileKind.ONNX:
        from strop.export.source.onnx_source import onnx_source

        return onnx_source(path, name=name, mean=mean, std=std, size=size, outputs=outputs)
    if kind is FileKind.TFLITE:
        from strop.export.source.tflite_source import tflite_source

        return tflite_source(path, name=name, mean=mean, std=std, size=size, outputs=outputs)
    quiet_tensorflow()  # before anything imports it in its own, loud way
    from strop.export.source.keras_files import open_keras
    from strop.export.source.loaded_network import keras_network, with_outputs
    from strop.export.source.saved_model import saved_model_network
    from strop.export.source.tensorflow_source import tensorflow_source

    if path.is_dir():
        network = saved_model_network(path)
    else:
        network = keras_network(open_keras(path), where=str(path), is_sized=size is not None)
    network = with_outputs(network, outputs, where=str(path))
    found = tensorflow_source(network, where=str(path), name=name, mean=mean, std=std, size=size)
    return replace(found, file=path)


def from_keras_model(
    model: Any,
    *,
    name: str,
    mean: Normalization = None,
    std: Normalization = None,
    size: tuple[int, int] | None = None,
    outputs: Sequence[str] = (),
    takes_pixels: bool | None = None,
) -> Source:
    """Take a Keras model that is in memory; it is neither copied nor changed.

    Args:
        model: A built functional or sequential keras.Model.
        name: What the artifacts are called.
        mean: What to subtract from the pixels in front of the model.
        std: What to divide by after that.
        size: Height and width in pixels, for a model that leaves them open.
        outputs: Names of those that are wanted; none for all.
        takes_pixels: Whether `mean` and `std` belong to the model, for those who use it; None
            where it takes what they make of the pixels, if they are given.

    Raises:
        SourceError: As `load_model_file`.
    """
    quiet_tensorflow()
    from strop.export.source.loaded_network import keras_network, with_outputs
    from strop.export.source.tensorflow_source import tensorflow_source

    network = keras_network(model, where=name, is_sized=size is not None)
    network = with_outputs(network, outputs, where=name)
    source = tensorflow_source(network, where=name, name=name, mean=mean, std=std, size=size)
    return source if takes_pixels is None else replace(source, takes_pixels=takes_pixels)


def sanitized(name: str) -> str:
    """Replace by "_" what is not allowed in a file's name on every system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-") or "model"
