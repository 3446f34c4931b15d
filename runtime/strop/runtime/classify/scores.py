"""Makes probabilities and the best classes of an artifact's raw output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from strop.runtime.artifact.contract import Activation
from strop.runtime.engines.engine import Array, TensorInfo
from strop.runtime.errors import ArtifactError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.floating[Any]]"


def dequantize(raw: Array, info: TensorInfo) -> NDArray[np.float32]:
    """Dequantize codes to real scores, scale * (code - zero_point); floats pass unchanged.

    Args:
        raw: Of the tensor's dtype, any shape.
        info: The output tensor's facts.

    Raises:
        ArtifactError: Codes without a scale, or floats that are not finite.
    """
    if raw.dtype.kind == "f":
        scores = raw.astype(np.float32)
        wrong = int(np.count_nonzero(~np.isfinite(scores)))
        if wrong:
            raise ArtifactError(
                f"the artifact returned NaN or infinity for {wrong} of {scores.size} scores; its"
                " weights or its conversion are broken: export it again"
            )
        return scores
    if info.scale <= 0:
        raise ArtifactError(
            f"the artifact's output is {info.dtype} without a scale, so its scores are unknown;"
            " export it with a dequantized output"
        )
    # Widen first: int8 minus zero_point overflows.
    return np.float32(info.scale) * (raw.astype(np.float32) - np.float32(info.zero_point))


def activate(scores: NDArray[np.float32], activation: Activation) -> NDArray[np.float64]:
    """Apply the contract's activation to scores.

    Args:
        scores: [..., classes].
        activation: NONE returns the scores themselves.

    Raises:
        ArtifactError: L2 of a vector of zeros.
    """
    if activation is Activation.SOFTMAX:
        return softmax(scores)
    if activation is Activation.SIGMOID:
        return sigmoid(scores)
    if activation is Activation.L2:
        return unit_vectors(scores)
    return scores.astype(np.float64)


def softmax(scores: Floats) -> NDArray[np.float64]:
    """Softmax over the last axis, in float64, without overflow for any finite scores."""
    wide = scores.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def sigmoid(scores: Floats) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)) elementwise, in float64, without overflow for any finite scores."""
    wide = scores.astype(np.float64)
    small = np.exp(-np.abs(wide))  # in (0, 1], so nothing overflows
    return np.where(wide >= 0, 1 / (1 + small), small / (1 + small))


def unit_vectors(vectors: Floats) -> NDArray[np.float64]:
    """Divide vectors by their lengths, over the last axis, in float64.

    Raises:
        ArtifactError: One of them is all zeros, and has no direction.
    """
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    if not lengths.all():
        raise ArtifactError(
            "the vector of an image is all zeros, so that it is like no other; needed is a model"
            " that answers to this image"
        )
    directions: NDArray[np.float64] = wide / lengths
    return directions


def top_k(scores: Floats, k: int) -> tuple[int, ...]:
    """Find the indices of the k highest scores, best first; of equal scores the lower index.

    Args:
        scores: [classes], no NaN.
        k: At least 1; more than there are classes gives all.
    """
    k = min(k, len(scores))
    # Sorting a thousand scores for five takes three times as long as finding the fifth.
    least = np.partition(scores, -k)[-k]
    found = np.flatnonzero(scores >= least)
    # Quantized scores tie often, and a tie must not fall differently on another machine.
    order = np.argsort(-scores[found], kind="stable")
    return tuple(found[order[:k]].tolist())
