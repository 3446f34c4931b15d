from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.runtime.detect.plain_reference import Box, Found, around, sigmoid, softmax, suppressed

from strop.runtime.artifact.contract import Activation
from strop.runtime.artifact.detection import (
    NO_OUTPUT,
    AnchorMap,
    BoxCoding,
    BoxOrder,
    BoxUnit,
    Detection,
)
from strop.runtime.detect.anchors import anchors_of, grid_maps, mediapipe_maps, ssd_maps
from strop.runtime.detect.candidates import MOST_CANDIDATES, candidates
from strop.runtime.detect.read_boxes import Boxes, BoxReader
from strop.runtime.engines.engine import TensorInfo

SIZE = (64, 96)
MAPS = (
    AnchorMap(rows=3, columns=5, sizes=((0.2, 0.3), (0.5, 0.25))),
    AnchorMap(rows=2, columns=2, sizes=((0.6, 0.7), (0.4, 0.4))),
)
N_ANCHORS = 38
ACTIVATED: dict[Activation, Callable[[list[float]], list[float]]] = {
    Activation.SOFTMAX: softmax,
    Activation.SIGMOID: sigmoid,
    Activation.NONE: lambda row: row,
}


def coded(
    random: np.random.Generator, values: NDArray[np.float64], is_int8: bool
) -> tuple[NDArray[Any], TensorInfo, NDArray[np.float64]]:
    """Make an output of values, and what it says after rounding."""
    if not is_int8:
        output = values.astype(np.float32)
        info = TensorInfo(shape=(1, *values.shape), dtype="float32")
        return output[None], info, output.astype(np.float64)
    scale, zero_point = float(np.ptp(values) / 200) or 1.0, int(random.integers(-20, 20))
    codes = np.rint(values / scale + zero_point).clip(-128, 127).astype(np.int8)
    info = TensorInfo(shape=(1, *values.shape), dtype="int8", scale=scale, zero_point=zero_point)
    return codes[None], info, (codes.astype(np.float64) - zero_point) * scale


def is_same(boxes: Boxes, plain: Sequence[Found]) -> bool:
    return (
        boxes.classes.tolist() == [label for _, label, _ in plain]
        and np.allclose(boxes.scores, [score for _, _, score in plain], atol=1e-12)
        and np.allclose(boxes.corners.reshape(-1), [side for box, *_ in plain for side in box])
    )


def pairs(
    probabilities: Sequence[Sequence[float]], detection: Detection
) -> list[tuple[int, int, float]]:
    first = int(detection.background)
    return [
        (row, label, score)
        for row, scores in enumerate(probabilities)
        for label, score in enumerate(scores[first:])
        if score >= detection.score_threshold
    ]


def plain(found: list[Found], detection: Detection) -> list[Found]:
    return suppressed(
        found,
        limit=detection.iou_threshold,
        most=detection.most_boxes,
        per_class=detection.per_class,
    )


def random_detection(
    random: np.random.Generator, coding: BoxCoding, *, offsets: int = NO_OUTPUT, boxes: int = 0
) -> Detection:
    return Detection(
        coding=coding,
        boxes=boxes,
        scores=1,
        offsets=offsets,
        score_threshold=float(random.choice([0.0, 0.1, 0.3, 0.7])),
        iou_threshold=float(random.choice([0.0, 0.3, 0.6])),
        most_boxes=int(random.choice([1, 5, 100])),
        per_class=bool(random.integers(2)),
        background=bool(random.integers(2)),
        order=[BoxOrder.YXHW, BoxOrder.XYWH][int(random.integers(2))],
        maps=MAPS,
    )


@pytest.mark.parametrize("seed", range(24))
def test_boxes_of_anchors_are_those_of_the_plain_formulas(seed: int) -> None:
    random = np.random.default_rng(seed)
    detection = random_detection(random, BoxCoding.SSD)
    activation = list(ACTIVATED)[seed % 3]
    n_classes = int(random.integers(2, 5))
    scores = random.uniform(0, 1, (N_ANCHORS, n_classes))
    if activation is not Activation.NONE:
        scores = random.normal(-1, 3, scores.shape)
    coded_scores, scores_info, scores = coded(random, scores, seed % 2 == 0)
    coded_boxes, boxes_info, boxes = coded(
        random, random.normal(0, 4, (N_ANCHORS, 4)), seed % 4 < 2
    )
    infos = [boxes_info, scores_info]
    read = [coded_boxes, coded_scores]
    if seed % 5 == 4:
        detection = replace(detection, channels_first=True)
        read = [np.swapaxes(each, 1, 2) for each in read]
    reader = BoxReader(infos, detection, activation=activation, size=SIZE)
    found = reader.read(read)
    anchors = anchors_of(detection).tolist()
    expected: list[Found] = []
    for row, label, score in pairs(
        [ACTIVATED[activation](row) for row in scores.tolist()], detection
    ):
        numbers = [each / by for each, by in zip(boxes[row], detection.variances, strict=True)]
        if detection.order is BoxOrder.XYWH:
            numbers = [numbers[1], numbers[0], numbers[3], numbers[2]]
        y, x, height, width = anchors[row]
        box = around(
            numbers[0] * height + y,
            numbers[1] * width + x,
            math.exp(numbers[2]) * height,
            math.exp(numbers[3]) * width,
        )
        expected.append((box, label, score))
    assert is_same(found, plain(expected, detection))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("coding", [BoxCoding.BOXES, BoxCoding.YOLOX, BoxCoding.YOLOV5])
def test_boxes_of_one_output_are_those_of_the_plain_formulas(coding: BoxCoding, seed: int) -> None:
    random = np.random.default_rng(seed)
    maps = grid_maps(*SIZE, (16, 32)) if coding is BoxCoding.YOLOX else MAPS
    detection = replace(
        random_detection(random, coding),
        boxes=0,
        scores=0,
        background=False,
        objectness=seed % 3 > 0,
        channels_first=seed % 2 == 0,
        unit=[BoxUnit.SHARES, BoxUnit.PIXELS][seed // 2 % 2],
        order=BoxOrder.XYXY if seed % 5 == 4 and coding is BoxCoding.BOXES else BoxOrder.XYWH,
        maps=maps,
    )
    n_anchors = sum(each.anchors for each in maps)
    values = random.uniform(-1, 1, (n_anchors, 7 + detection.objectness))
    coded_output, info, values = coded(random, values, seed % 2 == 1)
    if detection.channels_first:
        coded_output = np.swapaxes(coded_output, 1, 2)
    found = BoxReader([info], detection, activation=Activation.SIGMOID, size=SIZE).read(
        [coded_output]
    )
    rows = [sigmoid(row[4:]) for row in values.tolist()]
    if detection.objectness:
        rows = [[row[0] * score for score in row[1:]] for row in rows]
    expected = [
        (_plain_box(values[row].tolist(), row, detection), label, score)
        for row, label, score in pairs(rows, detection)
    ]
    assert is_same(found, plain(expected, detection))


def _plain_box(values: list[float], place: int, detection: Detection) -> Box:
    x, y, width, height = values[:4]
    if detection.coding is BoxCoding.BOXES:
        high, wide = SIZE if detection.unit is BoxUnit.PIXELS else (1, 1)
        if detection.order is BoxOrder.XYXY:
            return (y / high, x / wide, height / high, width / wide)
        return around(y / high, x / wide, height / high, width / wide)
    each = next(one for one in detection.maps if place < one.anchors or one is detection.maps[-1])
    place -= 0 if each is detection.maps[0] else detection.maps[0].anchors
    if detection.coding is BoxCoding.YOLOX:
        row, column = divmod(place, each.columns)
        return around(
            (row + y) / each.rows,
            (column + x) / each.columns,
            math.exp(height) / each.rows,
            math.exp(width) / each.columns,
        )
    which, cell = divmod(place, each.rows * each.columns)
    row, column = divmod(cell, each.columns)
    x, y, width, height = sigmoid(values[:4])
    sides = each.sizes[which]
    return around(
        (row + y * 2 - 0.5) / each.rows,
        (column + x * 2 - 0.5) / each.columns,
        (height * 2) ** 2 * sides[0],
        (width * 2) ** 2 * sides[1],
    )


@pytest.mark.parametrize("seed", range(12))
def test_boxes_around_centres_are_those_of_the_plain_formulas(seed: int) -> None:
    random = np.random.default_rng(seed)
    is_first = seed % 2 == 0
    detection = replace(
        random_detection(random, BoxCoding.CENTRES, offsets=0, boxes=2),
        maps=(),
        channels_first=is_first,
        unit=list(BoxUnit)[seed % 3],
        background=False,
    )
    rows, columns, n_classes = 6, 9, 3
    maps = [
        random.uniform(0, 1, (rows, columns, 2)),
        random.normal(-1, 2, (rows, columns, n_classes)),
        random.uniform(0, 3, (rows, columns, 2)),
    ]
    outputs, infos = [], []
    for place, each in enumerate(maps):
        output, info, maps[place] = coded(random, each, seed % 3 == 1)
        outputs.append(np.moveaxis(output, -1, 1) if is_first else output)
        infos.append(info)
    found = BoxReader(infos, detection, activation=Activation.SIGMOID, size=SIZE).read(outputs)
    offsets, heat, sizes = (each.tolist() for each in maps)
    unit = {BoxUnit.CELLS: (rows, columns), BoxUnit.PIXELS: SIZE, BoxUnit.SHARES: (1, 1)}
    high, wide = unit[detection.unit]
    expected: list[Found] = []
    for row in range(rows):
        for column in range(columns):
            for label, score in enumerate(sigmoid(heat[row][column])):
                beside = [
                    heat[down][right][label]
                    for down in range(max(0, row - 1), min(rows, row + 2))
                    for right in range(max(0, column - 1), min(columns, column + 2))
                ]
                if heat[row][column][label] < max(beside) or score < detection.score_threshold:
                    continue
                first, second = offsets[row][column], sizes[row][column]
                if detection.order is BoxOrder.XYWH:
                    first, second = first[::-1], second[::-1]
                centre = ((row + first[0]) / rows, (column + first[1]) / columns)
                expected.append((around(*centre, second[0] / high, second[1] / wide), label, score))
    assert is_same(found, plain(expected, detection))


def test_a_list_of_boxes_is_taken_as_far_as_its_count() -> None:
    detection = Detection(
        coding=BoxCoding.LISTED, boxes=0, classes=1, scores=2, count=3, order=BoxOrder.YXYX
    )
    boxes = (np.arange(16) / 16).astype(np.float32).reshape(1, 4, 4)
    outputs: list[NDArray[Any]] = [
        boxes,
        np.array([[3, 1, 0, 0]], np.float32),
        np.array([[0.4, 0.9, 0.1, 0.8]], np.float32),
        np.array([3], np.float32),
    ]
    infos = [TensorInfo(shape=each.shape, dtype="float32") for each in outputs]
    found = BoxReader(infos, detection, activation=Activation.NONE, size=SIZE).read(outputs)
    assert found.classes.tolist() == [1, 3]
    assert found.corners.tolist() == boxes[0, (1, 0)].tolist()


def test_nothing_found_is_no_box() -> None:
    detection = Detection(coding=BoxCoding.SSD, maps=MAPS)
    outputs = [np.zeros((1, N_ANCHORS, 4), np.float32), np.zeros((1, N_ANCHORS, 3), np.float32)]
    infos = [TensorInfo(shape=each.shape, dtype="float32") for each in outputs]
    assert (
        len(BoxReader(infos, detection, activation=Activation.NONE, size=SIZE).read(outputs)) == 0
    )


def test_scores_of_one_class_may_be_a_row() -> None:
    detection = Detection(coding=BoxCoding.BOXES, order=BoxOrder.YXYX)
    outputs = [np.ones((1, 3, 4), np.float32), np.array([[0.1, 0.9, 0.2]], np.float32)]
    infos = [TensorInfo(shape=each.shape, dtype="float32") for each in outputs]
    found = BoxReader(infos, detection, activation=Activation.NONE, size=SIZE).read(outputs)
    assert (found.classes.tolist(), found.scores.round(3).tolist()) == ([0], [0.9])


def test_of_many_candidates_the_highest_stay_and_of_equal_ones_the_first() -> None:
    scores = np.tile(np.array([[0.5], [0.9], [0.5]], np.float32), (600, 1))
    info = TensorInfo(shape=(1, *scores.shape), dtype="float32")
    found = candidates(scores, info, activation=Activation.NONE, threshold=0.1)
    high = list(range(1, 1800, 3))
    low = [place for place in range(1800) if place % 3 != 1]
    assert found.rows.tolist() == high + low[: MOST_CANDIDATES - len(high)]


def test_the_rules_make_as_many_anchors_as_their_networks_have() -> None:
    # SSD MobileNet at 300, SSDLite at 320, MediaPipe's face detector, YOLOX at 416.
    sides = [(side, side) for side in (19, 10, 5, 3, 2, 1)]
    assert len(anchors_of(Detection(coding=BoxCoding.SSD, maps=ssd_maps(sides)))) == 1917
    sides[0] = (20, 20)
    assert len(anchors_of(Detection(coding=BoxCoding.SSD, maps=ssd_maps(sides)))) == 2034
    faces = mediapipe_maps(128, (8, 16, 16, 16))
    assert len(anchors_of(Detection(coding=BoxCoding.SSD, maps=faces))) == 896
    grids = grid_maps(416, 416, (8, 16, 32))
    assert len(anchors_of(Detection(coding=BoxCoding.YOLOX, maps=grids))) == 3549
