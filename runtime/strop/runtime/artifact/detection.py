"""Describes how boxes are read out of a detector's outputs, a record inside of the contract."""

# Without "from __future__ import annotations", as in contract.py: the types would be evaluated.

import math
from enum import Enum

from strop.runtime.errors import ContractError
from strop.runtime.records.light_dataclass import dataclass

MAX_ANCHORS = 200_000  # RetinaNet has 76,725 at 640 x 640
MAX_MAPS = 32
MAX_SIZES = 64  # anchors of one cell
MAX_BOXES = 1_000  # of one picture
NO_OUTPUT = -1
SSD_VARIANCES = (10.0, 10.0, 5.0, 5.0)  # Source: tensorflow/models, faster_rcnn_box_coder


class BoxCoding(str, Enum):
    """What a detector's numbers say of a box."""

    SSD = "ssd"
    """How far it is from an anchor, in the centre and in the size."""
    BOXES = "boxes"
    """The box itself."""
    YOLOX = "yolox"
    """How far it is from a cell of a grid, and the logarithm of its size in cells."""
    YOLOV5 = "yolov5"
    """The same by a sigmoid, with anchors: before YOLOv5's own last step."""
    CENTRES = "centres"
    """Its centre is a peak of a heat map, where other maps have its size and offset."""
    LISTED = "listed"
    """The file suppressed boxes itself: boxes, classes, scores and their number."""


class BoxOrder(str, Enum):
    """What the numbers of a box are, in their order."""

    YXHW = "yxhw"
    """Centre, then size; y before x."""
    XYWH = "xywh"
    """Centre, then size; x before y."""
    YXYX = "yxyx"
    """Top, left, bottom, right."""
    XYXY = "xyxy"
    """Left, top, right, bottom."""


class BoxUnit(str, Enum):
    """What 1 is, of a box that is no offset."""

    SHARES = "shares"
    """The model's whole input."""
    PIXELS = "pixels"
    """A pixel of the input."""
    CELLS = "cells"
    """A cell of the map; of sizes of CENTRES."""


class ScoreActivation(str, Enum):
    """What makes probabilities of a detector's scores where the model itself does not."""

    NONE = "none"
    SOFTMAX = "softmax"
    """Over the classes of a box, the background with them."""
    SIGMOID = "sigmoid"


CORNERS = (BoxOrder.YXYX, BoxOrder.XYXY)
WITH_ANCHORS = (BoxCoding.SSD, BoxCoding.YOLOV5)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorMap:
    """The anchors of one feature map: some of the same sizes in the middle of each cell.

    They stand row by row, column by column, then in the order of `sizes`; of YOLOV5 size by size,
    then row by row.

    Attributes:
        rows: Of the map.
        columns: Of the map.
        sizes: Height and width of each anchor of a cell, in shares of the input.
    """

    rows: int
    columns: int
    sizes: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        sides = [side for size in self.sizes for side in size]
        if min(self.rows, self.columns) < 1 or not 1 <= len(self.sizes) <= MAX_SIZES:
            raise ContractError(
                f"an anchor map has {self.rows} rows, {self.columns} columns and"
                f" {len(self.sizes)} sizes; needed are 1 or more, and {MAX_SIZES} sizes at most"
            )
        if not all(math.isfinite(side) and side > 0 for side in sides):
            raise ContractError(f"anchors have sizes {sides}; needed are numbers > 0")

    @property
    def anchors(self) -> int:
        """How many there are."""
        return self.rows * self.columns * len(self.sizes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """How boxes are read out of a detector's outputs.

    Places are those of the outputs in the file's order, from 0; NO_OUTPUT where there is none. The
    labels of the scores' output are the classes without the background.

    Attributes:
        coding: What its numbers say of a box.
        boxes: Place of [1, N, 4 or more], of CENTRES of the sizes [1, H, W, 2].
        scores: Place of [1, N, classes], of CENTRES of the heat map [1, H, W, classes]; the same
            as `boxes` where one output has both: [1, N, 4 + classes].
        offsets: Place of what is added to the cells of CENTRES, [1, H, W, 2].
        classes: Place of the classes of LISTED, [1, N].
        count: Place of the number of boxes of LISTED, [1].
        channels_first: Whether outputs are [1, 4, N] and [1, classes, N], or the one is
            [1, 4 + classes, N]; of CENTRES whether the maps are [1, channels, H, W].
        objectness: Whether a score between box and classes multiplies those of the classes.
        activation: What makes probabilities of the scores where the model does not; what strop
            cuts off the model is in the contract of their output, and goes before.
        order: What the numbers of a box are, in their order.
        unit: What 1 is, of a box that is no offset from an anchor.
        variances: Of SSD: what the numbers are divided by, in their order.
        exponential: Of SSD: whether the size is e to the number times the anchor's, as it usually
            is, or the number times the anchor's.
        maps: Of SSD and YOLOV5: the anchors by maps; of YOLOX the grids, with one size each.
        anchors: Of SSD: the same as a list of centre and size (y, x, height, width), in shares of
            the input; empty where there are maps.
        background: Whether class 0 of the scores is the background.
        score_threshold: A box with a lower score is none.
        iou_threshold: Of two boxes that share more than this the one with the lower score is none.
        most_boxes: Of a picture, those with the highest scores.
        per_class: Whether only boxes of the same class suppress each other.
    """

    coding: BoxCoding
    boxes: int = 0
    scores: int = 1
    offsets: int = NO_OUTPUT
    classes: int = NO_OUTPUT
    count: int = NO_OUTPUT
    channels_first: bool = False
    objectness: bool = False
    activation: ScoreActivation = ScoreActivation.NONE
    order: BoxOrder = BoxOrder.YXHW
    unit: BoxUnit = BoxUnit.SHARES
    variances: tuple[float, float, float, float] = SSD_VARIANCES
    exponential: bool = True
    maps: tuple[AnchorMap, ...] = ()
    anchors: tuple[tuple[float, float, float, float], ...] = ()
    background: bool = False
    score_threshold: float = 0.3
    iou_threshold: float = 0.5
    most_boxes: int = 100
    per_class: bool = True

    def __post_init__(self) -> None:
        _check_limits(self)
        _check_anchors(self)
        _check_places(self)

    @property
    def is_joined(self) -> bool:
        """Whether one output has boxes and scores."""
        return self.boxes == self.scores

    @property
    def places(self) -> tuple[int, ...]:
        """Places of the outputs that it reads, each once."""
        named = (self.boxes, self.scores, self.offsets, self.classes, self.count)
        return tuple(dict.fromkeys(place for place in named if place != NO_OUTPUT))


def _check_limits(found: Detection) -> None:
    for name, share in (
        ("score_threshold", found.score_threshold),
        ("iou_threshold", found.iou_threshold),
    ):
        if not 0 <= share <= 1:
            raise ContractError(f"{name} is {share}; needed is a share, 0 to 1")
    if not 1 <= found.most_boxes <= MAX_BOXES:
        raise ContractError(f"most_boxes is {found.most_boxes}; needed is 1 to {MAX_BOXES}")
    if not all(math.isfinite(each) and each > 0 for each in found.variances):
        raise ContractError(f"variances are {list(found.variances)}; needed are numbers > 0")


def _check_anchors(found: Detection) -> None:
    count = sum(each.anchors for each in found.maps) + len(found.anchors)
    if len(found.maps) > MAX_MAPS or count > MAX_ANCHORS:
        raise ContractError(
            f"{count} anchors on {len(found.maps)} maps; at most {MAX_ANCHORS} on {MAX_MAPS} are"
            " read"
        )
    if found.maps and found.anchors:
        raise ContractError("detection has maps and anchors; give one of the two")
    if found.anchors and found.coding is not BoxCoding.SSD:
        raise ContractError(f"anchors are listed for {found.coding.value}; give maps")
    if found.coding in (*WITH_ANCHORS, BoxCoding.YOLOX) and not count:
        raise ContractError(
            f"a detector of coding {found.coding.value} without anchors, whose boxes are nowhere;"
            ' give "maps" (rows, columns and sizes of each feature map) or "anchors"'
        )
    if any(not math.isfinite(each) for anchor in found.anchors for each in anchor):
        raise ContractError("an anchor has a number that is not finite")
    if found.coding is BoxCoding.SSD and found.order in CORNERS:
        raise ContractError(
            f"order is {found.order.value} for ssd; needed is yxhw or xywh: centre, then size"
        )


def _check_places(found: Detection) -> None:
    needed = {
        BoxCoding.CENTRES: ("boxes", "scores", "offsets"),
        BoxCoding.LISTED: ("boxes", "scores", "classes", "count"),
    }.get(found.coding, ("boxes", "scores"))
    places = [getattr(found, name) for name in needed]
    joins = found.coding not in (BoxCoding.CENTRES, BoxCoding.LISTED) and found.is_joined
    if min(places) < 0 or (len(set(places)) != len(places) and not joins):
        raise ContractError(
            f"{', '.join(needed)} of {found.coding.value} are outputs {places}; needed is the place"
            " of each, from 0"
        )
    if found.channels_first and found.coding is BoxCoding.LISTED:
        raise ContractError("channels_first is for boxes, scores and maps that a list has not")
