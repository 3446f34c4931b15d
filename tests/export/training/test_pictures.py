"""A training of maps, boxes and points: what is moved, matched and lost, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.model_fixtures import saved, small_model

from strop.cli import main
from strop.export.source.keras_files import open_keras
from strop.export.training import network
from strop.export.training.boxes import Boxes, InputBoxes, encoded, matched
from strop.export.training.heads import Head
from strop.export.training.masks import Masks, read_masks
from strop.export.training.moves import draw_moves
from strop.export.training.picture_losses import (
    NEGATIVES,
    BoxLoss,
    MinedCrossEntropy,
    PixelCrossEntropy,
    PointDistance,
)
from strop.export.training.recipe import Recipe
from strop.export.training.record import training_record
from strop.export.training.truths import Points
from strop.export.zoo.backbone_weights import take_backbone
from strop.export.zoo.spec import ModelSpec
from strop.export.zoo.ssd import ssd_detection
from strop.runtime.artifact.contract import Contract, ResizeRule, Task
from strop.runtime.detect.anchors import anchors_of, grid_of
from strop.runtime.detect.decode import decode
from strop.runtime.detect.detection_file import DETECTION, detection_path
from strop.runtime.errors import ImageError, SourceError

SIDE = 48
STRETCHED = Contract(height=SIDE, width=SIDE, resize=ResizeRule.STRETCH)
LABELS = ("nothing", "square", "bar")
DETECTION_48 = ssd_detection(SIDE)
ANCHORS = anchors_of(DETECTION_48)


def picture(draw: np.random.Generator) -> tuple[np.ndarray, tuple[int, int, int, int], int]:
    """A mask with one rectangle that no shift pushes outside; top, left, bottom, right; class."""
    top, left = draw.integers(5, 20, 2).tolist()
    height, width = draw.integers(8, 22, 2).tolist()
    mask = np.zeros((SIDE, SIDE), np.uint8)
    box = (top, left, top + height, left + width)
    kind = int(draw.integers(1, 3))
    mask[box[0] : box[2], box[1] : box[3]] = kind
    return mask, box, kind


@pytest.mark.parametrize("seed", range(8))
def test_masks_boxes_and_points_are_moved_alike(seed: int) -> None:
    draw = np.random.default_rng(seed)
    masks, corners, kinds = zip(*(picture(draw) for _ in range(6)), strict=True)
    boxes = tuple(
        InputBoxes(corners=np.array([one], np.float64) / SIDE, classes=np.array([kind - 1]))
        for one, kind in zip(corners, kinds, strict=True)
    )
    points = np.array([(left, top, right, bottom) for top, left, bottom, right in corners]) / SIDE
    moves = draw_moves(6, (SIDE, SIDE), np.random.default_rng(seed), mirrors=True)
    chosen = np.arange(6)
    (moved,) = Masks(maps=np.array(masks)).batch(chosen, moves)
    truth = Boxes(pictures=boxes, anchors=ANCHORS, variances=DETECTION_48.variances)
    codes, classes = truth.batch(chosen, moves)
    unit = np.zeros(4), np.ones(4)
    (placed,) = Points(shares=points, mean=unit[0], spread=unit[1]).batch(chosen, moves)
    for number in range(6):
        rows, columns = (np.flatnonzero(moved[number].any(axis=axis)) for axis in (1, 0))
        expected = np.array((rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)) / SIDE
        found = np.flatnonzero(codes[number, :, 4])
        assert len(found)
        assert set(classes[number][found]) == {kinds[number]}
        numbers = codes[number, found, :4].astype(np.float64)
        decoded = decode(numbers, grid_of(DETECTION_48)[found], DETECTION_48, size=(SIDE, SIDE))
        np.testing.assert_allclose(decoded, np.tile(expected, (len(found), 1)), atol=1e-5)
        x, y = np.sort(placed[number].reshape(2, 2), axis=0).T
        np.testing.assert_allclose((y[0], x[0], y[1], x[1]), expected, atol=1e-6)


def test_each_box_has_an_anchor_and_an_anchor_the_box_that_it_overlaps_most() -> None:
    draw = np.random.default_rng(0)
    low = draw.uniform(0, 0.6, (7, 2))
    corners = np.concatenate((low, low + draw.uniform(0.02, 0.4, (7, 2))), axis=1)
    found = matched(ANCHORS, corners)
    assert set(found) == {-1, *range(7)}
    assert (matched(ANCHORS, corners[:0]) == -1).all()
    sizes = np.exp(encoded(ANCHORS[:7], corners)[:, 2:]) * ANCHORS[:7, 2:]
    np.testing.assert_allclose(sizes, corners[:, 2:] - corners[:, :2])


def test_a_box_of_which_little_is_left_is_none() -> None:
    corners = np.array(((-0.2, 0, 0.05, 0.5), (-0.2, 0, 0.2, 0.5), (1.1, 0.2, 1.3, 0.4)))
    inside = InputBoxes(corners=corners, classes=np.arange(3)).inside()
    np.testing.assert_array_equal(inside.classes, [1])
    np.testing.assert_array_equal(inside.corners, [(0, 0, 0.2, 0.5)])


def cross_entropy(logits: np.ndarray, classes: np.ndarray) -> np.ndarray:
    whole = np.log(np.exp(logits).sum(axis=-1))
    chosen: np.ndarray = np.take_along_axis(logits, classes[..., np.newaxis], axis=-1)[..., 0]
    return np.asarray(whole - chosen)


def value(loss: Any, true: Any, found: Any) -> float:
    return float(keras.ops.convert_to_numpy(loss(true, found)))


def test_the_losses_are_their_formulas() -> None:
    draw = np.random.default_rng(1)
    maps = draw.normal(size=(2, 4, 5, 3)).astype(np.float32)
    classes = draw.integers(0, 3, (2, 4, 5))
    classes[0, :2] = 255
    known = classes != 255
    each = cross_entropy(maps, np.where(known, classes, 0))
    expected = np.mean([each[n][known[n]].mean() for n in range(2)])
    assert value(PixelCrossEntropy(), classes.astype(np.uint8), maps) == pytest.approx(expected)

    logits = draw.normal(size=(2, 30, 4)).astype(np.float32)
    of_anchors = np.zeros((2, 30), np.uint16)
    of_anchors[0, :3], of_anchors[1, 5] = (1, 2, 3), 2
    each = cross_entropy(logits, of_anchors.astype(np.int64))
    parts = []
    for n in range(2):
        has = of_anchors[n] > 0
        worst = np.sort(each[n][~has])[::-1][: NEGATIVES * has.sum()]
        parts.append((each[n][has].sum() + worst.sum()) / has.sum())
    assert value(MinedCrossEntropy(), of_anchors, logits) == pytest.approx(np.mean(parts))

    codes = draw.normal(size=(2, 30, 5)).astype(np.float32) * 2
    codes[..., 4] = of_anchors > 0
    found = draw.normal(size=(2, 30, 4)).astype(np.float32)
    apart = np.abs(codes[..., :4] - found)
    smooth = np.where(apart < 1, apart**2 / 2, apart - 0.5).sum(axis=-1)
    parts = [smooth[n][of_anchors[n] > 0].sum() / (of_anchors[n] > 0).sum() for n in range(2)]
    assert value(BoxLoss(), codes, found) == pytest.approx(np.mean(parts), rel=1e-5)

    true = np.array(((0.5, math.nan), (1.0, 2.0)), np.float32)
    assert value(PointDistance(), true, np.ones((2, 2), np.float32)) == pytest.approx(0.5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of a rectangle, with masks, boxes and points."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    draw = np.random.default_rng(5)
    images, annotations, rows = [], [], ["image,near_x,near_y,far_x,far_y"]
    for number in range(12):
        mask, (top, left, bottom, right), kind = picture(draw)
        name = f"{number:02}.png"
        Image.fromarray(mask * 100).convert("RGB").save(folder / "images" / name)
        Image.fromarray(mask).save(folder / "masks" / name)
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        box = (left, top, right - left, bottom - top)
        one = {"id": number, "image_id": number, "category_id": kind, "bbox": box}
        annotations.append({**one, "area": box[2] * box[3], "iscrowd": 0})
        rows.append(f"{name},{left},{top},{right},{bottom}")
    categories = [{"id": place, "name": name} for place, name in enumerate(LABELS[1:], 1)]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "boxes.json").write_text(json.dumps(whole))
    (folder / "points.csv").write_text("\n".join(rows) + "\n")
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    return folder


def tiny(spec: ModelSpec) -> Any:
    """In place of a network of the zoo, whose graph TensorFlow compiles for ten seconds."""
    pixels = keras.Input((SIDE, SIDE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
    classes = spec.classes or 0
    if "lr_aspp" in spec.model:
        return keras.Model(pixels, keras.layers.Conv2D(classes, 3, padding="same")(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    sizes = (("boxes", 4), ("scores", 1 + classes))
    rows = [keras.layers.Dense(len(ANCHORS) * size)(x) for _, size in sizes]
    outputs = [
        keras.layers.Reshape((-1, size), name=name)(row)
        for (name, size), row in zip(sizes, rows, strict=True)
    ]
    return keras.Model(pixels, outputs)


def argv(data: Path, output: Path, model: str, *words: object) -> list[str]:
    brief = ("--size", SIDE, "--epochs", 2, "--batch-size", 4, "--validation-share", 0.25)
    said = ("train", data / "images", "--model", model, *brief, *words, "-o", output)
    return [*map(str, said)]


WORDS: dict[Task, Callable[[Path], tuple[str, tuple[object, ...]]]] = {
    Task.SEGMENT: lambda data: (
        "lr_aspp_mobilenet_v3_small",
        ("--truth", data / "masks", "--labels", data / "labels.txt"),
    ),
    Task.DETECT: lambda data: ("ssdlite_mobilenet_v2", ("--truth", data / "boxes.json")),
    Task.LANDMARKS: lambda data: (
        "mobilenet_v2",
        ("--task", "landmarks", "--truth", data / "points.csv"),
    ),
}


@pytest.mark.parametrize("task", WORDS)
def test_a_training_writes_what_an_export_needs(
    task: Task, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "keras_model", tiny)
    output = tmp_path / "found.keras"
    model, words = WORDS[task](data)
    if task is Task.LANDMARKS:
        weights = saved(small_model((SIDE, SIDE, 3)), tmp_path / "small.keras")
        words = (*words, "--weights", weights)
    assert main(argv(data, output, model, *words)) == 0
    record = training_record(output)
    assert record is not None
    assert {each.task for each in record.outputs} == {task}
    assert record.recipe.resize is ResizeRule.STRETCH
    assert len(record.epochs) == 2
    assert math.isfinite(record.epochs[1].validation[0])
    trained = open_keras(output)
    if task is Task.SEGMENT:
        assert record.labels == LABELS
        assert trained.output.shape == (None, SIDE, SIDE, 3)
        assert 0 <= record.outputs[0].validation <= 1
    elif task is Task.DETECT:
        assert [each.name for each in record.outputs] == trained.output_names == ["boxes", "scores"]
        assert record.outputs[1].labels == LABELS[1:]
        assert DETECTION.read(detection_path(output)) == DETECTION_48
    else:
        assert record.labels == ("near", "far")
        found = trained.predict(np.zeros((1, SIDE, SIDE, 3)), verbose=0)
        assert found.shape == (1, 4)
        assert max(record.outputs[0].errors) < 1  # of the picture, not of spreads or pixels


def test_a_model_without_the_backbone_is_refused(tmp_path: Path) -> None:
    file = saved(small_model((32, 32, 3)), tmp_path / "small.keras")
    with pytest.raises(SourceError, match="has no layer of small's backbone; give a model of the"):
        take_backbone(small_model((32, 32, 3)), Path(file))


def test_the_weights_of_layers_of_the_same_name_are_taken(tmp_path: Path) -> None:
    def net(filters: int, seed: int) -> Any:
        keras.utils.set_random_seed(seed)
        image = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(filters, 1, name="Conv1")(image)
        x = keras.layers.DepthwiseConv2D(3, name="block_1")(x)
        return keras.Model(image, keras.layers.Dense(seed + 2, name="end")(x), name="net")

    file = Path(saved(net(4, 0), tmp_path / "first.keras"))
    other = net(4, 1)
    end = np.array(other.get_layer("end").kernel)
    take_backbone(other, file)
    first = open_keras(file)
    for name in ("Conv1", "block_1"):
        for one, two in zip(
            first.get_layer(name).weights, other.get_layer(name).weights, strict=True
        ):
            np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(other.get_layer("end").kernel, end)
    with pytest.raises(SourceError, match=r"block_1 has a kernel \(3, 3, 4, 1\) where .*--alpha"):
        take_backbone(net(6, 1), file)


def test_a_mask_is_resized_and_padded_as_its_picture_is(tmp_path: Path) -> None:
    mask = np.zeros((20, 40), np.uint8)
    mask[5:15, 10:30] = 2
    path = tmp_path / "00.png"
    Image.fromarray(mask).save(path)
    for rule, expected in (
        (ResizeRule.STRETCH, (5, 15, 5, 15)),
        (ResizeRule.LETTERBOX, (7, 13, 5, 15)),
        (ResizeRule.CROP, (5, 15, 0, 20)),
    ):
        contract = Contract(height=20, width=20, resize=rule, crop_fraction=1)
        (found,) = read_masks([path], [path], contract, LABELS)
        top, bottom, left, right = expected
        whole = np.zeros((20, 20), np.uint8)
        whole[top:bottom, left:right] = 2
        if rule is ResizeRule.LETTERBOX:
            whole[:5], whole[15:] = 255, 255
        if rule is ResizeRule.LETTERBOX:  # of an odd side, to one pixel
            assert np.mean(found != whole) <= 0.05
        else:
            np.testing.assert_array_equal(found, whole)


def test_masks_that_do_not_fit_are_refused(data: Path, tmp_path: Path) -> None:
    image = data / "images" / "00.png"
    other = tmp_path / "00.png"
    for mask, remedy in (
        (np.zeros((SIDE, 9), np.uint8), "9 x 48 pixels, and its picture has 48 x 48; needed"),
        (np.full((SIDE, SIDE), 7, np.uint8), "class 7, and there are 3 classes; needed are 0 to 2"),
    ):
        Image.fromarray(mask).save(other)
        with pytest.raises(ImageError, match=remedy):
            list(read_masks([other], [image], STRETCHED, LABELS))


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("ssdlite_mobilenet_v2", "whose answers are in a COCO .json or a folder of VOC .xml; give"),
        ("lr_aspp_mobilenet_v3_small --truth {masks}", "masks have numbers, not names; give --lab"),
        ("mobilenet_v2 --task segment", "is a network to classify, and the task is segment; give"),
        ("ssdlite_mobilenet_v2 --task classify", "to detect, and the task is classify; give one"),
        ("ssdlite_mobilenet_v2 --dropout 0.2", "is trained as a whole without it; leave it out"),
        ("mobilenet_v2 --task landmarks --truth {odd}", "needed are two for each point, NAME_x"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    words: str, remedy: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "odd.csv"
    lines = (data / "points.csv").read_text().splitlines()
    odd.write_text("\n".join(line.rpartition(",")[0] for line in lines) + "\n")
    model, *rest = words.format(masks=data / "masks", odd=odd).split()
    assert main(argv(data, tmp_path / "m.keras", model, *rest)) == 2
    said = capsys.readouterr().err
    assert remedy in " ".join(said.split())


def test_a_network_of_its_own_has_no_other_output() -> None:
    heads = (Head(name="a", task=Task.SEGMENT), Head(name="b", task=Task.MULTILABEL))
    recipe = Recipe(model="lr_aspp_mobilenet_v3_small", dropout=0, heads=heads[:1])
    assert recipe.original().model == "lr_aspp_mobilenet_v3_small"
    with pytest.raises(SourceError, match="segment is learned by a network of its own; leave out"):
        replace(recipe, heads=heads)
