"""The zoo: every member builds, and every setting that cannot be met says what can."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.export.inspect.test_count import no_variables
from tests.export.model_fixtures import KERAS_WARNINGS, images, saved, small_model

from strop.cli import main
from strop.export.source.source import Source, load_model_file
from strop.export.zoo.architectures import ARCHITECTURES, architecture, side_at
from strop.export.zoo.build import keras_model, open_model
from strop.export.zoo.spec import ModelSpec
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import SourceError

pytestmark = [pytest.mark.filterwarnings(warning) for warning in KERAS_WARNINGS]

SMALL: dict[str, Any] = {"alpha": 0.25, "size": (32, 32), "classes": 7, "weights": "random"}


def build(name: str, **settings: Any) -> Source:
    return open_model(ModelSpec(model=name, **settings))


def untrained(name: str, **settings: Any) -> Any:
    return keras_model(ModelSpec(model=name, weights="random", seed=None, **settings))


# Of a network that differs in a number only, one is run: they take seconds each.
SIBLINGS = re.compile(
    "efficientnet_(b[2-7]|lite[1-4])|shufflenet_v1_g[1248]|mobilenet_v4_.*(medium|large)"
)
ROWS = [name for name, member in ARCHITECTURES.items() if member.task is Task.CLASSIFY]


@pytest.mark.parametrize("name", [name for name in ROWS if not SIBLINGS.fullmatch(name)])
def test_every_member_builds_with_random_weights(name: str) -> None:
    member = ARCHITECTURES[name]
    alpha = 0.5 if member.has_alpha else 1.0
    source = build(name, alpha=alpha, size=(64, 64), classes=7, weights="random")
    assert (source.height, source.width, source.channels, source.classes) == (64, 64, 3, 7)
    scores = source.forward(tf.constant(images(2, side=64))).numpy()
    assert scores.shape == (2, 7)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)  # softmax, in float32


@pytest.mark.parametrize(
    ("name", "alpha", "published"),
    [
        # torchvision's ShuffleNetV2, to the last one.
        ("shufflenet_v2", 0.5, 1_366_792),
        ("shufflenet_v2", 1.0, 2_278_604),
        ("shufflenet_v2", 1.5, 3_503_624),
        ("shufflenet_v2", 2.0, 7_393_996),
        # ShuffleNetV1's paper does not count them: pytorchcv's. Its wider ones are in COUNTS of
        # test_count.py, as are the other members.
        ("shufflenet_v1_g3", 0.25, 305_902),
        ("shufflenet_v1_g3", 0.5, 718_324),
        # timm's mobilenetv4_conv_small_035.
        ("mobilenet_v4_conv_small", 0.35, 1_905_384),
    ],
)
def test_members_have_the_published_number_of_parameters(
    name: str, alpha: float, published: int
) -> None:
    with no_variables():
        model = untrained(name, alpha=alpha, size=(64, 64))
    assert sum(math.prod(variable.shape) for variable in model.trainable_weights) == published


@pytest.mark.parametrize(
    "name", ["conv_mobilenet", "efficientnet_lite0", "shufflenet_v1_g3", "shufflenet_v2"]
)
def test_our_own_networks_are_saved_with_layers_of_keras_only(name: str, tmp_path: Path) -> None:
    member = ARCHITECTURES[name]
    alpha = 0.5 if member.has_alpha else 1.0
    model = untrained(name, alpha=alpha, size=(32, 32), classes=7)
    loaded = load_model_file(saved(model, tmp_path / f"{name}.keras"))
    pixels = images(2, side=32)
    expected = model(pixels, training=False)
    np.testing.assert_allclose(loaded.forward(tf.constant(pixels)), expected, atol=1e-5)


def test_random_weights_follow_their_seed() -> None:
    assert build("mobilenet_v1", **SMALL).sha256 == build("mobilenet_v1", **SMALL).sha256
    assert build("mobilenet_v1", **SMALL).sha256 != build("mobilenet_v1", **SMALL, seed=1).sha256


def test_names_tell_alpha_and_size_where_they_are_not_the_defaults() -> None:
    assert build("mobilenet_v1", **SMALL).name == "mobilenet_v1_0.25_32"


@pytest.mark.parametrize(
    ("rho", "size"),
    [(1.0, 224), (192 / 224, 192), (0.72, 160), (0.57, 128), (0.01, 32), (1.14, 256)],
)
def test_the_resolution_multiplier_gives_multiples_of_32(rho: float, size: int) -> None:
    assert side_at(architecture("mobilenet_v2"), rho) == size


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"alpha": 0.6}, "alpha 0.6; use one of 0.25, 0.5, 0.75, 1;.*--weights FILE"),
        ({"size": (96, 96)}, "for 96 pixels; use a --size of 128, 160, 192, 224"),
        ({"size": (96, 128)}, "size is 96x128; networks of the zoo take squares, as --size 96"),
        ({"size": (16, 16)}, "size is 16 pixels; needed is 32 to"),
        ({"classes": 10}, "10 classes, and ImageNet weights have 1000; leave out --classes"),
        ({"alpha": 0}, "alpha is 0; needed is above 0"),
        ({"alpha": float("nan")}, "alpha is nan; needed is above 0"),
        ({"mean": 127.5, "std": (1, 2, 3)}, "--mean, --std given for a network of the zoo"),
        ({"classes": 0, "weights": "random"}, "0 classes; needed is at least 1"),
        ({"alpha": 0.01, "weights": "random"}, "alpha 0.01 and 224 pixels.*use a larger one"),
        ({"weights": "absent.h5"}, "absent.h5: no such file; --weights takes imagenet, random"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings: dict[str, Any], remedy: str) -> None:
    with pytest.raises(SourceError, match=remedy):
        build("mobilenet_v1", **settings)


def test_a_multiplier_of_nothing_is_refused() -> None:
    with pytest.raises(SourceError, match="rho is 0; needed is a multiplier of its 240 pixels"):
        side_at(architecture("efficientnet_b1"), 0)


def test_a_width_multiplier_is_refused_where_there_is_none() -> None:
    with pytest.raises(SourceError, match="no width multiplier; leave out --alpha"):
        build("efficientnet_b0", alpha=0.5, weights="random")


def test_a_width_multiplier_that_the_paper_does_not_have_is_refused() -> None:
    with pytest.raises(SourceError, match=r"alpha is 0\.75; its paper has 0\.5, 1, 1\.5, 2"):
        build("shufflenet_v2", alpha=0.75, weights="random")


@pytest.mark.parametrize("name", ["shufflenet_v1_g3", "efficientnet_lite0", "conv_mobilenet"])
def test_imagenet_weights_that_nobody_publishes_are_refused(name: str) -> None:
    remedy = "Keras publishes no ImageNet weights for it; .*--weights FILE.*--weights random"
    with pytest.raises(SourceError, match=f"{name}: {remedy}"):
        build(name)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        SourceError, match=r"not in the zoo, which has mobilenet_v1, .*efficientnet_b0"
    ):
        architecture("resnet50")


def test_the_default_size_is_the_papers_even_where_it_is_no_multiple_of_32() -> None:
    assert side_at(architecture("efficientnet_b1"), 1.0) == 240
    assert side_at(architecture("efficientnet_b1"), 0.999) == 224


def test_weights_that_cannot_be_downloaded_are_never_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> None:
        raise Exception("URL fetch failure on https://example.org/w.h5: None -- no network")

    monkeypatch.setattr(keras.applications, "MobileNet", fail)
    remedy = r"https://example\.org/w\.h5.*download that file.*--weights FILE.*--weights random"
    with pytest.raises(SourceError, match=remedy):
        build("mobilenet_v1")


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_weights_come_from_every_kind_of_file(suffix: str, tmp_path: Path) -> None:
    settings = SMALL | {"weights": str(tmp_path / f"own{suffix}")}
    model = keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None, classes=7)
    save = model.save_weights if suffix == ".weights.h5" else model.save
    save(settings["weights"])
    source = build("mobilenet_v1", **settings)
    pixels = images(2, side=32)
    # V1 is trained on pixels in -1..1.
    expected = model(pixels / 127.5 - 1, training=False)
    np.testing.assert_allclose(source.forward(tf.constant(pixels)), expected, atol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_weights_of_another_model_are_refused_with_the_mismatch(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"other{suffix}"
    model = small_model()
    model.save_weights(path) if suffix == ".weights.h5" else saved(model, path)
    with pytest.raises(
        SourceError, match=r"does not fit.*same architecture, with the same --alpha"
    ):
        build("mobilenet_v1", **(SMALL | {"weights": str(path)}))


def test_a_text_file_is_no_weights_file(tmp_path: Path) -> None:
    path = tmp_path / "text.h5"
    path.write_text("not weights\n")
    with pytest.raises(SourceError, match=r"not a weights file; needed is a \.keras"):
        build("mobilenet_v1", **(SMALL | {"weights": str(path)}))


def test_the_command_lists_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo"]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in ARCHITECTURES)
    assert main(["zoo", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [member["name"] for member in record["architectures"]] == list(ARCHITECTURES)


PROBE = (
    "import sys; from strop.cli import main; main({argv}); sys.exit(42 * ('{name}' in sys.modules))"
)


@pytest.mark.parametrize("name", ["keras", "tensorflow"])
def test_the_command_loads_no_tensorflow(name: str) -> None:
    probe = PROBE.format(argv=["zoo"], name=name)
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode == 0


def test_the_probe_can_fail() -> None:
    probe = PROBE.format(argv=["zoo"], name="argparse")
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode == 42


@pytest.mark.parametrize(
    "name", [name for name in ARCHITECTURES if "lr_aspp" in name or "deeplab" in name]
)
def test_a_map_needs_sides_that_its_smallest_features_divide(name: str) -> None:
    with pytest.raises(SourceError, match="size is 257 pixels; needed is a multiple of 16, as 256"):
        build(name, size=(257, 257), weights="random")
