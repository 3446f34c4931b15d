"""Names of benchmarks: the artifact's, told apart where the same one comes twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from strop.runtime.history.measured import Latency, Source
from strop.runtime.pages.terminal_text import one_line


def named(latencies: Iterable[Latency]) -> Iterator[tuple[str, Latency]]:
    """Each with its name: "m.tflite", then "m.tflite (2)"; "old.tflite (baseline)"."""
    seen: Counter[str] = Counter()
    for latency in latencies:
        # No lone surrogate, which JSON has an escape for that most readers refuse, and no
        # line break, which pyperf refuses.
        name = one_line(latency.name)
        if latency.source is Source.BASELINE:
            name += " (baseline)"
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})", latency
