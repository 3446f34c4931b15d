"""Compares what needs no statistics: size, operations, delegation, memory, accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.check.judge.anatomy import Anatomy, OpCount, Structure
from strop.runtime.check.judge.certified import Certified, certified
from strop.runtime.units import BYTES_PER_KIB, BYTES_PER_MIB, MILLION, PERCENT

MAX_GROWTH = 0.02  # of size, MACs and peak memory; equal files' peaks differ by 0.1 %

SIZE, MACS, OPERATIONS, FLOAT, PARTITIONS, UNDELEGATED, MEMORY, ACCURACY = GATES = (
    "size",
    "macs",
    "operations",
    "float",
    "partitions",
    "undelegated",
    "memory",
    "accuracy",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference of an artifact from its baseline.

    Attributes:
        gate: One of GATES.
        text: What changed, from what to what.
        is_worse: Whether that is more than the gate allows.
        is_allowed: Whether the user has said that it may be.
    """

    gate: str
    text: str
    is_worse: bool
    is_allowed: bool

    @property
    def fails(self) -> bool:
        """Whether the check fails by it."""
        return self.is_worse and not self.is_allowed


@dataclass(frozen=True, kw_only=True, slots=True)
class GateOptions:
    """What may change beside the latency.

    Attributes:
        allowed: Gates that may be worse.
        max_drop: The largest certified drop of accuracy, a share; None for no such gate.
    """

    allowed: tuple[str, ...] = ()
    max_drop: float | None = None


NOTHING_ALLOWED = GateOptions()


def changes(
    old: Anatomy,
    new: Anatomy,
    peaks_bytes: tuple[float, float],
    *,
    gates: GateOptions = NOTHING_ALLOWED,
    certificate: Certified | None = None,
) -> tuple[Change, ...]:
    """List the differences, worse or not, in the order of GATES.

    Operations are compared only where the same engine runs both.

    Args:
        old: The baseline.
        new: The new artifact.
        peaks_bytes: Peak memory of the old and of the new one.
        gates: What may change.
        certificate: Of the new artifact; None where accuracy is not a gate.
    """
    found = [_growth(SIZE, old.size_bytes, new.size_bytes, unit="KiB", divisor=BYTES_PER_KIB)]
    if old.facts.engine == new.facts.engine and old.structure and new.structure:
        found += _structural(old.structure, new.structure)
        found.append(_counts(PARTITIONS, old.facts.partitions, new.facts.partitions))
    found.append(_growth(MEMORY, *peaks_bytes, unit="MiB", divisor=BYTES_PER_MIB))
    named = [_change(each, gates) for each in found if each is not None]
    named += accuracy_changes(certificate, gates)
    return tuple(sorted(named, key=lambda each: GATES.index(each.gate)))


def failed_gates(found: Sequence[Change]) -> tuple[str, ...]:
    """Names of the gates by which a check fails."""
    return tuple(change.gate for change in found if change.fails)


def certificate_for(artifact: Path, sha256: str, gates: GateOptions) -> Certified | None:
    """The certificate of an artifact; None if accuracy is not a gate; errors as of `certified`."""
    return None if gates.max_drop is None else certified(artifact, sha256)


def accuracy_changes(certificate: Certified | None, gates: GateOptions) -> tuple[Change, ...]:
    """Judge the gate `accuracy` alone, which needs no run; empty if the accuracy is kept."""
    if certificate is None or gates.max_drop is None:
        return ()
    found = _accuracy(certificate, gates.max_drop)
    return () if found is None else (_change(found, gates),)


Found = tuple[str, str, bool]  # gate, text, whether it is worse


def _change(found: Found, gates: GateOptions) -> Change:
    gate, text, is_worse = found
    return Change(gate=gate, text=text, is_worse=is_worse, is_allowed=gate in gates.allowed)


def _structural(old: Structure, new: Structure) -> Iterator[Found | None]:
    if old.macs is not None and new.macs is not None:
        yield _growth(MACS, old.macs, new.macs, unit="million", divisor=MILLION)
    # Fewer or others may be better: that is for the clock to say.
    yield _histogram(OPERATIONS, old.ops, new.ops, can_be_worse=False)
    yield _histogram(FLOAT, old.float_ops, new.float_ops)
    if old.undelegated is not None and new.undelegated is not None:
        yield _histogram(UNDELEGATED, old.undelegated, new.undelegated)


def _growth(gate: str, old: float, new: float, *, unit: str, divisor: int) -> Found | None:
    """A quantity; a change of memory within its noise is none."""
    if old == new or (gate == MEMORY and abs(new - old) <= MAX_GROWTH * old):
        return None
    text = f"{old / divisor:,.1f} -> {new / divisor:,.1f} {unit}"
    change = f" ({(new / old - 1) * PERCENT:+.1f} %)" if old else ""
    return gate, text + change, new > old * (1 + MAX_GROWTH)


def _counts(gate: str, old: int | None, new: int | None) -> Found | None:
    if old is None or new is None or old == new:
        return None
    # None at all is worst: then the delegate has taken nothing.
    return gate, f"{old} -> {new}", new > old or new == 0


def _histogram(
    gate: str, old: Sequence[OpCount], new: Sequence[OpCount], *, can_be_worse: bool = True
) -> Found | None:
    before, after = ({op.kind: op.count for op in each} for each in (old, new))
    kinds = sorted(kind for kind in before | after if before.get(kind) != after.get(kind))
    if not kinds:
        return None
    text = ", ".join(f"{kind} {before.get(kind, 0)} -> {after.get(kind, 0)}" for kind in kinds)
    is_more = any(after.get(kind, 0) > before.get(kind, 0) for kind in kinds)
    return gate, text, can_be_worse and is_more


def _accuracy(found: Certified, max_drop: float) -> Found | None:
    """Judge each output in its own unit; what fails is named."""
    failed = [
        f"{one.output}: {text}" if one.output else text
        for one in (found, *found.beside)
        if (text := _missed(one, max_drop))
    ]
    return (ACCURACY, "; ".join(failed), True) if failed else None


def _missed(found: Certified, max_drop: float) -> str:
    """Why one output does not keep its accuracy; empty where it does."""
    if found.not_certified:
        return f"not certified: {found.not_certified}"
    if found.one_answer_drop is not None and found.one_answer_drop <= max_drop:
        return (
            "one answer for all images would have a drop of"
            f" {found.one_answer_drop * PERCENT:+.2f} {found.unit}, so that at most"
            f" {max_drop * PERCENT:g} proves nothing"
        )
    if found.high <= max_drop:
        return ""
    return (
        f"certified drop {found.drop * PERCENT:+.2f} {found.unit}, up to"
        f" {found.high * PERCENT:.2f} on"
        f" {found.images} images; at most {max_drop * PERCENT:g} may be"
    )
