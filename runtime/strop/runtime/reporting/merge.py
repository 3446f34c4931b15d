"""The wording of several reports merged."""

from __future__ import annotations

from strop.runtime.check.modes.merge import MergedArtifact
from strop.runtime.reporting.paired import percent_change


def merged_summary(artifact: MergedArtifact) -> str:
    """The verdict and what it rests on, in one line."""
    ratios = [each.decision.ratio for each in artifact.occasions]
    shown = ", ".join("not measured" if each is None else percent_change(each) for each in ratios)
    unit = "" if all(each is None for each in ratios) else " %"
    return (
        f"{artifact.verdict.value.upper()} {artifact.subject.name} p50 {shown}{unit},"
        f" {'; '.join(artifact.reasons)}"
    )
