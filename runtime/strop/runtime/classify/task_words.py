"""What the figures of each task are called, in the tables, sentences and pages of all commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strop.runtime.artifact.contract import Task

POINTS = "points"  # of a share: 90 % less 88 % are two


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskWords:
    """What a task's figures are called.

    Attributes:
        measure: The figure that says how good a model is, where it is known what is true.
        unit: Of the measure's drop, and so of --max-drop.
        lost: What a drop takes away, in a sentence.
        answer: What two models give alike for an image; empty where numbers only come near.
        scores: What the numbers for an image are called.
        counted: What agreement is a share of.
        is_error: Whether less of the measure is better.
    """

    measure: str
    lost: str
    answer: str
    scores: str = "classes"
    counted: str = "such images"
    unit: str = POINTS
    is_error: bool = False


WORDS: Mapping[Task, TaskWords] = {
    Task.CLASSIFY: TaskWords(measure="top-1", lost="right answers", answer="top-1"),
    Task.BINARY: TaskWords(measure="right", lost="right answers", answer="answer"),
    Task.MULTILABEL: TaskWords(
        measure="whole set right",
        lost="right sets of labels",
        answer="set of labels",
        scores="labels",
    ),
    Task.REGRESS: TaskWords(
        measure="mean error",
        lost="nearness",
        answer="",
        scores="numbers",
        unit="% of float's spread",
        is_error=True,
    ),
    Task.EMBED: TaskWords(
        measure="recall@1", lost="recall@1", answer="nearest image", scores="numbers"
    ),
    Task.SEGMENT: TaskWords(
        measure="mIoU", lost="mIoU", answer="class", counted="the pixels of such images"
    ),
    Task.LANDMARKS: TaskWords(
        measure="mean error",
        lost="nearness",
        answer="",
        scores="points",
        unit="% more error",
        is_error=True,
    ),
    Task.DETECT: TaskWords(measure="mAP", lost="mAP", answer="boxes", scores="numbers"),
}
