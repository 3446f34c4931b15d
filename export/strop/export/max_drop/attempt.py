"""Values that go into the search for what to keep in float, and come out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from strop.export.certify.certificate import Certificate
from strop.export.emit.write import Int8
from strop.export.ir.graph import Array
from strop.export.max_drop.float_layers import FloatEnd
from strop.export.max_drop.frontier import Frontier
from strop.export.quantize.tune import Tuned
from strop.runtime.classify.decision import Decision

Certify: TypeAlias = Callable[[Sequence[Path]], Certificate]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantized:
    """The int8 model before its files are certified.

    Attributes:
        tuned: The decisions, and what each rounding costs.
        int8: What the files are written from.
        sample: uint8 [N, H, W, C] each, as `tune` was given.
        decisions: What the scores of each output are, as `tune` was given.
        float_tflite: The model as TensorFlow's converter wrote it.
        held_out: Calibration images that are not in the sample.
        kept: Results of operations at the ends that compute in float, see `settle_ends`.
        ends: How that was decided.
    """

    tuned: Tuned
    int8: Int8
    sample: Sequence[Array]
    decisions: Sequence[Decision]
    float_tflite: bytes
    held_out: tuple[Path, ...] = ()
    kept: frozenset[str] = frozenset()
    ends: tuple[FloatEnd, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What came of keeping more in float.

    Attributes:
        int8: What the files are written from; as it was if no more is in float.
        certificate: Of all files, with the int8 files written from that.
        kept: Results of operations that compute in float in the files beside the settled ends.
        frontier: What was measured; None where nothing was.
    """

    int8: Int8
    certificate: Certificate
    kept: frozenset[str] = frozenset()
    frontier: Frontier | None = None
