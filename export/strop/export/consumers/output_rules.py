"""What a program has to know of each output of a file to say its answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import strop.runtime
from strop.export.options.choices import Result
from strop.export.options.options import ExportOptions
from strop.runtime.artifact.contract import Activation
from strop.runtime.classify.decision import NUMBER_TASKS, PICTURE_TASKS, Decision, answer_names


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputRule:
    """One output.

    Attributes:
        name: As who made the model calls it; "scores" of an only one.
        decision: How its numbers become an answer.
        labels: As they were given; empty where they are unknown.
        gives_probabilities: Whether the answer is in 0..1.
    """

    name: str
    decision: Decision
    labels: tuple[str, ...]
    gives_probabilities: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Of its classes, labels or numbers, in the order of the answer; none of others."""
        if self.decision.task in PICTURE_TASKS:
            return ()
        return answer_names(self.decision, self.labels)


def output_rules(path: Path, options: ExportOptions) -> tuple[OutputRule, ...]:
    """Return what there is to know of each output of an artifact, in its order.

    Raises:
        StropError: It cannot be opened, or its contract leaves an answer open.
    """
    with strop.runtime.open(path) as classifier:
        return tuple(
            OutputRule(
                name=head.name,
                decision=decision,
                labels=head.contract.labels,
                gives_probabilities=_gives_probabilities(decision, options),
            )
            for head, decision in zip(classifier.heads, classifier.known_decisions(), strict=True)
        )


def _gives_probabilities(decision: Decision, options: ExportOptions) -> bool:
    if decision.task in (*NUMBER_TASKS, *PICTURE_TASKS):
        return False
    return decision.activation is not Activation.NONE or options.result is Result.PROBABILITIES


def are_said(rules: tuple[OutputRule, ...]) -> bool:
    """Whether a few lines can say every answer: maps, points and boxes take more."""
    return all(rule.decision.task not in PICTURE_TASKS for rule in rules)
