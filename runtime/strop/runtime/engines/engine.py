"""Defines the protocol that every engine follows."""

from __future__ import annotations

from math import prod
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from strop.runtime.records.light_dataclass import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"  # numpy.typing is for type checkers; it takes 0.5 ms


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorInfo:
    """An artifact's input or output tensor.

    Attributes:
        shape: All dimensions; -1 for an output's side that only a run decides.
        dtype: numpy's name: "uint8", "float32", "int64", "bool".
        scale: Real size of one code step; 0.0 where the tensor is not quantized.
        zero_point: Code of real 0; 0 where the tensor is not quantized.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    @property
    def size(self) -> int:
        """How many values; below 0 where a side is open."""
        return prod(self.shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFacts:
    """What runs the artifact; two results can be compared only if these are equal.

    Attributes:
        engine: "litert", "tflite-runtime" or "onnxruntime".
        version: The engine's own version.
        kernels: What computes: "xnnpack", "builtin" (TFLite's own), "mlas" (ONNX Runtime's),
            or "unknown" if the engine does not say.
        partitions: How many delegate partitions the graph runs in; None if the engine
            has no delegates or does not say.
        num_threads: Threads within one invoke.
    """

    engine: str
    version: str
    kernels: str
    partitions: int | None
    num_threads: int

    @property
    def kernels_in_words(self) -> str:
        """What computes, for people: "xnnpack, partitions: 1"."""
        return self.kernels + (
            "" if self.partitions is None else f", partitions: {self.partitions}"
        )


class Engine(Protocol):
    """One loaded artifact: write the inputs, invoke, read the outputs.

    Any network can be opened, not only classifiers. Buffers are allocated once, at opening.
    `invoke` is the engine's own call and nothing else, so that it can be timed.

    Attributes:
        facts: What runs it.
        inputs: The input tensors, one or more.
        outputs: The output tensors, one or more.
        remark: Why it runs otherwise than such files do; "" where it does not.
    """

    facts: EngineFacts
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    remark: str

    @property
    def input(self) -> TensorInfo:
        """The first input, the only one of a classifier."""

    @property
    def output(self) -> TensorInfo:
        """The first output, the only one of a classifier."""

    def write(self, *tensors: Array) -> None:
        """Copy one tensor for each input, of its shape and dtype, into the input buffers."""

    def input_view(self) -> Array:
        """The first input's buffer, to be filled in place; let go of it before `invoke`."""

    def invoke(self) -> None:
        """Run once on what was written."""

    def read(self, output: int = 0) -> Array:
        """An output of the last invoke by its place, raw codes or floats, a copy."""

    def output_view(self, output: int = 0) -> Array:
        """As `read`, in the engine's own memory; let go of it before the next call."""

    def close(self) -> None:
        """Free the engine; the object is of no use afterwards."""

    def __enter__(self) -> Engine: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
