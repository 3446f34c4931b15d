"""The one small contract that every engine meets."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"  # numpy.typing is for type checkers; it takes 0.5 ms


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorInfo:
    """An artifact's input or output tensor.

    Attributes:
        shape: All dimensions; the batch is 1.
        dtype: numpy's name: "uint8", "int8" or "float32".
        scale: Real size of one code step; 0.0 where the tensor is not quantized.
        zero_point: Code of real 0; 0 where the tensor is not quantized.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFacts:
    """What runs the artifact; two results compare only where these are equal.

    Attributes:
        engine: "litert", "tflite-runtime" or "onnxruntime".
        version: The engine's own version.
        kernels: What computes: "xnnpack", "builtin" (TFLite's own), "mlas" (ONNX Runtime's),
            or "unknown" where the engine does not tell.
        partitions: How many delegate partitions the graph runs in; None if the engine
            has no delegates or does not tell.
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
    """One loaded artifact: write the input, invoke, read the output.

    Buffers are allocated once, at opening. `invoke` is the engine's own call and nothing
    else, so that it can be timed.
    """

    facts: EngineFacts
    input: TensorInfo
    output: TensorInfo

    def write(self, tensor: Array) -> None:
        """Copy `tensor`, of the input's shape and dtype, into the input buffer."""

    def input_view(self) -> Array:
        """The input buffer itself, to be filled in place; let go of it before `invoke`."""

    def invoke(self) -> None:
        """Run once on what was written."""

    def read(self) -> Array:
        """The output of the last invoke, raw codes or floats, a copy."""

    def close(self) -> None:
        """Free the engine; the object is of no use afterwards."""

    def __enter__(self) -> Engine: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
