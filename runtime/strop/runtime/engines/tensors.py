"""What every engine asks of an artifact's input and output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from strop.runtime.engines.engine import TensorInfo
from strop.runtime.errors import ArtifactError

T = TypeVar("T")
DTYPES = ("uint8", "int8", "float32")


def the_only(tensors: Sequence[T], what: str, *, where: str) -> T:
    """The artifact's one tensor.

    Args:
        tensors: All of its inputs, or all of its outputs.
        what: "input" or "output".
        where: The artifact, for the error.

    Raises:
        ArtifactError: There is none or more than one.
    """
    if len(tensors) != 1:
        raise ArtifactError(
            f"{where}: {len(tensors)} {what}s; a classifier has one. Export the model with a"
            f" single {what}"
        )
    return tensors[0]


def check_tensor(info: TensorInfo, *, where: str) -> TensorInfo:
    """Pass the tensor if strop can fill or read it.

    Raises:
        ArtifactError: A side that is not fixed, a batch other than 1, or another dtype.
    """
    if not info.shape or min(info.shape) < 1 or info.shape[0] != 1:
        raise ArtifactError(
            f"{where}: a tensor of shape {list(info.shape)}; needed is one with all sides fixed"
            " and a batch of 1. Export the model with a fixed input size"
        )
    if info.dtype not in DTYPES:
        raise ArtifactError(
            f"{where}: a tensor of dtype {info.dtype}; needed is one of {', '.join(DTYPES)}"
        )
    return info
