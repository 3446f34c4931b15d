"""Values that describe what more and more of an int8 network in float brings, and its price."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PointPrice:
    """The latency of one file of a point, beside that of the int8 one.

    Attributes:
        artifact: File name.
        ms: Median on this machine, one thread.
        int8_ms: Of the int8 file, from the same interleaved run.
    """

    artifact: str
    ms: float
    int8_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontierPoint:
    """Files with a part in float. None is both as fast and as near to float as another one.

    Attributes:
        layer: The first operation from which on all is in float; empty where none is.
        tail: How many operations that are.
        sums: How many sums in front of it are added in float.
        spared: Roundings that are left out otherwise, the costliest first: "layer (activation)",
            or "(weights)".
        divergence: Of the probabilities from the float network's, in nats per image; of several
            outputs their sum.
        signal_to_noise_db: Of the scores; of several outputs the least.
        agreement: Share of images with the same answer; None of what has no classes, of maps and
            of several outputs.
        prices: One per int8 file.
    """

    layer: str
    tail: int
    sums: int
    spared: tuple[str, ...]
    divergence: float
    signal_to_noise_db: float
    agreement: float | None
    prices: tuple[PointPrice, ...]

    @property
    def words(self) -> str:
        """Say what the files have in float."""
        tail = [f"{self.layer} and what follows"] if self.tail else []
        sums = [f"{self.sums} sums"] if self.sums else []
        return ", ".join([*sums, *self.spared, *tail]) or "nothing"

    @property
    def rel_latency(self) -> float:
        """Return how much longer than int8 the file takes that loses most: a ratio."""
        return max(price.ms / price.int8_ms for price in self.prices)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontier:
    """From int8 throughout towards float: files that are worth their time.

    Attributes:
        images: How many calibration images noise and agreement were measured on.
        points: The cheapest first: int8 throughout.
        chosen: Which of them the files are; None where it was only measured.
    """

    images: int
    points: tuple[FrontierPoint, ...]
    chosen: int | None = None


def worth_their_time(points: tuple[FrontierPoint, ...]) -> tuple[int, ...]:
    """Return places of those to which none is cheaper and as near to float, the cheapest first.

    The first point stays in any case: the others are measured by it.
    """
    found = [0]
    for at in sorted(range(1, len(points)), key=lambda at: (points[at].rel_latency, at)):
        if points[at].divergence < points[found[-1]].divergence:
            found.append(at)
    return tuple(found)
