"""Checks an artifact's inputs and outputs for every engine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from strop.runtime.engines.engine import Array, TensorInfo
from strop.runtime.errors import ArtifactError

# numpy's names; text, sparse tensors and sequences have none.
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*INTEGERS, "float16", "float32", "float64", "bool")
# A float image of 8192 x 8192 pixels has three quarters of it.
MAX_TENSOR_BYTES = 1 << 30
MAX_REASON = 500  # characters of an engine's own words


def check_inputs(infos: Sequence[TensorInfo], *, where: str) -> tuple[TensorInfo, ...]:
    """Pass tensors that strop can fill.

    Raises:
        ArtifactError: No input, a side that is not fixed, or as `check_outputs`.
    """
    if not infos:
        raise ArtifactError(f"{where}: no input; needed is a model that takes at least one tensor")
    for info in infos:
        if min(info.shape, default=1) < 1:
            raise ArtifactError(
                f"{where}: an input of shape {list(info.shape)}; needed is one with all sides"
                " fixed, but for the batch. Export the model with a fixed input size"
            )
    return tuple(_checked(info, where=where) for info in infos)


def check_outputs(infos: Sequence[TensorInfo], *, where: str) -> tuple[TensorInfo, ...]:
    """Pass tensors that strop can read.

    Raises:
        ArtifactError: No output, a dtype that numpy lacks, more than MAX_TENSOR_BYTES, a
            scale that is negative, infinite or NaN, or a zero point that is no code.
    """
    if not infos:
        raise ArtifactError(f"{where}: no output; needed is a model that returns a tensor")
    return tuple(_checked(info, where=where) for info in infos)


def check_written(tensors: Sequence[Array], infos: Sequence[TensorInfo]) -> None:
    """Refuse tensors that numpy would broadcast or cast in silence.

    Raises:
        ValueError: Not one tensor for each input, or another shape or dtype.
    """
    if len(tensors) != len(infos):
        raise ValueError(f"{len(tensors)} tensors, needed are {len(infos)}")
    for tensor, info in zip(tensors, infos, strict=True):
        if tensor.shape != info.shape or tensor.dtype != info.dtype:
            raise ValueError(
                f"a tensor {tensor.dtype} {list(tensor.shape)}, needed is"
                f" {info.dtype} {list(info.shape)}"
            )


def in_one_line(reason: object) -> str:
    """What an engine says of a refusal, in one line, cut to MAX_REASON characters."""
    text = " ".join(str(reason).split()) or "it does not say why"
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]} ..."


def _checked(info: TensorInfo, *, where: str) -> TensorInfo:
    if info.dtype not in DTYPES:
        raise ArtifactError(
            f"{where}: a tensor of dtype {info.dtype}; needed are numbers: {', '.join(DTYPES)}"
        )
    needed = math.prod(map(abs, info.shape)) * np.dtype(info.dtype).itemsize
    if needed > MAX_TENSOR_BYTES:
        raise ArtifactError(
            f"{where}: a tensor of shape {list(info.shape)} takes {needed} bytes; needed is one of"
            f" at most {MAX_TENSOR_BYTES}. Do not trust this file; export it again"
        )
    if info.dtype in INTEGERS:
        _check_quantization(info, where=where)
    return info


def _check_quantization(info: TensorInfo, *, where: str) -> None:
    if not 0 <= info.scale < math.inf:  # nor is NaN; 0 stands for a tensor that has no scale
        raise ArtifactError(
            f"{where}: a tensor with the scale {info.scale}; needed is a finite number above 0."
            " The file is damaged: copy or export it again"
        )
    codes = np.iinfo(info.dtype)
    if info.scale and not codes.min <= info.zero_point <= codes.max:
        raise ArtifactError(
            f"{where}: a tensor of {info.dtype} with the zero point {info.zero_point}; needed is"
            f" one of {codes.min} to {codes.max}. The file is damaged: copy or export it again"
        )
