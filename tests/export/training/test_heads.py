"""A training for labels, numbers and several outputs: what is written gives what its tables say."""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import image_targets
import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.model_fixtures import saved, small_model
from tests.export.training.test_train import RECIPE, photos

from strop.cli import main
from strop.export.commands import train as command
from strop.export.commands.heads import heads_of, images_of
from strop.export.source.keras_files import open_keras
from strop.export.training.heads import Head
from strop.export.training.network import build_network, give_units
from strop.export.training.objective import HalfSquaredError
from strop.export.training.recipe import Recipe
from strop.export.training.record import training_record
from strop.export.training.state import LATEST, SETTINGS, Epoch, load, open_state
from strop.export.training.targets import Table, Targets, read_targets, standardized
from strop.export.zoo.architectures import architecture
from strop.export.zoo.shipped import SHIPPED_CALIBRATION
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import ImageError, SourceError

ROOT = Path(__file__).parents[3]
__all__ = ["photos"]  # the fixture
NUMBERS, MARKS = ("grey", "share"), ("bright", "red")


def means(path: Path) -> np.ndarray:
    found: np.ndarray = np.asarray(Image.open(path), np.float64).mean(axis=(0, 1))
    return found


def table(path: Path, columns: Sequence[str], rows: Mapping[str, Sequence[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("image", *columns), *((key, *rows[key]) for key in rows)])
    return path


@pytest.fixture(scope="module")
def tables(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """numbers.csv: grey in 0..255, and the same in millionths; marks.csv: two labels."""
    folder = tmp_path_factory.mktemp("tables")
    of = {path.relative_to(photos).as_posix(): means(path) for path in photos.rglob("*.png")}
    grey = {name: float(found.mean()) for name, found in of.items()}
    numbers = {name: (f"{value}", f"{value / 255e6}") for name, value in grey.items()}
    table(folder / "numbers.csv", NUMBERS, numbers)
    marks = {name: (int(grey[name] > 100), int(of[name].argmax() == 0)) for name in of}
    table(folder / "marks.csv", MARKS, marks)
    return folder


def argv(photos: Path, output: Path, *words: object) -> list[str]:
    small = ("--model", "mobilenet_v1", "--alpha", 0.25, "--size", 32, "--resize", "stretch")
    brief = ("--epochs", 1, "--batch-size", 8, "--seed", 3, "--augment", "none")
    return [*map(str, ("train", photos, *small, *brief, *words, "-o", output))]


def documented() -> list[list[str]]:
    """The commands of the example in docs/train.md, but the one that needs the data set."""
    page = (ROOT / "docs/train.md").read_text().split("### An example, from images to answers")[1]
    text = page.split("```sh\n")[1].split("```")[0].replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines()[1:]]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of one who follows the example in small, and whose training was ended once."""
    folder = tmp_path_factory.mktemp("example")
    for at, part in ((slice(0, 4), "train"), (slice(4, 6), "test")):
        for kind in SHIPPED_CALIBRATION.iterdir():
            images = folder / "build/fashion_mnist" / part / kind.name
            images.mkdir(parents=True)
            for image in sorted(kind.iterdir())[at]:
                shutil.copy(image, images)
    (folder / "calibration_data").symlink_to(SHIPPED_CALIBRATION.parent)
    saved(small_model((48, 48, 3)), folder / "small.keras")
    measure, training, *rest = documented()
    assert [words[2] for words in (measure, training)] == ["python", "strop"]
    words = [*training[3:], "--weights", "small.keras", "--epochs", "1", "--batch-size", "8"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        image_targets.main(measure[4:])
        with pytest.MonkeyPatch.context() as end:
            end.setattr(command, "epoch_in_words", ended)
            assert main(words) == 130
        assert main([*words, "--loss-weight", "kind=2"]) == 2  # another training
        assert main(words) == 0
        assert main([*rest[0][3:], "--effort", "fast", "--format", "tflite"]) == 0
        yield folder


def ended(*_: object) -> str:
    raise KeyboardInterrupt


def test_several_outputs_keep_their_names_order_and_units(example: Path) -> None:
    path = example / "build/three.keras"
    model, record = open_keras(path), training_record(path)
    assert record is not None
    assert [tensor.shape for tensor in model.outputs] == [(None, 10), (None, 3), (None, 3)]
    kinds = tuple(sorted(kind.name for kind in SHIPPED_CALIBRATION.iterdir()))
    assert [(each.name, each.task, each.labels) for each in record.outputs] == [
        ("kind", Task.CLASSIFY, kinds),
        ("size", Task.REGRESS, image_targets.NUMBERS),
        ("look", Task.MULTILABEL, image_targets.LABELS),
    ]
    assert [tensor._keras_history.operation.name for tensor in model.outputs] == [
        each.name for each in record.outputs
    ]
    folder = example / "build/fashion_mnist/train"
    pixels = [
        np.asarray(Image.open(path).convert("RGB").resize((48, 48)), np.float32)
        for path in sorted(folder.rglob("*.png"))
    ]
    kind, _, look = (np.asarray(each) for each in model(np.stack(pixels)))
    np.testing.assert_allclose(kind.sum(axis=1), 1, atol=1e-5)
    assert 0 <= look.min() <= look.max() <= 1
    # The errors have the numbers' units, the figure has their spreads over what was learned from.
    spreads = np.std(list(image_targets.measured(folder).values()), axis=0)
    size = record.outputs[1]
    assert np.mean(size.errors / spreads) == pytest.approx(size.validation, rel=0.2)


def test_the_example_of_the_page_ends_in_answers_of_every_output(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, running = documented()
    assert main([*running[3:], "--json"]) == 0
    (image,) = json.loads(capsys.readouterr().out)["images"]
    outputs = image["outputs"]
    found = {name: [each["label"] for each in outputs[name]["predictions"]] for name in outputs}
    assert list(found) == ["kind", "size", "look"]
    assert found["size"] == list(image_targets.NUMBERS)
    assert sorted(found["look"]) == sorted(image_targets.LABELS)


def test_all_outputs_are_replaced_by_those_of_the_next_training(example: Path) -> None:
    recipe = replace(RECIPE, size=48, weights=str(example / "build/three.keras"))
    network = build_network(recipe, widths=(4,), batch_norm_momentum=0.9)
    heads = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    assert ([layer.name for layer in heads], network.output_shape) == (["scores"], (None, 4))


def test_a_state_from_before_there_were_heads_is_gone_on_with(tmp_path: Path) -> None:
    open_state(tmp_path, RECIPE, "images")
    settings = json.loads((tmp_path / SETTINGS).read_text())
    del settings["heads"], settings["embedding"], settings["margin"]
    (tmp_path / SETTINGS).write_text(json.dumps(settings | {"format_version": 1}))
    open_state(tmp_path, RECIPE, "images")
    other = replace(RECIPE, heads=(Head(name="other"),))
    with pytest.raises(SourceError, match="of a training with another heads"):
        open_state(tmp_path, other, "images")
    epoch = {"loss": 1.5, "accuracy": 0.5, "validation_accuracy": 0.4, "seconds": 2.0}
    history = np.frombuffer(json.dumps([epoch]).encode(), np.uint8)
    np.savez(tmp_path / LATEST, weight0=np.zeros(3), optimizer0=np.zeros(3), history=history)
    *_, epochs = load(tmp_path / LATEST)
    assert epochs == (Epoch(loss=1.5, training=(0.5,), validation=(0.4,), seconds=2.0),)


def small(example: Path, *heads: Head) -> Recipe:
    return replace(RECIPE, size=48, weights=str(example / "small.keras"), heads=heads)


def test_numbers_that_were_given_units_are_those_of_the_targets(example: Path) -> None:
    recipe = small(example, Head(name="size", task=Task.REGRESS))
    model = build_network(recipe, widths=(2,), batch_norm_momentum=0.9)
    rows = ((0.0, 1e-6), (10.0, 3e-6), (5.0, 5e-6))
    targets = Targets(head="size", names=NUMBERS, training=rows, validation=rows)
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 3)).astype(np.float32)
    before = np.asarray(model(pixels))
    give_units(model, targets)
    after = np.asarray(model(pixels), np.float64)
    np.testing.assert_allclose(standardized(targets, after.tolist()), before, atol=1e-5)


def test_the_loss_of_numbers_is_half_their_squared_distance() -> None:
    found = HalfSquaredError().call(np.array([[1.0, -1.0]]), np.array([[1.5, 1.0]]))
    assert float(found[0]) == pytest.approx((0.25 + 4) / 4)


@pytest.mark.parametrize(
    ("task", "file", "names"),
    [("multilabel", "marks.csv", MARKS), ("regress", "numbers.csv", NUMBERS)],
)
def test_one_output_of_a_table_needs_no_name_and_no_subfolders(
    photos: Path, tables: Path, tmp_path: Path, task: str, file: str, names: tuple[str, ...]
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    lines = dict(line.split(",", 1) for line in (tables / file).read_text().splitlines())
    for path in sorted(photos.rglob("*.png"))[::2]:
        copy = flat / f"{path.parent.name}_{path.name}"
        shutil.copy(path, copy)
        lines[copy.name] = lines[path.relative_to(photos).as_posix()]
    truth = tmp_path / file
    truth.write_text("".join(f"{name},{cells}\n" for name, cells in lines.items()))
    words = ("--task", task, "--truth", truth)
    others = ("--validation-data", photos, "--validation-truth", tables / file)
    for more, counts in (((), (16, 2)), (others, (18, 36))):
        options = parsed(argv(flat, tmp_path / "m.keras", *words, *more))
        heads = heads_of(options, architecture(RECIPE.model))
        images = images_of(options, replace(RECIPE, heads=heads))
        (targets,) = images.targets
        assert (targets.head, targets.names, images.labels) == ("scores", names, ())
        assert images.counts() == (counts[0],)
        assert (len(targets.training), len(targets.validation)) == counts
        for image, row in zip(images.training, targets.training, strict=True):
            assert row == tuple(map(float, lines[image.path.name].split(",")))


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(words)


def test_other_answers_are_another_training(photos: Path, tables: Path) -> None:
    from strop.export.training.images import find_images

    images = find_images(photos, validation=None, validation_share=0.25, labels=None, seed=3)
    one = Targets(head="a", names=("x",), training=((1.0,),), validation=((2.0,),))
    prints = {
        replace(images, targets=targets).fingerprint()
        for targets in ((), (one,), (replace(one, validation=((3.0,),)),))
    }
    assert len(prints) == 3


def read(path: Path, photos: Path, task: Task, **options: object) -> Targets:
    images = tuple(sorted(photos.rglob("*.png")))
    of = Table(path=path, folder=photos, images=images)
    return read_targets(Head(name="look", task=task), of, of)


Change = Callable[[list[list[str]]], None]


def cell(row: int, column: int, text: str) -> Change:
    def change(lines: list[list[str]]) -> None:
        lines[row][column] = text

    return change


def every(column: int, text: str) -> Change:
    def change(lines: list[list[str]]) -> None:
        for line in lines[1:]:
            line[column] = text

    return change


@pytest.mark.parametrize(
    ("task", "change", "message"),
    [
        ("regress", lambda lines: lines.pop(5), "no row for 1 of 36 images: "),
        ("regress", cell(3, 1, "nan"), "line 4: not finite; needed are numbers"),
        ("regress", cell(3, 2, "wide"), "line 4: could not convert string to float: 'wide'"),
        ("regress", cell(3, 2, "1e30"), "column 'red' has 1e.30; needed are numbers below 2e.19"),
        ("regress", every(1, "7"), "column 'bright' is 7 for all 36 images that are learned from"),
        ("regress", cell(0, 2, "bright"), "two columns called 'bright'"),
        ("regress", cell(0, 2, " "), "column 3 without a name"),
        ("multilabel", cell(3, 1, "0.5"), "line 4: not 0 or 1; needed is 1 for each label"),
        ("multilabel", every(2, "0"), "column 'red' is 0 for all 36 images"),
        ("multilabel", lambda lines: lines.clear(), "no column behind the image's"),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_refused_in_a_line(
    photos: Path, tables: Path, tmp_path: Path, task: str, change: Change, message: str
) -> None:
    lines = [line.split(",") for line in (tables / "marks.csv").read_text().splitlines()]
    change(lines)
    path = tmp_path / "changed.csv"
    path.write_text("".join(f"{','.join(line)}\n" for line in lines))
    with pytest.raises(ImageError, match=message) as raised:
        read(path, photos, Task(task))
    assert "\n" not in str(raised.value)


def test_a_spread_that_float32_cannot_tell_is_refused(photos: Path, tmp_path: Path) -> None:
    names = [path.relative_to(photos).as_posix() for path in photos.rglob("*.png")]
    rows = {name: (1e9 + number,) for number, name in enumerate(names)}
    path = table(tmp_path / "years.csv", ("years",), rows)
    with pytest.raises(ImageError, match="take out what is added to all"):
        read(path, photos, Task.REGRESS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--task regress", "whose answers are in a table; give --truth FILE"),
        ("--task a=regress --task b=classify", "give --truth a=FILE"),
        ("--truth x.csv", "the task is classify, whose answers are the subfolders; leave it out"),
        ("--task regress --task b=classify", "--task regress: one of several; needed is a name"),
        (
            "--task embed",
            "trained are classify, multilabel, regress, segment, detect, landmarks, and --emb",
        ),
        ("--task a=classify --task b=classify", "a and b: both classify, and the subfolders"),
        ("--task a=regress --task a=classify", "two outputs are called 'a'"),
        ("--task 1a=classify", "an output is called '1a'; needed are up to 64 letters"),
        ("--task backbone=classify", "none of backbone, dropout, image"),
        ("--task a=regress --task b=classify --truth c=x.csv", "the names are a, b"),
        (
            "--task regress --truth x.csv --truth y.csv",
            "given twice for output scores; leave one out",
        ),
        ("--task regress --truth x.csv --truth scores=y.csv", "given twice for output scores"),
        ("--loss-weight 0", "the weight of its loss is 0; needed is above 0"),
        ("--task regress --truth x.csv --embedding 8", "trained by classes alone"),
        ("--task regress --truth x.csv --label-smoothing 0.1", "numbers have no labels"),
        ("--task regress --truth x.csv --labels l.txt", "no output classifies, and labels of a"),
        ("--task regress --truth x.csv --validation-data .", "give --validation-truth FILE"),
        ("--validation-truth x.csv", "given without --validation-data; give both"),
        ("--task regress --truth x.csv", "x.csv: "),
    ],
)
def test_outputs_that_cannot_be_trained_are_refused_in_a_line(
    photos: Path,
    tmp_path: Path,
    words: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "m.keras"
    assert main(argv(photos, output, *words.split())) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert list(tmp_path.iterdir()) == []


def test_both_heads_learn_from_the_features(example: Path) -> None:
    recipe = small(example, Head(name="b"), Head(name="a", task=Task.REGRESS))
    model = build_network(recipe, widths=(3, 1), batch_norm_momentum=0.9)
    heads = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.name for layer in heads] == ["b", "a"]
    assert {layer.kernel.shape[0] for layer in heads} == {4}
