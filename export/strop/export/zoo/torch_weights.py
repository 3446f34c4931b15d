"""Builds a network of torchvision's or timm's with the weights of one of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from strop.export.zoo.networks.published import BUILDERS, CLASSIFIERS
from strop.export.zoo.safetensors_file import is_safetensors, read_safetensors
from strop.export.zoo.torch_file import read_checkpoint
from strop.runtime.errors import SourceError

# ImageNet's, times 255. Sources: torchvision, transforms/_presets.py, ImageClassification; timm,
# data/constants.py, IMAGENET_DEFAULT_MEAN.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
NOT_WEIGHTS = "num_batches_tracked"  # of a batch norm in training
LAYER_SCALE = "gamma"  # one factor per channel, a depthwise kernel of one pixel here
# Keras' name of a weight: torch's, and where its dimensions come from.
BATCH_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def torch_model(
    name: str, path: Path, *, alpha: float, size: int, classes: int | None = None
) -> Any:
    """Build a network with all tensors of a checkpoint in it.

    Args:
        name: Of the zoo; one of BUILDERS.
        path: A .safetensors file, or a .pth as `read_checkpoint` takes it.
        alpha: Width multiplier.
        size: Side of the input in pixels.
        classes: Length of a row of probabilities; as many as the file has without it.

    Returns:
        A keras.Model of images less MEAN over STD; its results are the softmax of the scores.

    Raises:
        SourceError: No checkpoints are read for this network, the file cannot be read, or a
            tensor is missing, is left over, or has another shape.
    """
    if name not in BUILDERS:
        raise SourceError(
            f"{path}: weights of PyTorch are read for {', '.join(BUILDERS)}, not for {name}"
        )
    tensors = _read(path)
    if classes is None:
        classes = _classes(tensors)
    model = BUILDERS[name](alpha=alpha, size=size, classes=classes)
    left = {key for key in tensors if not key.endswith(f".{NOT_WEIGHTS}")}
    modules = {_layer_name(key): key.rpartition(".")[0] for key in left}
    for layer in model.layers:
        if layer.weights:
            left -= _fill(layer, modules, tensors, where=f"{path}")
    if left:
        raise SourceError(
            f"{path}: {len(left)} tensors have no place in {name} (alpha {alpha:g}), for one"
            f" {min(left)}; is it of another network?"
        )
    return model


def _read(path: Path) -> Mapping[str, NDArray[Any]]:
    if not path.is_file() or not is_safetensors(path):
        return read_checkpoint(path)
    return read_safetensors(path)


def _classes(tensors: Mapping[str, NDArray[Any]]) -> int:
    """As many as the classifier's bias has. One is missed later, where it has no place."""
    found = (tensors[f"{each}.bias"] for each in CLASSIFIERS if f"{each}.bias" in tensors)
    return max(1, next(found, np.zeros(0)).size)


def _layer_name(key: str) -> str:
    return key.rpartition(".")[0].replace(".", "_")


def _fill(
    layer: Any, modules: Mapping[str, str], tensors: Mapping[str, NDArray[Any]], *, where: str
) -> set[str]:
    """Assign a layer's weights.

    Returns:
        The names of the tensors that went into it.
    """
    module = modules.get(layer.name, layer.name.replace("_", "."))
    used = set()
    for weight in layer.weights:
        name = BATCH_NORM.get(weight.name, "bias" if weight.name == "bias" else "weight")
        key = f"{module}.{LAYER_SCALE if f'{module}.{LAYER_SCALE}' in tensors else name}"
        if key not in tensors:
            raise SourceError(
                f"{where}: no tensor {key}; needed is one of {tuple(weight.shape)} for"
                f" {layer.name}. Is it of another network?"
            )
        values = _as_keras(layer, weight.name, tensors[key])
        if values.shape != tuple(weight.shape) or values.dtype.kind != "f":
            raise SourceError(
                f"{where}: {key} is {tensors[key].dtype} {list(tensors[key].shape)}, which is no"
                f" {list(weight.shape)} of {layer.name}; give the --alpha and --classes that it"
                " was trained with"
            )
        weight.assign(values)
        used.add(key)
    return used


def _as_keras(layer: Any, name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    """Dimensions in Keras' order: torch has a weight's results first."""
    if name not in ("kernel", "depthwise_kernel"):
        return tensor
    if tensor.ndim == 1:
        return tensor.reshape(1, 1, -1, 1)
    if tensor.ndim == 2:
        return tensor.T
    if tensor.ndim != 4:
        return tensor
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return np.transpose(tensor, (2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0))
