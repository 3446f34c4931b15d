"""A loaded model, whatever it was loaded from: what it takes, returns and weighs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from strop.export.keras_files import HALF_PRECISION, LOAD_ERRORS, reason
from strop.runtime.errors import SourceError

Shape = tuple[int | None, ...]
Array = NDArray[Any]
SIGNATURE = "serving_default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One model with one input and one output.

    Attributes:
        call: The model in inference; takes `input_shape` in `input_dtype`.
        input_shape: With the batch; None where it is free.
        input_dtype: TensorFlow's name of it.
        output_shape: With the batch; None where it is free.
        weights: Path and value of each variable, in the model's order.
        content: Hashed in place of weights where there are none (a frozen SavedModel).
    """

    call: Callable[[tf.Tensor], tf.Tensor]
    input_shape: Shape
    input_dtype: str
    output_shape: Shape
    weights: Callable[[], Iterator[tuple[str, Array]]]
    content: bytes = b""


def keras_network(model: Any, *, where: str) -> Network:
    """Take a Keras model as a network.

    Args:
        model: A built functional or sequential keras.Model.
        where: Named in the error.

    Raises:
        SourceError: Not built, not one input and one output, or layers that compute in
            half precision.
    """
    inputs = getattr(model, "inputs", None)
    outputs = getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise SourceError(
            f"{where}: the model does not say what its input is; build it with"
            " keras.Input((H, W, 3)) as its first layer, or wrap it in a functional model"
        )
    _check_single(where, "input", {tensor.name: tensor.shape for tensor in inputs})
    _check_single(where, "output", {tensor.name: tensor.shape for tensor in outputs})
    _check_float32(model, where)

    # The structure that the model was made with; Keras warns of any other.
    structure = None if isinstance(model, keras.Sequential) else model.input

    def call(images: tf.Tensor) -> tf.Tensor:
        packed = keras.tree.pack_sequence_as(structure, [images])
        return keras.tree.flatten(model(packed, training=False))[0]

    def weights() -> Iterator[tuple[str, Array]]:
        # Not `variables`: random seeds and metrics are no part of the function.
        for variable in model.weights:
            yield variable.path, keras.ops.convert_to_numpy(variable)

    return Network(
        call=call,
        input_shape=tuple(inputs[0].shape),
        input_dtype=str(inputs[0].dtype),
        output_shape=tuple(outputs[0].shape),
        weights=weights,
    )


def saved_model_network(folder: Path) -> Network:
    """Load a SavedModel folder and take its serving signature as a network.

    Raises:
        SourceError: Not a SavedModel, TensorFlow cannot load it, no such signature, or not
            one input and one output.
    """
    graph_file = folder / "saved_model.pb"
    if not graph_file.is_file():
        raise SourceError(
            f"{folder}: a folder without saved_model.pb, so not a SavedModel; give the folder"
            " that model.export('FOLDER') wrote, or a .keras or .h5 file"
        )
    try:
        loaded = tf.saved_model.load(str(folder))
    except (*LOAD_ERRORS, tf.errors.OpError) as err:
        raise SourceError(
            f"{folder}: TensorFlow {tf.__version__} cannot load this SavedModel"
            f" ({reason(err)}); copy it again, with its folder variables, or export it again"
        ) from err
    signatures = getattr(loaded, "signatures", {})
    if SIGNATURE not in signatures:
        found = ", ".join(sorted(signatures)) or "none"
        raise SourceError(
            f"{folder}: no signature {SIGNATURE!r} (found: {found}); export the model with"
            " model.export('FOLDER'), or save it with signatures={'serving_default': ...}"
        )
    signature = signatures[SIGNATURE]
    inputs = signature.structured_input_signature[1]
    outputs = signature.structured_outputs
    _check_single(str(folder), "input", {name: _shape(spec) for name, spec in inputs.items()})
    _check_single(str(folder), "output", {name: _shape(spec) for name, spec in outputs.items()})
    ((input_name, input_spec),) = inputs.items()
    (output_spec,) = outputs.values()
    dtype = output_spec.dtype

    def call(images: tf.Tensor) -> tf.Tensor:
        if input_spec.shape[0] is not None and images.shape[0] != input_spec.shape[0]:
            return tf.map_fn(lambda image: call(image[None])[0], images, fn_output_signature=dtype)
        # The closure keeps `loaded` alive; a signature does not own its variables.
        (scores,) = loaded.signatures[SIGNATURE](**{input_name: images}).values()
        return scores

    def weights() -> Iterator[tuple[str, Array]]:
        for variable in signature.variables:
            yield variable.name, variable.numpy()

    return Network(
        call=call,
        input_shape=_shape(input_spec),
        input_dtype=str(input_spec.dtype.name),
        output_shape=_shape(output_spec),
        weights=weights,
        content=b"" if signature.variables else graph_file.read_bytes(),
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


def _shape(spec: Any) -> Shape:
    # A shape of unknown rank has no length; as a shape without dimensions it is refused.
    return tuple(spec.shape) if spec.shape.rank is not None else ()


def _check_single(where: str, what: str, shapes: dict[str, Any]) -> None:
    if len(shapes) != 1:
        listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        raise SourceError(
            f"{where}: {len(shapes)} {what}s ({listed}), needed is one; wrap the model in one"
            f" that has a single {what}"
        )


def _check_float32(layer: Any, where: str) -> None:
    if layer.compute_dtype in HALF_PRECISION:
        raise SourceError(
            f"{where}: layer {layer.name!r} computes in {layer.compute_dtype}, strop's float"
            " model is float32; save the model and give the file, which is loaded as float32"
        )
    for inner in getattr(layer, "layers", ()):
        _check_float32(inner, where)
