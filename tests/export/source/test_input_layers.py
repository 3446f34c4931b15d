"""A model that resizes its image itself is exported behind that, its contract saying how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from strop.export.options.options import ExportOptions
from strop.export.pipeline import export
from strop.export.source.input_layers import behind_resize
from strop.export.source.source import Source, from_keras_model
from strop.export.source.whole_images import whole_scores
from strop.runtime import open as open_artifact
from strop.runtime.artifact.contract import ResizeRule
from strop.runtime.errors import SourceError

layers = keras.layers
SIZE = 16
SIZES = [(40, 60), (33, 21), (64, 64), (20, 50)]  # of photos


def classified(x: Any) -> Any:
    x = layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    return layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def functional(*front: Any, size: tuple[int | None, int | None] = (None, None)) -> keras.Model:
    keras.utils.set_random_seed(3)
    image = x = keras.Input((*size, 3))
    for layer in front:
        x = layer(x)
    return keras.Model(image, classified(x))


def nested() -> keras.Model:
    """As Keras' own tutorial has it."""
    keras.utils.set_random_seed(3)
    front = keras.Sequential([layers.Resizing(SIZE, SIZE), layers.Rescaling(1 / 255)])
    body = [layers.Conv2D(6, 3), layers.GlobalMaxPooling2D(), layers.Dense(4)]
    return keras.Sequential([keras.Input((None, None, 3)), front, *body])


MODELS: dict[str, Callable[[], keras.Model]] = {
    "functional": lambda: functional(layers.Resizing(SIZE, SIZE), layers.Rescaling(1 / 255)),
    "rescaled before": lambda: functional(layers.Rescaling(1 / 255), layers.Resizing(SIZE, SIZE)),
    "nested": nested,
    "augmented": lambda: functional(
        layers.RandomFlip(), layers.Resizing(SIZE, SIZE), layers.CenterCrop(12, 12)
    ),
}


def images(count: int, rows: int, columns: int) -> Any:
    drawn = np.random.default_rng(0).integers(0, 256, (count, 4, 5, 3)).astype(np.float32)
    return tf.image.resize(drawn, (rows, columns)).numpy().round()


@pytest.mark.parametrize("name", MODELS)
def test_the_model_behind_its_resizing_layer_is_the_model(name: str) -> None:
    model = MODELS[name]()
    source = from_keras_model(model, name="resizing")
    assert (source.height, source.width) == (SIZE, SIZE)
    assert source.resize is not None
    assert source.resize.rule is ResizeRule.STRETCH
    pixels = images(2, 30, 40)
    expected = model(pixels, training=False).numpy()
    small = layers.Resizing(SIZE, SIZE)(pixels)
    # The pixels are scaled before the resize or behind it: float32 rounds elsewhere.
    np.testing.assert_allclose(source.forward(small).numpy(), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(source.resize.whole(pixels).numpy(), expected, rtol=1e-4, atol=1e-6)


def test_a_crop_to_the_aspect_is_the_rule_crop_of_the_whole_side() -> None:
    model = functional(layers.Resizing(SIZE, SIZE, crop_to_aspect_ratio=True))
    source = from_keras_model(model, name="cropping")
    assert source.resize is not None
    assert (source.resize.rule, source.resize.crop_fraction) == (ResizeRule.CROP, 1.0)


@pytest.mark.parametrize(
    ("layer", "match"),
    [
        (layers.CenterCrop(SIZE, SIZE), "cuts 16x16 pixels out of an image of any size"),
        (layers.Resizing(SIZE, SIZE, interpolation="nearest"), "resizes by 'nearest'"),
        (layers.Resizing(SIZE, SIZE, pad_to_aspect_ratio=True), "pads the image to its aspect"),
    ],
)
def test_what_no_contract_says_is_refused_by_its_layer(layer: Any, match: str) -> None:
    with pytest.raises(SourceError, match=rf"{layer.name}.*{match}.*take the layer out"):
        from_keras_model(functional(layer), name="refused")


def test_a_larger_fixed_input_is_left_out_where_only_the_size_changes() -> None:
    source = from_keras_model(functional(layers.Resizing(SIZE, SIZE), size=(32, 32)), name="fixed")
    assert (source.height, source.width, source.resize) == (SIZE, SIZE, None)


@pytest.mark.parametrize("layer", [layers.CenterCrop(SIZE, SIZE), layers.Resizing(SIZE, 20)])
def test_what_changes_a_fixed_input_otherwise_stays_in_the_network(layer: Any) -> None:
    model = functional(layer, size=(32, 32))
    assert behind_resize(model, where="model") is None
    assert from_keras_model(model, name="whole").height == 32


def test_a_size_that_the_user_names_is_the_whole_models() -> None:
    model = functional(layers.Resizing(SIZE, SIZE))
    source = from_keras_model(model, name="sized", size=(24, 24))
    assert (source.height, source.resize) == (24, None)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Of several sizes, one of them turned by its EXIF tag."""
    paths = []
    for at, (rows, columns) in enumerate(SIZES * 3):
        image = Image.fromarray(images(1, rows, columns)[0].astype(np.uint8))
        exif = image.getexif()
        exif[0x0112] = 6 if at == 1 else 1
        paths.append(tmp_path / f"{at}.png")
        image.save(paths[-1], exif=exif)
    return paths


def test_the_certificate_runs_the_whole_model_on_whole_images(
    photos: list[Path], tmp_path: Path
) -> None:
    source: Source = from_keras_model(MODELS["functional"](), name="resizing")
    resize, seen = source.resize, []
    assert resize is not None

    def whole(image: tf.Tensor) -> tf.Tensor:
        seen.append(tuple(image.shape[1:3]))
        return resize.whole(image)

    source = replace(source, resize=replace(resize, whole=whole))
    options = ExportOptions(
        output=tmp_path / "out",
        calibration=tuple(photos),
        resize=resize.rule,
        crop_fraction=resize.crop_fraction,
        min_images=1,
    )
    made = export(source, options)
    assert seen == [(40, 60), (21, 33), (64, 64), (20, 50), *SIZES[:4], *SIZES[:4]]
    for path in made.paths:
        with open_artifact(path) as classifier:
            contract = classifier.contract
            assert (contract.height, contract.resize) == (SIZE, ResizeRule.STRETCH)


def test_an_image_is_read_upright_at_its_own_size(photos: list[Path]) -> None:
    resize = from_keras_model(MODELS["functional"](), name="resizing").resize
    assert resize is not None
    scores = whole_scores(resize, photos, 3)
    turned = np.asarray(Image.open(photos[1]).transpose(Image.Transpose.ROTATE_270), np.float32)
    expected = resize.whole(tf.constant(turned[None])).numpy()
    np.testing.assert_allclose(scores[1], expected[0], atol=1e-6)
