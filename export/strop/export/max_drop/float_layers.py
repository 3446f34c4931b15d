"""Values that describe what is in float in an int8 file, and its price.

There are islands, whose operations have no int8 form, ends of models whose output needs more than
256 values, and what was chosen on the frontier to keep `--max-drop` or `--max-flips`.
"""

from __future__ import annotations

from dataclasses import dataclass

from strop.export.ir.island import FloatCause
from strop.export.max_drop.frontier import Frontier


@dataclass(frozen=True, kw_only=True, slots=True)
class IslandPrice:
    """What an island costs in one file.

    Attributes:
        artifact: File name.
        ms: Median latency of the island alone, with its quantizers, on this machine, one thread.
        whole_ms: Of the whole file, from the same interleaved run.
    """

    artifact: str
    ms: float
    whole_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatIsland:
    """Operations that are in float because one of them has no int8 form.

    Attributes:
        layer: Name of a result.
        kinds: TFLite's names of its operations, in the order they run.
        causes: Those without an int8 form.
        prices: One per int8 file.
    """

    layer: str
    kinds: tuple[str, ...]
    causes: tuple[FloatCause, ...]
    prices: tuple[IslandPrice, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class EndFigures:
    """One file with its end in int8, and in float if int8 lost too much.

    Attributes:
        artifact: File name.
        int8: The figure that decides, with the end in int8.
        float_end: With it in float; None where that was not needed.
        ms_int8: Median latency with the end in int8, on this machine, one thread; None likewise.
        ms: With it in float, from the same interleaved run.
    """

    artifact: str
    int8: float
    float_end: float | None = None
    ms_int8: float | None = None
    ms: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatEnd:
    """Whether the last layers of an output are in float, so that its scores are real, and why.

    Attributes:
        output: Its name; empty of an only one.
        layer: The first of them; empty where the end is in int8.
        ops: How many operations compute in float for it; 0 likewise.
        figure: What decided, in words.
        limit: The least that was needed of it, or the most of an error.
        images: How many calibration images it was measured on.
        is_held_out: Whether no step of the quantization was judged by them.
        is_missed: Whether a file misses the limit as it is.
        files: One per int8 file.
    """

    output: str
    layer: str
    ops: int
    figure: str
    limit: float
    is_missed: bool
    images: int
    is_held_out: bool
    files: tuple[EndFigures, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatLayers:
    """The islands, the ends, and what more could be in float.

    Attributes:
        islands: Those of the files.
        ends: How they were decided, of outputs without classes.
        frontier: What more of the network in float would bring; None where it was not measured.
    """

    islands: tuple[FloatIsland, ...] = ()
    ends: tuple[FloatEnd, ...] = ()
    frontier: Frontier | None = None


NO_FLOAT_LAYERS = FloatLayers()
