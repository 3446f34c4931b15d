"""What every engine asks of an artifact's inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

from strop.runtime.engines.engine import Array, TensorInfo
from strop.runtime.errors import ArtifactError

# numpy's names; text, sparse tensors and sequences have none.
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*INTEGERS, "float16", "float32", "float64", "bool")


def check_inputs(infos: Sequence[TensorInfo], *, where: str) -> tuple[TensorInfo, ...]:
    """Pass tensors that strop can fill.

    Raises:
        ArtifactError: No input, a side that is not fixed, or a dtype that numpy lacks.
    """
    if not infos:
        raise ArtifactError(f"{where}: no input; needed is a model that takes at least one tensor")
    for info in infos:
        if min(info.shape, default=1) < 1:
            raise ArtifactError(
                f"{where}: an input of shape {list(info.shape)}; needed is one with all sides"
                " fixed, but for the batch. Export the model with a fixed input size"
            )
    return _check_dtypes(infos, where=where)


def check_outputs(infos: Sequence[TensorInfo], *, where: str) -> tuple[TensorInfo, ...]:
    """Pass tensors that strop can read.

    Raises:
        ArtifactError: No output, or a dtype that numpy lacks.
    """
    if not infos:
        raise ArtifactError(f"{where}: no output; needed is a model that returns a tensor")
    return _check_dtypes(infos, where=where)


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


def _check_dtypes(infos: Sequence[TensorInfo], *, where: str) -> tuple[TensorInfo, ...]:
    for info in infos:
        if info.dtype not in DTYPES:
            raise ArtifactError(
                f"{where}: a tensor of dtype {info.dtype}; needed are numbers: {', '.join(DTYPES)}"
            )
    return tuple(infos)
