"""Values that describe an artifact: contents, delegation, latency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from strop.runtime.statistics.intervals import Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedOp:
    """An operation and where it is.

    Attributes:
        kind: The format's name of it.
        layer: Name of its result; of the names that TFLiteConverter joined, the layer's.
    """

    kind: str
    layer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The contents of one artifact.

    For an .onnx, `in_float` and `transposes` are of the graph that ONNX Runtime makes of the
    file on this machine, after its own fusions.

    Attributes:
        size_bytes: Of the file.
        ops: How often each operation occurs in the file, the most frequent first.
        in_float: Operations that compute in float, in the order in which they run; quantizers
            aside.
        transposes: Operations that only bring values into another order of dimensions.
        is_quantized: Whether any operation gives int8 or uint8 codes.
        inputs: "name dtype shape" each.
        outputs: "name dtype shape" each.
    """

    size_bytes: int
    ops: tuple[tuple[str, int], ...]
    in_float: tuple[NamedOp, ...]
    transposes: tuple[NamedOp, ...]
    is_quantized: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def float_ops(self) -> tuple[tuple[str, int], ...]:
        """Return how often each operation computes in float, the most frequent first."""
        return counted(op.kind for op in self.in_float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Undelegated:
    """An operation that the builtin kernels compute.

    Attributes:
        kind: TFLite's name of it.
        layer: Name of its result; of the names that TFLiteConverter joined, the layer's.
        reason: Why XNNPACK did not take it, as far as that is known.
        takes_image: Whether it is the QUANTIZE that turns the image's uint8 into int8, as files
            with `--input uint8` have it; it splits nothing.
    """

    kind: str
    layer: str
    reason: str
    takes_image: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Delegation:
    """How LiteRT runs a file here: an observation, not a forecast.

    Attributes:
        partitions: Runs of operations that XNNPACK took as a whole.
        undelegated: The operations outside of them, in the file's order.
        is_whole: Whether there is one partition, and nothing is left outside of it.
    """

    partitions: int
    undelegated: tuple[Undelegated, ...]
    is_whole: bool

    @property
    def left(self) -> tuple[Undelegated, ...]:
        """Return what is outside of the partitions, but for what takes the image."""
        return tuple(op for op in self.undelegated if not op.takes_image)


def observed_delegation(partitions: int, undelegated: tuple[Undelegated, ...]) -> Delegation:
    """Make a delegation, and decide whether the file runs as a whole."""
    return Delegation(
        partitions=partitions,
        undelegated=undelegated,
        is_whole=partitions == 1 and all(op.takes_image for op in undelegated),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """How long a file takes for one image, on this machine, with one thread.

    Attributes:
        runs: How many were timed.
        p50_ms: Their median.
        p50_interval: Its distribution-free 95 % interval in this run, in ms; None of fewer than
            6 runs.
    """

    runs: int
    p50_ms: float
    p50_interval: Interval | None


def counted(kinds: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Count each kind, the most frequent first."""
    return tuple(Counter(kinds).most_common())
