"""Describes a loaded model of any kind: its input, its output and its weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.utils.naming import to_snake_case
from numpy.typing import NDArray

from strop.export.ir.output_names import chosen_outputs, distinct
from strop.export.source.final_argmax import without_argmax
from strop.export.source.input_layers import BehindResize, InputResize, behind_resize
from strop.export.source.keras_files import HALF_PRECISION
from strop.export.source.memory_limits import check_sizes
from strop.runtime.errors import SourceError

Shape = tuple[int | None, ...]
Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One model with one input and one output, or several.

    Attributes:
        call: The model in inference; takes `input_shape` in `input_dtype`, and gives a list.
        input_shape: With the batch; None where it is free.
        input_dtype: TensorFlow's name of it.
        output_shapes: Of each output, with the batch; None where it is free.
        names: Of the input and of each output, as who made the model calls them.
        weights: Path and value of each variable, in the model's order.
        content: Hashed instead of weights where there are none (a frozen SavedModel).
        resize: What the model does to an image of any size in front of `call`; None for nothing.
        model: The Keras model; None of a SavedModel.
    """

    call: Callable[[tf.Tensor], list[tf.Tensor]]
    input_shape: Shape
    input_dtype: str
    output_shapes: tuple[Shape, ...]
    names: tuple[str, ...]
    weights: Callable[[], Iterator[tuple[str, Array]]]
    content: bytes = b""
    resize: InputResize | None = None
    model: Any = None


def keras_network(model: Any, *, where: str, is_sized: bool = False) -> Network:
    """Take a Keras model as a network, behind the Resizing layer that it may begin with.

    Args:
        model: A built functional or sequential keras.Model.
        where: Named in the error.
        is_sized: The user names the size of an open input, so that the layer stays.

    Raises:
        SourceError: Not built, not one input, or layers that compute in
            half precision.
    """
    model = without_argmax(model)
    inputs = getattr(model, "inputs", None)
    outputs = getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise SourceError(
            f"{where}: the model does not say what its input is; build it with"
            " keras.Input((H, W, 3)) as its first layer, or wrap it in a functional model"
        )
    check_single(where, "input", {tensor.name: tensor.shape for tensor in inputs})
    _check_float32(model, where)
    check_sizes(_results(model), where)

    # The structure that the model was made with; Keras warns of any other.
    structure = None if isinstance(model, keras.Sequential) else model.input

    def call(images: tf.Tensor) -> list[tf.Tensor]:
        packed = keras.tree.pack_sequence_as(structure, [images])
        found: list[tf.Tensor] = keras.tree.flatten(model(packed, training=False))
        return found

    def weights() -> Iterator[tuple[str, Array]]:
        # Not `variables`: random seeds and metrics are no part of the function.
        for variable in model.weights:
            yield variable.path, keras.ops.convert_to_numpy(variable)

    network = Network(
        call=call,
        input_shape=tuple(inputs[0].shape),
        input_dtype=str(inputs[0].dtype),
        output_shapes=tuple(tuple(tensor.shape) for tensor in outputs),
        names=_names(model),
        weights=weights,
        model=model,
    )
    behind = None if is_sized else behind_resize(model, where=where)
    return network if behind is None else _behind(network, behind)


def _names(model: Any) -> tuple[str, ...]:
    """Of input and outputs; Keras names an output by the layer that makes it.

    What Keras counts up in a process for inputs without a name is none. Of several outputs, those
    of a dict are called by its keys, and those of layers that nobody named by their places.
    """
    name = model.inputs[0].name
    image = "image" if name.startswith("keras_tensor") else name
    made_by = getattr(model, "output_names", None) or [model.layers[-1].name]
    if len(model.outputs) == 1:
        return image, made_by[0]
    if isinstance(model.output, dict):
        return image, *map(str, sorted(model.output))
    named = zip(made_by, model.outputs, strict=True)
    return image, *distinct(
        [_output_name(name, tensor, place) for place, (name, tensor) in enumerate(named)]
    )


def _output_name(name: str, tensor: Any, place: int) -> str:
    """The layer's name; of one that Keras named itself, which counts up in a process, a place."""
    layer = getattr(getattr(tensor, "_keras_history", None), "operation", None)
    usual = to_snake_case(type(layer).__name__)
    return f"output_{place}" if re.fullmatch(rf"{usual}(_\d+)?", name) else name


def _behind(network: Network, behind: BehindResize) -> Network:
    """Leave out the Resizing layer; what it does is kept if the size is open."""
    batch, *sides, channels = network.input_shape
    resize = InputResize(rule=behind.rule, crop_fraction=1.0, whole=network.call)
    return replace(
        network,
        call=behind.call,
        input_shape=(batch, behind.height, behind.width, channels),
        resize=resize if None in sides else None,
    )


def weights_sha256(network: Network, *, where: str) -> str:
    """Hash the weights, and check that all of them are finite.

    Returns:
        SHA-256 in hex over name, dtype, shape and bytes of each variable in order. The
        name is the variable's own ("kernel"), without its layer's: Keras numbers layers by
        how many it has made before.

    Raises:
        SourceError: A weight is NaN or infinite.
    """
    digest = hashlib.sha256(network.content)
    for path, value in network.weights():
        is_float = value.dtype.kind not in "iub"
        bad = int(np.count_nonzero(~np.isfinite(value))) if is_float else 0
        if bad:
            raise SourceError(
                f"{where}: {bad} of {value.size} weights of {path} are NaN or infinite; train"
                " again, or restore a checkpoint from before they were"
            )
        digest.update(f"{path.rsplit('/', 1)[-1]}\0{value.dtype}\0{value.shape}\0".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def check_single(where: str, what: str, shapes: dict[str, Any]) -> None:
    """Check that there is one input, or one output.

    Raises:
        SourceError: There are several, or none.
    """
    if len(shapes) != 1:
        listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        raise SourceError(
            f"{where}: {len(shapes)} {what}s ({listed}), needed is one; wrap the model in one"
            f" that has a single {what}"
        )


def _results(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and shape of the results of every layer, also in nested models."""
    for layer in getattr(model, "layers", ()):
        yield from _results(layer)
        for node in getattr(layer, "_inbound_nodes", ()):
            for tensor in node.output_tensors:
                yield layer.name, tensor.shape


def _check_float32(layer: Any, where: str) -> None:
    if layer.compute_dtype in HALF_PRECISION:
        raise SourceError(
            f"{where}: layer {layer.name!r} computes in {layer.compute_dtype}, strop's float"
            " model is float32; save the model and give the file, which is loaded as float32"
        )
    for inner in getattr(layer, "layers", ()):
        _check_float32(inner, where)


def with_outputs(network: Network, wanted: Sequence[str], *, where: str) -> Network:
    """Return the network with some of its outputs only.

    Raises:
        SourceError: It has no output of such a name.
    """
    places = chosen_outputs(network.names[1:], wanted, where=where)
    if len(places) == len(network.output_shapes):
        return network
    call, resize = network.call, network.resize

    def some(images: tf.Tensor) -> list[tf.Tensor]:
        found = call(images)
        return [found[place] for place in places]

    if resize is not None:
        whole = resize.whole
        resize = replace(resize, whole=lambda images: [whole(images)[place] for place in places])
    return replace(
        network,
        call=some,
        output_shapes=tuple(network.output_shapes[place] for place in places),
        names=(network.names[0], *(network.names[1 + place] for place in places)),
        resize=resize,
    )
