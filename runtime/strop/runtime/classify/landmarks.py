"""The answer of a LANDMARKS task: points of an image, in its own pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strop.runtime.classify.decision import Decision, answer_names
from strop.runtime.classify.point_layout import located
from strop.runtime.classify.scores import activate, dequantize
from strop.runtime.images.seen import Box, to_picture
from strop.runtime.records.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strop.runtime.engines.engine import Array, TensorInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmark:
    """A point of an image.

    Attributes:
        label: Its name; its position in words where the contract has no labels.
        x: From the left edge, in pixels of the upright image; the middle of the first one is 0.5.
        y: From the upper edge. A point that is not in the image has x and y outside of it.
        others: What else the output says of it, as the file has it: of a heat map the value of
            the highest pixel, of numbers those behind x and y, such as a depth or a score.
    """

    label: str
    x: float
    y: float
    others: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LandmarksAnswer:
    """Points, of a LANDMARKS task.

    Attributes:
        points: In the order of the labels.
    """

    points: tuple[Landmark, ...]


def landmarks_of(
    decision: Decision, labels: Sequence[str], raw: Array, info: TensorInfo, box: Box
) -> LandmarksAnswer:
    """Make points of what an artifact returns for an image.

    Args:
        decision: Of a LANDMARKS task.
        labels: One per point; none for numbers.
        raw: Of the output's shape and dtype.
        info: Of the output.
        box: What of the image the model saw, of a `Seen`.

    Raises:
        ArtifactError: As `dequantize`.
    """
    layout = decision.points
    if layout is None:
        raise TypeError(f"{decision.task.value}: no points")
    if layout.maps:
        found = located(layout, raw.reshape(1, -1))
        others = activate(dequantize(found.others, info), decision.activation)
    else:
        scores = dequantize(raw, info).reshape(1, -1)
        found = located(layout, activate(scores, decision.activation))
        others = found.others
    rows = zip(
        answer_names(decision, labels),
        to_picture(found.places[0], box).tolist(),
        others[0].tolist(),
        strict=True,
    )
    return LandmarksAnswer(
        points=tuple(
            Landmark(label=label, x=x, y=y, others=tuple(each)) for label, (x, y), each in rows
        )
    )
