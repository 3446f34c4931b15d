"""A member is the network that its name says, with the weights that it was given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from tests.export.model_fixtures import saved, small_model
from tests.export.zoo.torch_files import arrays_of, state, write_zip

from strop.export.inspect.count_keras import count_keras
from strop.export.options.choices import Precision
from strop.export.source.source import Source
from strop.export.sweep.members import Member
from strop.export.sweep.record import Counts, counts_of
from strop.export.sweep.training_settings import TrainingSettings, training_settings
from strop.export.training.network import build_network
from strop.export.training.recipe import Recipe
from strop.export.training.record import (
    TRAINING_RECORD,
    TrainedOutput,
    TrainingRecord,
    as_trained,
    record_path,
)
from strop.export.zoo.build import keras_model, open_model
from strop.export.zoo.spec import RANDOM, ModelSpec
from strop.export.zoo.torch_weights import MEAN, STD
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import ResizeRule, Task
from strop.runtime.errors import SourceError

CLASSES = 5


def member(model: str, *, alpha: float | None, size: int | None, weights: str) -> Member:
    return Member(
        name="m.int8",
        network="m",
        model=model,
        alpha=alpha,
        size=size,
        precision=Precision.INT8,
        weights=weights,
    )


def open_member(member: Member, classes: int) -> tuple[Source, Counts]:
    source = open_model(as_trained(member.spec(classes)))
    return source, counts_of(count_keras(source.model), member.precision)


def test_a_size_need_not_be_a_multiple_of_32() -> None:
    wanted = member("mobilenet_v1", alpha=0.25, size=48, weights="random")
    source, counts = open_member(wanted, CLASSES)
    assert (source.name, source.height, source.width, source.classes) == ("m", 48, 48, CLASSES)
    roles = (counts.pointwise, counts.depthwise, counts.spatial, counts.dense)
    assert sum(roles) == counts.multiply_adds
    assert counts.depthwise_rest == 0


def test_depthwise_channels_beyond_steps_of_eight_are_counted() -> None:
    _, counts = open_member(member("mobilenet_v1", alpha=0.35, size=32, weights="random"), CLASSES)
    # 11 channels of 16 x 16 pixels leave 3, then 22, 44, 44, 89, 89, 5 times 179, 179 and 358.
    rest = 256 * 3 + 64 * 6 + 64 * 4 + 16 * 4 + 16 * 1 + 4 * 1 + 5 * 4 * 3 + 3 + 6
    assert counts.depthwise_rest == 9 * rest


def test_weights_of_a_file_are_the_networks(tmp_path: Path) -> None:
    spec = ModelSpec(
        model="mobilenet_v1", alpha=0.25, size=(32, 32), classes=CLASSES, weights=RANDOM
    )
    model = keras_model(spec)
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    wanted = member("mobilenet_v1", alpha=0.25, size=32, weights=str(path))
    source, _ = open_member(wanted, CLASSES)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    expected = model.predict(pixels / 127.5 - 1, verbose=0)
    np.testing.assert_allclose(source.forward(pixels), expected, atol=1e-5)
    with pytest.raises(SourceError):
        open_member(wanted, CLASSES + 1)


def test_torchvisions_weights_make_torchvisions_network(tmp_path: Path) -> None:
    arrays = arrays_of("mobilenet_v2", alpha=0.25, size=64, classes=CLASSES)
    path = write_zip(tmp_path / "w.pth", state(arrays))
    wanted = member("mobilenet_v2", alpha=0.25, size=64, weights=str(path))
    source, counts = open_member(wanted, CLASSES)
    assert (source.mean, source.std, source.height) == (MEAN, STD, 64)
    assert counts.multiply_adds > 0


def test_a_users_file_is_counted_as_the_network_in_it(tmp_path: Path) -> None:
    path = saved(small_model(), tmp_path / "mine.keras")
    wanted = member(str(path), alpha=None, size=None, weights="")
    source, counts = open_member(wanted, 1000)
    assert source.name == "mine"
    # 3 x 3 x 3 weights for each of 7 x 7 x 4 results, then 4 x 5.
    assert (counts.spatial, counts.dense, counts.layers) == (27 * 7 * 7 * 4, 20, 2)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """As `strop train` leaves it, with the weights that it begins with."""
    recipe = Recipe(model="mobilenet_v1", alpha=0.25, size=32, resize=ResizeRule.STRETCH)
    model = build_network(recipe, widths=(2,), batch_norm_momentum=0.9)
    path = saved(model, tmp_path / "mobilenet_v1_0.25_32.keras")
    write_record(path, recipe)
    return path


def write_record(path: Path, recipe: Recipe) -> None:
    record = TrainingRecord(
        strop_version="0",
        keras_version="3",
        tensorflow_version="2",
        sha256=sha256_file(path),
        recipe=recipe,
        outputs=(
            TrainedOutput(name="scores", task=Task.CLASSIFY, labels=("cat", "dog"), validation=0.5),
        ),
        training_images=(1, 1),
        validation_images=1,
        images_sha256="",
        best_epoch=1,
        epochs=(),
        seconds=1.0,
    )
    record_path(path).write_text(TRAINING_RECORD.dumps(record))


def test_what_was_trained_here_normalizes_itself(trained: Path) -> None:
    wanted = member("mobilenet_v1", alpha=0.25, size=32, weights=str(trained))
    source, counts = open_member(wanted, 2)
    assert (source.name, source.classes, set(source.mean)) == ("m", 2, {0.0})
    # Of one pixel are the last two 1x1 convolutions, too.
    assert counts.dense == 128 * 256 + 256 * 256 + 256 * 2
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    expected = keras.saving.load_model(trained).predict(pixels, verbose=0)
    np.testing.assert_allclose(source.forward(pixels), expected, atol=1e-6)


def agreed(
    *members: Member,
    labels: tuple[str, ...] | None = None,
    resize: ResizeRule | None = None,
    crop_fraction: float | None = None,
) -> TrainingSettings:
    return training_settings(members, labels=labels, resize=resize, crop_fraction=crop_fraction)


AS_TRAINED = TrainingSettings(labels=("cat", "dog"), resize=ResizeRule.STRETCH, crop_fraction=0.875)


@pytest.mark.parametrize("is_file", [False, True])
def test_labels_and_resize_rule_are_those_of_the_trainings(trained: Path, is_file: bool) -> None:
    here = member("mobilenet_v1", alpha=0.25, size=32, weights=str(trained))
    if is_file:
        here = member(str(trained), alpha=None, size=None, weights="")
    random = member("mobilenet_v1", alpha=0.25, size=32, weights="random")
    assert agreed(random, here) == AS_TRAINED
    assert agreed(here, labels=("cat", "dog"), resize=ResizeRule.STRETCH) == AS_TRAINED
    for asked, message in (
        ({"labels": ("dog", "cat")}, "trained for 'cat' as label 1, and it is 'dog' in --labels"),
        ({"labels": ("cat", "dog", "cow")}, "trained for 2 labels, and there are 3 in --labels"),
        ({"resize": ResizeRule.CROP}, "with --resize stretch --crop-fraction 0.875, not crop and"),
        ({"crop_fraction": 1.0}, "0.875, not stretch and 1; leave them out"),
    ):
        with pytest.raises(SourceError, match=message):
            agreed(random, here, **asked)


def test_without_trainings_what_is_asked_for_holds() -> None:
    random = member("mobilenet_v1", alpha=0.25, size=32, weights="random")
    assert agreed(random) == TrainingSettings(labels=())
    asked = TrainingSettings(labels=("cow",), resize=ResizeRule.STRETCH, crop_fraction=1.0)
    found = agreed(random, labels=("cow",), resize=ResizeRule.STRETCH, crop_fraction=1.0)
    assert found == asked


def test_trainings_that_do_not_go_together_are_named(trained: Path, tmp_path: Path) -> None:
    here = member("mobilenet_v1", alpha=0.25, size=32, weights=str(trained))
    other = tmp_path / "other.keras"
    other.write_bytes(b"another")
    write_record(other, Recipe(model="mobilenet_v1", size=32, resize=ResizeRule.CROP))
    file = member(str(other), alpha=None, size=None, weights="")
    with pytest.raises(SourceError, match=r"32\.keras and .*other\.keras: trained for other"):
        agreed(here, file)


def test_a_file_that_is_another_network_than_its_name_says_is_refused(trained: Path) -> None:
    here = member("mobilenet_v1", alpha=0.25, size=32, weights=str(trained))
    wider = replace(here, network="wider", alpha=0.5)
    with pytest.raises(SourceError, match=r"is mobilenet_v1, width 0.25, .*, width 0.5"):
        agreed(wider, here)
