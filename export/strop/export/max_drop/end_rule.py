"""Says of which models the end may be in float, and how much int8 may lose there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strop.export.certify.certificate import Verdict
from strop.export.options.choices import OnnxForm, Result
from strop.export.options.options import ExportOptions
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.decision import Decision


@dataclass(frozen=True, kw_only=True, slots=True)
class EndRule:
    """A limit of one figure of a certificate.

    Attributes:
        figure: What it is called.
        limit: The least that a file needs, or of an error the most that it may have.
        is_error: Whether less of it is better.
    """

    figure: str
    limit: float
    is_error: bool

    def of(self, verdict: Verdict) -> float:
        """Read the figure from a verdict."""
        if verdict.embedding is not None:
            return verdict.embedding.cosine_low
        if verdict.points is not None:
            return verdict.points.found.mean / (verdict.points.constant or math.inf)
        return max((each.mean / each.spread for each in verdict.errors if each.spread), default=0.0)

    def is_kept(self, value: float) -> bool:
        """Whether a file is near enough to float."""
        return value <= self.limit if self.is_error else value >= self.limit

    def loss(self, values: Sequence[float]) -> float:
        """Return what is less where the worst of several files is nearer to float."""
        return max(values) if self.is_error else -min(values)


# Outputs that need more than int8's 256 values.
RULES: Mapping[Task, EndRule] = {
    Task.EMBED: EndRule(
        figure="1st percentile of the cosine to float", limit=0.995, is_error=False
    ),
    Task.REGRESS: EndRule(
        figure="mean distance from float, share of its spread", limit=0.02, is_error=True
    ),
    Task.LANDMARKS: EndRule(
        figure="mean distance from float, share of its points' spread", limit=0.02, is_error=True
    ),
}


def may_end_in_float(options: ExportOptions) -> bool:
    """Whether scores may be real numbers, as far as the options say it."""
    return (
        options.result is Result.SCORES
        and options.result_type is None
        and options.onnx_form is OnnxForm.QDQ
        and options.max_float_layers > 0
        and not (options.symmetric or options.full_int8 or options.consumer)
    )


def end_rules(options: ExportOptions) -> tuple[EndRule | None, ...]:
    """Return the rule of each output's task; None where it has to end in int8.

    That is so of tasks with classes, of heat maps, where an int8 result was asked for, of files for
    another program, and where nothing may stay in float. `--max-drop` of a regression is its limit.
    """
    may_end = may_end_in_float(options)
    decisions = [options.decision, *(output.decision for output in options.outputs)]
    known = [decision for decision in decisions if decision is not None]
    return tuple(_rule(decision, options.max_drop) if may_end else None for decision in known)


def _rule(decision: Decision, max_drop: float | None) -> EndRule | None:
    task, points = decision.task, decision.points
    if points is not None and points.maps:
        return None  # the highest pixel is found among codes as well
    rule = RULES.get(task)
    if rule is not None and task is Task.REGRESS and max_drop is not None:
        return replace(rule, limit=max_drop / 100)
    return rule
