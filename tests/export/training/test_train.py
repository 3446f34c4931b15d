"""A training ends with the same weights however often it is ended, and export knows its labels."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.model_fixtures import saved, small_model
from tests.export.zoo.torch_files import arrays_of, state, write_zip

import strop.runtime
from strop.cli import main
from strop.export.source.keras_files import open_keras
from strop.export.training.batches import Batches
from strop.export.training.fit import save_whole, state_folder, train
from strop.export.training.images import Images, decode, find_images
from strop.export.training.network import build_network, kernels_without_decay, set_frozen
from strop.export.training.recipe import MOMENTUM, Augment, Recipe
from strop.export.training.record import (
    TRAINING_RECORD,
    TrainingRecord,
    record_path,
    training_record,
)
from strop.export.training.state import Epoch, save
from strop.export.training.truths import Rows
from strop.export.zoo.spec import RANDOM, ModelSpec
from strop.export.zoo.torch_weights import MEAN, STD
from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.errors import ImageError, OutputError, SourceError
from strop.runtime.records.folder_lock import alone

RECIPE = Recipe(
    model="mobilenet_v1",
    alpha=0.25,
    size=32,
    epochs=2,
    batch_size=8,
    resize=ResizeRule.STRETCH,
    seed=3,
)
LABELS = ("dark", "light", "mixed")
PER_CLASS = 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(0)
    for label, low, high in zip(LABELS, (0, 170, 0), (85, 256, 256), strict=True):
        (folder / label).mkdir()
        for i in range(PER_CLASS):
            pixels = draw.integers(low, high, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i:02}.png")
    return folder


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """Of a few layers: TensorFlow compiles the zoo's smallest network for three seconds more."""
    path = tmp_path_factory.mktemp("small") / "small.keras"
    return replace(RECIPE, weights=str(saved(small_model((32, 32, 3)), path)))


def found(photos: Path, *, share: float = 0.25) -> Images:
    return find_images(photos, validation=None, validation_share=share, labels=None, seed=3)


def run(images: Images, output: Path, recipe: Recipe, *, end_after: int = 0) -> None:
    def end(number: int, epoch: Epoch) -> None:
        if number == end_after:
            raise KeyboardInterrupt

    train(recipe, images, output=output, on_epoch=end, progress=lambda items, n, what: iter(items))


@pytest.fixture(scope="module")
def trained(photos: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trained") / "mine.keras"
    run(found(photos), output, recipe)
    return output


def test_a_training_that_was_ended_goes_on_to_the_same_weights(
    trained: Path, photos: Path, recipe: Recipe, tmp_path: Path
) -> None:
    output = tmp_path / "mine.keras"
    with pytest.raises(KeyboardInterrupt):
        run(found(photos), output, recipe, end_after=1)
    assert not output.exists()
    assert (state_folder(output) / "latest.npz").exists()
    with pytest.raises(SourceError, match="another dropout, seed; give the options of that one"):
        run(found(photos), output, replace(recipe, dropout=0.5, seed=4))
    run(found(photos), output, recipe)
    for one, other in zip(open_keras(trained).weights, open_keras(output).weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert not state_folder(output).exists()
    first, second = training_record(trained), training_record(output)
    assert first is not None
    assert second is not None
    assert [epoch.loss for epoch in first.epochs] == [epoch.loss for epoch in second.epochs]


def test_a_network_of_the_zoo_begins_with_the_same_weights_each_time() -> None:
    began = []
    for _ in range(2):
        keras.utils.set_random_seed(RECIPE.seed)
        began.append(build_network(RECIPE, widths=(3,), batch_norm_momentum=0.9).get_weights())
    for one, other in zip(*began, strict=True):
        np.testing.assert_array_equal(one, other)


def test_export_takes_labels_and_resize_rule_from_the_training(
    trained: Path, photos: Path, tmp_path: Path
) -> None:
    words = ("--calibration-data", photos, "--effort", "fast", "--format", "tflite")
    assert main(["export", *map(str, (trained, *words, "-o", tmp_path / "out"))]) == 0
    with strop.runtime.open(tmp_path / "out" / "mine.int8.tflite") as classifier:
        assert classifier.contract.labels == LABELS
        assert classifier.contract.resize is ResizeRule.STRETCH


def test_a_record_of_another_file_is_refused(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / trained.name
    shutil.copy(record_path(trained), tmp_path)
    copy.write_bytes(trained.read_bytes() + b"changed")
    with pytest.raises(SourceError, match=r"of another file than mine\.keras is now"):
        training_record(copy)


def test_a_record_of_the_first_format_is_read(trained: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(trained, tmp_path))
    fields = json.loads(record_path(trained).read_text())
    for name in ("clip_norm", "embedding", "margin", "heads"):
        del fields["recipe"][name]
    (output,) = fields.pop("outputs")
    fields |= {"labels": output["labels"], "validation_accuracy": output["validation"]}
    for epoch in fields["epochs"]:
        epoch["accuracy"], epoch["validation_accuracy"] = (
            epoch["training"][0],
            epoch["validation"][0],
        )
        del epoch["training"], epoch["validation"]
    fields["recipe"]["weights"] = "none"  # as "random" was called
    record_path(copy).write_text(json.dumps({**fields, "format_version": 1}))
    record = training_record(trained)
    assert record is not None
    randomly = replace(record, recipe=replace(record.recipe, weights=RANDOM))
    assert training_record(copy) == randomly


def test_a_whole_model_may_have_a_size_that_the_zoo_has_not(tmp_path: Path) -> None:
    (tmp_path / "own.h5").write_text("")
    recipe = Recipe(model="mobilenet_v2", size=16, weights=str(tmp_path / "own.h5"))
    assert recipe.original() == ModelSpec(model=recipe.weights, mean=127.5, std=127.5)
    with pytest.raises(SourceError, match="size is 16 pixels; needed is 32 to"):
        replace(recipe, weights="random").original()


def test_a_frozen_backbone_keeps_its_weights_and_the_classifier_is_new(
    trained: Path, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tuned.keras"
    recipe = replace(RECIPE, weights=str(trained), frozen_epochs=1, epochs=1, augment=Augment.NONE)
    run(found(photos), output, recipe)
    before, after = open_keras(trained).weights, open_keras(output).weights
    same = [
        np.array_equal(np.asarray(one), np.asarray(other))
        for one, other in zip(before, after, strict=True)
    ]
    assert same == [True] * (len(same) - 2) + [False] * 2


def test_a_step_goes_no_further_than_the_clipped_gradient(
    trained: Path, photos: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, weights=str(trained), epochs=1, weight_decay=0.0, dropout=0.0)
    moved = []
    for clip_norm in (None, 1e-4):
        output = tmp_path / f"{clip_norm}.keras"
        run(found(photos), output, replace(recipe, clip_norm=clip_norm))
        before, after = open_keras(trained), open_keras(output)
        backbone = zip(before.trainable_weights[:-2], after.trainable_weights[:-2], strict=True)
        moved.append(sum(np.sum((np.asarray(b) - np.asarray(a)) ** 2) for b, a in backbone) ** 0.5)
    steps = len(found(photos).training) // RECIPE.batch_size
    bound = steps * RECIPE.learning_rate * 1e-4 / (1 - MOMENTUM)
    assert moved[1] < 1.01 * bound < 0.1 * moved[0]


def test_torchvisions_weights_come_with_their_normalization(tmp_path: Path) -> None:
    arrays = arrays_of("mobilenet_v2", alpha=0.25, size=32, classes=5)
    path = write_zip(tmp_path / "w.pth", state(arrays))
    recipe = replace(RECIPE, model="mobilenet_v2", weights=str(path))
    model = build_network(recipe, widths=(3,), batch_norm_momentum=0.9)
    pixels = np.full((1, 32, 32, 3), 100, np.float32)
    (rescaling,) = [each for each in model.layers if isinstance(each, keras.layers.Rescaling)]
    expected = (np.array([100, 100, 100]) - MEAN) / STD
    np.testing.assert_allclose(np.asarray(rescaling(pixels))[0, 5, 7], expected, rtol=1e-5)
    kernel = np.asarray(model.get_layer("backbone").get_layer("features_0_0").kernel)
    np.testing.assert_array_equal(kernel[1, 2, 0], arrays["features.0.0.weight"][:, 0, 1, 2])
    assert model.output_shape == (None, 3)


def test_the_command_prints_the_best_epoch_and_its_record_is_read_back(
    photos: Path, recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "m.keras"
    network = ("--model", "mobilenet_v1", "--alpha", "0.25", "--weights", str(recipe.weights))
    words = (*network, "--size", "32", "--epochs", "1")
    more = ("--batch-size", "8", "--validation-data", str(photos), "-o", str(output), "--json")
    argv = [sys.executable, "-m", "strop", "train", str(photos), *words, *more]
    environment = {name: value for name, value in os.environ.items() if "TF_CPP" not in name}
    done = subprocess.run(argv, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "next: strop export" in done.stderr
    assert "E0000" not in done.stderr  # a line of TensorFlow's own
    assert json.loads(done.stdout)["outputs"][0]["labels"] == list(LABELS)
    record = training_record(output)
    assert isinstance(record, TrainingRecord)
    assert record.training_images == (PER_CLASS,) * 3
    assert record.validation_images == 3 * PER_CLASS
    assert TRAINING_RECORD.dumps(record) == record_path(output).read_text()
    assert main(["train", str(photos), *words, *more]) == 2
    assert "exists; give another name, or --force" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_ends_the_training(
    photos: Path, recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"the loss of epoch 1 is nan; give a lower --learning"):
        run(found(photos), tmp_path / "m.keras", replace(recipe, learning_rate=1e30))


def test_every_class_is_split_by_the_same_share_and_nothing_is_on_both_sides(
    photos: Path,
) -> None:
    images = found(photos)
    assert images.labels == LABELS
    assert images.counts() == (9, 9, 9)
    paths = {image.path for image in images.validation}
    assert len(paths) == 9
    assert paths.isdisjoint(image.path for image in images.training)
    assert found(photos).fingerprint() == images.fingerprint()


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"a": 3}, "one class, 'a'; needed are subfolders of two"),
        ({"a": 3, "b": 1, "c": 1}, r"1 images of 'b' \(and 1 classes more have too few\)"),
    ],
)
def test_too_little_to_learn_from_is_refused(
    tmp_path: Path, classes: dict[str, int], message: str
) -> None:
    for label, count in classes.items():
        (tmp_path / label).mkdir()
        for i in range(count):
            Image.new("RGB", (8, 8)).save(tmp_path / label / f"{i}.png")
    with pytest.raises(ImageError, match=message):
        found(tmp_path)


def test_an_epoch_draws_every_image_once_and_the_same_ones_each_time() -> None:
    pixels = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1) * np.ones((1, 24, 24, 3), np.uint8)
    answers = np.eye(3, dtype=np.float32)[np.arange(40) % 3]

    def drawn(epoch: int, augment: Augment) -> list[np.ndarray]:
        recipe = replace(RECIPE, augment=augment)
        batches = Batches(pixels, (Rows(values=answers),), recipe, epoch=epoch)
        return [batches[i][0] for i in range(len(batches))]

    plain = np.concatenate(drawn(0, Augment.NONE))
    assert sorted(plain[:, 0, 0, 0].tolist()) == list(range(40))
    for first, second in zip(drawn(5, Augment.LIGHT), drawn(5, Augment.LIGHT), strict=True):
        np.testing.assert_array_equal(first, second)
    # Of one colour each, no shift and no mirror changes them.
    np.testing.assert_array_equal(np.concatenate(drawn(0, Augment.LIGHT)), plain)


def test_kernels_alone_decay_and_no_depthwise_ones() -> None:
    model = build_network(RECIPE, widths=(3,), batch_norm_momentum=0.9)
    left = {id(weight) for weight in kernels_without_decay(model)}
    decayed = [weight for weight in model.trainable_weights if id(weight) not in left]
    # The first convolution, 13 pointwise ones, and the classifier.
    assert len(decayed) == 15
    assert {len(weight.shape) for weight in decayed} == {2, 4}
    set_frozen(model, is_frozen=True)
    assert len(model.trainable_weights) == 2


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2"])
def test_a_zoo_model_gets_its_normalization_inside_once(name: str) -> None:
    recipe = replace(RECIPE, model=name, alpha=1.0)
    model = build_network(recipe, widths=(4,), batch_norm_momentum=0.9)
    assert model.output_shape == (None, 4)

    def every(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        return [layer, *(one for inner in getattr(layer, "layers", ()) for one in every(inner))]

    scalings = [one for one in every(model) if isinstance(one, keras.layers.Rescaling)]
    assert len(scalings) == 1
    highest = float(np.asarray(scalings[0](np.array([255.0])))[0])
    assert highest == pytest.approx(1.0, abs=0.01)


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """What the system does at a full disk, at a file's length: a write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_for_the_decoded_images_is_said_in_one_line(photos: Path, tmp_path: Path) -> None:
    images, contract = found(photos), Contract(height=64, width=64)
    with largest_file(100_000), pytest.raises(OutputError, match="MiB of decoded images are kept"):
        decode(images.training, contract, tmp_path / "training.u8", lambda items, *_: iter(items))
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_the_model_or_the_state_is_said_in_one_line(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(400)])
    with largest_file(50_000), pytest.raises(OutputError, match=r"m.keras: .*; make room and"):
        save_whole(model, tmp_path / "m.keras")
    with largest_file(50_000), pytest.raises(OutputError, match=r"latest.npz: .*; make room and"):
        save(tmp_path / "latest.npz", [np.zeros(100_000)], [], [])
    assert list(tmp_path.iterdir()) == []


def test_a_second_training_of_a_file_is_refused(
    photos: Path, recipe: Recipe, tmp_path: Path
) -> None:
    output = tmp_path / "mine.keras"
    folder = state_folder(output)
    folder.mkdir()
    with (
        alone(folder, busy=""),
        pytest.raises(OutputError, match=r"mine.keras: another training is writing it; wait for"),
    ):
        run(found(photos), output, recipe)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_holds_other_things_is_neither_used_nor_emptied(
    photos: Path, tmp_path: Path, *, force: bool
) -> None:
    output = tmp_path / "mine.keras"
    state_folder(output).mkdir()
    (state_folder(output) / "holiday.jpg").touch()
    with pytest.raises(OutputError, match=r"holds holiday\.jpg, which no training wrote there"):
        train(RECIPE, found(photos), output=output, force=force, progress=lambda items, *_: items)
    assert [path.name for path in state_folder(output).iterdir()] == ["holiday.jpg"]


def test_an_error_before_the_first_epoch_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine.keras"
    with pytest.raises(SourceError):
        run(found(photos), output, replace(RECIPE, weights=str(tmp_path / "none.h5")))
    assert list(tmp_path.iterdir()) == []


def test_decoded_images_of_another_size_are_not_learned_from(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "training.u8"
    path.write_bytes(bytes(100))
    with pytest.raises(SourceError, match="not these images; give --force to begin anew"):
        decode(
            found(photos).training, Contract(height=8, width=8), path, lambda items, *_: iter(())
        )
