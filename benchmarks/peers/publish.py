"""The comparison as a table, and as a JSON record that keeps the raw samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import distributions

from peers.catalogue import FLOATS, PEERS, STROP
from peers.judge import Judged, Result

from strop.export.bundle.make_manifest import PACKAGES
from strop.export.certify.certificate import Verdict
from strop.export.inspect.contents import Audit
from strop.export.options.choices import Precision
from strop.runtime.statistics.intervals import percentile_ns, quantile

# History: 1, the first; 2: `float` has the engine that ran the model.
FORMAT_VERSION = 2
NS_PER_MS = 1_000_000
BYTES_PER_MIB = 1 << 20
MAX_NAMED_OPS = 3
# Median over the 10 % quantile: 1.02 to 1.2 on a machine with little else to do, 1.5 to 2
# where as many other tasks as there are cores were running.
MAX_SPREAD = 1.3
COLUMNS = (
    *("file", "MiB", "top-1 %", "top-5 %", "drop, points [95 %]", "agreement %"),
    *("p50 ms", "p90 ms", "strop / it", "it / float", "kernels (partitions)", "float ops left"),
)


def rows(judged: Judged) -> list[tuple[object, ...]]:
    """One row a peer, under COLUMNS, after the float model's own.

    "strop / it" is the median of strop's file of the same format over this file's: below
    1, strop's is faster. "it / float" is this file's over the float file's of the same
    engine: below 1, int8 has gained something.
    """
    p50s = {result.peer: _p50_ns(result) for result in judged.results}
    shares = (judged.float_top1, judged.float_top5)
    own = ("the model in float", None, *map(_percent, shares), None, None, None, None, None, None)
    return [
        (*own, judged.float_engine, None),
        *(_cells(result, p50s) for result in judged.results),
    ]


def _cells(result: Result, p50s: Mapping[str, int | None]) -> tuple[object, ...]:
    peer = PEERS[result.peer]
    if result.failure is not None:
        empty = (None,) * (len(COLUMNS) - 3)
        return (result.peer, _mib(result.size_bytes), *empty, str(result.failure))
    own = p50s[result.peer]
    samples_ns = result.samples.invoke_ns if result.samples else ()
    return (
        result.peer,
        _mib(result.size_bytes),
        *_accuracy(result.verdict),
        _milliseconds(own),
        _milliseconds(percentile_ns(samples_ns, 0.9)),
        _ratio(p50s.get(STROP[peer.format]), own),
        _ratio(own, p50s.get(FLOATS[peer.format])),
        _kernels(result),
        "all" if peer.precision is Precision.FLOAT32 else _float_ops(result),
    )


def _accuracy(verdict: Verdict | None) -> tuple[object, ...]:
    """top-1, top-5, drop and agreement; without labels the drop is only bounded, so left out."""
    if verdict is None:
        return (None, None, None, None)
    drop = None
    if verdict.top1 is not None:
        low, high = 100 * verdict.drop_interval.low, 100 * verdict.drop_interval.high
        drop = f"{100 * verdict.drop:+.2f} [{low:+.2f}, {high:+.2f}]"
    return (
        _percent(verdict.top1),
        _percent(verdict.top5),
        drop,
        _percent(verdict.agreement),
    )


def _kernels(result: Result) -> str | None:
    if result.facts is None:
        return None
    partitions = result.facts.partitions
    return result.facts.kernels + ("" if partitions is None else f" ({partitions})")


def _float_ops(result: Result) -> str | None:
    if result.audit is None:
        return None
    found = result.audit.float_ops
    named = ", ".join(f"{count} {name}" for name, count in found[:MAX_NAMED_OPS])
    rest = sum(count for _, count in found[MAX_NAMED_OPS:])
    return (named + (f", {rest} others" if rest else "")) or "none"


def _p50_ns(result: Result) -> int | None:
    return None if result.samples is None else percentile_ns(result.samples.invoke_ns, 0.5)


def disturbed(judged: Judged) -> tuple[str, ...]:
    """The peers whose median says more about what else ran than about their file."""
    names = []
    for result in judged.results:
        p50_ns = _p50_ns(result)
        if result.samples is None or p50_ns is None:
            continue
        if p50_ns > MAX_SPREAD * quantile(result.samples.invoke_ns, 0.1):
            names.append(result.peer)
    return tuple(names)


def _ratio(one: int | None, other: int | None) -> str | None:
    return f"{one / other:.2f}" if one and other else None


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.2f}"


def _milliseconds(value_ns: int | None) -> str | None:
    return None if value_ns is None else f"{value_ns / NS_PER_MS:.2f}"


def _mib(size_bytes: int | None) -> str | None:
    return None if size_bytes is None else f"{size_bytes / BYTES_PER_MIB:.2f}"


def record(judged: Judged, about: Mapping[str, object]) -> dict[str, object]:
    """The comparison as plain values; durations in ns, shares 0..1, hashes SHA-256 in hex.

    Args:
        judged: The comparison.
        about: Of the run: its model, settings, plan and machine.
    """
    return {
        "format_version": FORMAT_VERSION,
        "versions": _versions(),
        **about,
        "images": judged.images,
        "disturbed": list(disturbed(judged)),
        "float": {
            "top1": judged.float_top1,
            "top5": judged.float_top5,
            "engine": judged.float_engine,
        },
        "peers": [_peer_record(result) for result in judged.results],
    }


def _peer_record(result: Result) -> dict[str, object]:
    peer, built = PEERS[result.peer], result.built
    return {
        "peer": result.peer,
        "format": peer.format.value,
        "precision": peer.precision.value,
        "needs": list(peer.needs),
        "failure": None if result.failure is None else asdict(result.failure),
        "notes": list(result.notes),
        # File names only: records are published.
        "file": None if built is None else built.path.name,
        "build_s": None if built is None else round(built.build_s, 3),
        "options": None if built is None else dict(built.options),
        "sha256": result.sha256,
        "size_bytes": result.size_bytes,
        "audit": None if result.audit is None else _audit_record(result.audit),
        "engine": None if result.facts is None else asdict(result.facts),
        "verdict": None if result.verdict is None else asdict(result.verdict),
        "samples": None if result.samples is None else asdict(result.samples),
    }


def _audit_record(contents: Audit) -> dict[str, object]:
    return {
        "size_bytes": contents.size_bytes,
        "ops": contents.ops,
        "float_ops": contents.float_ops,
        "inputs": contents.inputs,
        "outputs": contents.outputs,
    }


def _versions() -> dict[str, str]:
    """Of what made or ran a file; names as the index writes them, "-" for "_"."""
    wanted = {name.lower() for name in (*PACKAGES, "sympy")}
    found = ((each.name.lower().replace("_", "-"), each.version) for each in distributions())
    return dict(sorted((name, version) for name, version in found if name in wanted))
