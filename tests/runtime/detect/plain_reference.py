"""Reads boxes as slowly and plainly as the formulas are written."""

from __future__ import annotations

import math

Box = tuple[float, float, float, float]  # top, left, bottom, right
Found = tuple[Box, int, float]  # with class and score


def iou(one: Box, other: Box) -> float:
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, height) * max(0.0, width)
    covered = sum(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]) for box in (one, other))
    return both / (covered - both) if covered > both else 0.0


def softmax(row: list[float]) -> list[float]:
    powers = [math.exp(value - max(row)) for value in row]
    return [power / sum(powers) for power in powers]


def sigmoid(row: list[float]) -> list[float]:
    return [1 / (1 + math.exp(-value)) for value in row]


def around(y: float, x: float, height: float, width: float) -> Box:
    return (y - height / 2, x - width / 2, y + height / 2, x + width / 2)


def suppressed(found: list[Found], *, limit: float, most: int, per_class: bool) -> list[Found]:
    kept: list[Found] = []
    for box, label, score in sorted(found, key=lambda each: -each[2]):
        rivals = [one for one, name, _ in kept if name == label or not per_class]
        if all(iou(one, box) <= limit for one in rivals):
            kept.append((box, label, score))
    return kept[:most]
