"""Pairs that nobody measured, for decisions about them."""

from __future__ import annotations

import math

from strop.runtime.check.measure.samples import BlockSamples, Pair, Quad, Start

MS = 1_000_000  # ns
START = Start(
    load_ns=30 * MS,
    first_invoke_ns=2 * MS,
    warmup_ns=(MS, MS),
    peak_rss_bytes=50 << 20,
    inputs_sha256="1" * 64,
    outputs_sha256="2" * 64,
)


def block(
    p50_ns: int = MS, *, runs: int = 5, switches: int = 0, cpu_ns: int | None = None
) -> BlockSamples:
    """A block of equal inferences; of `cpu_ns` of processor time each, if that is known."""
    return BlockSamples(
        invoke_ns=(p50_ns,) * runs,
        lead_in_runs=1,
        elapsed_ns=p50_ns * (runs + 1),
        cpu_ns=(cpu_ns or p50_ns) * (runs + 1),
        switches=switches,
        invoke_cpu_ns=() if cpu_ns is None else (cpu_ns,) * runs,
        thread_cpu_ns=(cpu_ns or 0) * (runs + 1),
    )


def quad(old_ns: int = MS, new_ns: int = MS, *, order: str = "ABBA", reason: str = "") -> Quad:
    times = {"A": old_ns, "B": new_ns}
    return Quad(
        order=order,
        blocks=tuple(block(times[arm]) for arm in order),
        reasons=(reason,) if reason else (),
    )


def pair(
    log_ratio: float = 0.0,
    *,
    valid: int = 4,
    duration_s: float = 4.0,
    p50_ns: int = 5 * MS,
    reason: str = "hot",
) -> Pair:
    """Four quads, all with this ratio; the last ones disturbed."""
    new_ns = round(p50_ns * math.exp(log_ratio))
    quads = [
        quad(p50_ns, new_ns, order="ABBA" if i % 2 else "BAAB", reason=reason if i >= valid else "")
        for i in range(4)
    ]
    return Pair(
        old=START, new=START, max_output_diff=0.0, duration_s=duration_s, quads=tuple(quads)
    )
