"""Mean average precision of boxes, by pycocotools, with intervals over the images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.runtime.detect.box_truth import TrueBoxes
from strop.runtime.detect.read_boxes import Boxes
from strop.runtime.errors import EngineError
from strop.runtime.statistics.estimate import Estimate
from strop.runtime.statistics.intervals import Interval

DRAWS = 100  # of the images; their spread, not their ends, makes the interval
SEED = 0  # the same interval for the same images
NORMAL = 1.96  # standard deviations to either end of a 95 % interval
ABSENT = -1.0  # the library's precision of a class that is nowhere
LEAST_SCORE = 0.05  # boxes below it hardly change the figure and take most of the time
HALF = 0  # place of IoU 0.5 among the library's thresholds


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxPrecision:
    """How well boxes are found.

    Attributes:
        images: How many were looked at.
        boxes: That were to be found in them.
        mean: Over IoU 0.50 to 0.95 and the classes that are there, COCO's first figure.
        half: At IoU 0.50, VOC's.
        by_class: The first figure of each class that is there, by its place in the labels.
    """

    images: int
    boxes: int
    mean: Estimate
    half: Estimate
    by_class: dict[int, float]


class Matches:
    """Which boxes are found in each image; made once, and counted over any choice of images."""

    def __init__(self, found: Sequence[Boxes], truth: Sequence[TrueBoxes]) -> None:
        """Match boxes with what is true.

        Args:
            found: Of each image, in pixels, from a low score on.
            truth: Of the same images.

        Raises:
            EngineError: pycocotools is not installed.
        """
        try:
            from pycocotools.cocoeval import COCOeval
        except ImportError as err:
            raise EngineError(
                "pycocotools, which counts mean average precision, is not installed; run: pip"
                " install 'strop[detect]'"
            ) from err
        classes = sorted({int(each) for one in truth for each in one.classes})
        self.images = len(truth)
        self.boxes = sum(int((~each.is_ignored).sum()) for each in truth)
        self.classes = classes
        with redirect_stdout(io.StringIO()):
            self._counting: Any = COCOeval(
                _coco(_true(truth), self.images, classes),
                _coco(_found(found, classes), self.images, classes),
                "bbox",
            )
            parameters = self._counting.params
            parameters.areaRng, parameters.areaRngLbl = parameters.areaRng[:1], ["all"]
            parameters.maxDets = parameters.maxDets[-1:]
            self._counting.evaluate()
        self._of_images: list[Any] = self._counting.evalImgs

    def precision(self, chosen: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Count the average precision [IoU thresholds, classes] over some images; ABSENT of none.

        Args:
            chosen: Places of images, some of them often; None for all of them once.
        """
        if not self.classes:
            return np.empty((len(self._counting.params.iouThrs), 0))
        if chosen is not None:
            starts = range(0, len(self._of_images), self.images)
            self._counting.evalImgs = [
                self._of_images[at + each] for at in starts for each in chosen
            ]
        with redirect_stdout(io.StringIO()):
            self._counting.accumulate()
        self._counting.evalImgs = self._of_images
        # [thresholds, recalls, classes, areas, numbers of boxes]
        found: NDArray[np.float64] = self._counting.eval["precision"][:, :, :, 0, 0].mean(axis=1)
        return found


def box_precision(matches: Matches) -> BoxPrecision:
    """Return the figures of one detector."""
    whole = matches.precision()
    drawn = [_figures(matches.precision(chosen)) for chosen in _draws(matches.images)]
    mean, half = map(_as_share, _with_intervals(_figures(whole), drawn))
    by_class = {
        name: float(whole[:, place].mean())
        for place, name in enumerate(matches.classes)
        if whole[0, place] > ABSENT
    }
    return BoxPrecision(
        images=matches.images, boxes=matches.boxes, mean=mean, half=half, by_class=by_class
    )


def precision_drop(reference: Matches, found: Matches) -> tuple[Estimate, Estimate]:
    """Return how much lower both figures are than a reference's, over the same images."""
    pairs = [
        _figures(reference.precision(chosen)) - _figures(found.precision(chosen))
        for chosen in _draws(found.images)
    ]
    return _with_intervals(_figures(reference.precision()) - _figures(found.precision()), pairs)


def as_truth(boxes: Boxes, least: float) -> TrueBoxes:
    """Take a reference's boxes for what is true, those with this score or more."""
    kept = boxes.chosen(np.flatnonzero(boxes.scores >= least))
    return TrueBoxes(
        corners=kept.corners, classes=kept.classes, is_ignored=np.zeros(len(kept), np.bool_)
    )


def _figures(precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over all thresholds, and that at the first, of the classes that are there."""
    there = precision[:, precision[HALF] > ABSENT] if precision.size else precision
    return np.array([there.mean(), there[HALF].mean()]) if there.size else np.zeros(2)


def _draws(images: int) -> NDArray[np.int64]:
    return np.random.default_rng(SEED).integers(0, images, (DRAWS, images))


def _with_intervals(
    values: NDArray[np.float64], drawn: Sequence[NDArray[np.float64]]
) -> tuple[Estimate, Estimate]:
    ends = NORMAL * np.std(drawn, axis=0, ddof=1)
    mean, half = (
        Estimate(value=value, interval=Interval(low=value - end, high=value + end))
        for value, end in zip(values.tolist(), ends.tolist(), strict=True)
    )
    return mean, half


def _as_share(figure: Estimate) -> Estimate:
    """Cut off what standard deviations reach beyond a share."""
    return Estimate(value=figure.value, interval=figure.interval.within(0.0, 1.0))


Annotations = list[dict[str, Any]]


def _coco(annotations: Annotations, images: int, classes: Sequence[int]) -> Any:
    from pycocotools.coco import COCO

    made = COCO()
    made.dataset = {
        "images": [{"id": image} for image in range(images)],
        "annotations": [{"id": at, **each} for at, each in enumerate(annotations, 1)],
        "categories": [{"id": label, "name": str(label)} for label in classes],
    }
    made.createIndex()
    return made


def _true(truth: Sequence[TrueBoxes]) -> Annotations:
    return [
        {**_box(image, corners, label), "iscrowd": int(ignored)}
        for image, one in enumerate(truth)
        for corners, label, ignored in zip(
            one.corners.tolist(), one.classes.tolist(), one.is_ignored.tolist(), strict=True
        )
    ]


def _found(found: Sequence[Boxes], classes: Sequence[int]) -> Annotations:
    return [
        {**_box(image, corners, label), "iscrowd": 0, "score": score}
        for image, one in enumerate(found)
        for corners, label, score in zip(
            one.corners.tolist(), one.classes.tolist(), one.scores.tolist(), strict=True
        )
        if label in classes
    ]


def _box(image: int, corners: Sequence[float], label: int) -> dict[str, Any]:
    top, left, bottom, right = corners
    return {
        "image_id": image,
        "category_id": label,
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
    }
