"""Folds batch norms of a Keras model into their convolutions, digit for digit as PyTorch does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def fold_batch_norms(model: Any) -> None:
    """Move every batch norm that alone reads a convolution into that one's weights, in place.

    TensorFlow's converter does so in another order, and one weight in three differs by its last
    digit then: int8 rounds all along the network as by other dice. With the same weights the
    integers are those of the .onnx that PyTorch writes of the checkpoint. What is left of the
    norm adds its shift; it divides by 1.

    Source: onnxscript, rewriter/rules/common/_fuse_batchnorm.py, as torch.onnx.export runs it.

    Args:
        model: A functional model, for inference.
    """
    read = Counter(id(each) for layer in model.layers for each in keras.tree.flatten(layer.input))
    for norm in model.layers:
        if not isinstance(norm, keras.layers.BatchNormalization):
            continue
        layer = norm.input._keras_history.operation
        if _can_fold(layer) and read[id(norm.input)] == 1:
            _fold(layer, norm)


def _can_fold(layer: Any) -> bool:
    if not isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        return False
    return layer.activation is keras.activations.linear and not layer.use_bias


def _fold(layer: Any, norm: Any) -> None:
    gamma, beta, mean, variance = (np.asarray(each) for each in norm.get_weights())
    factor = gamma / np.sqrt(variance + np.float32(norm.epsilon))
    (kernel,) = layer.get_weights()
    layer.set_weights([kernel * factor.reshape(_per_result(layer, kernel))])
    norm.epsilon = 0.0
    zero, one = np.zeros_like(mean), np.ones_like(mean)
    norm.set_weights([one, beta - mean * factor, zero, one])


def _per_result(layer: Any, kernel: NDArray[Any]) -> tuple[int, ...]:
    """Return the shape in which one factor for each result multiplies a kernel."""
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return kernel.shape[2:] if is_depthwise else kernel.shape[3:]
