"""Inputs in a wrong range or order of channels are told; right ones are not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from strop.export.image_checks.normalization_check import check_input, probabilities
from strop.export.image_checks.normalizations import CAFFE_MEAN, given_reading, other_readings
from strop.export.ir.graph import Array
from strop.export.source.source import Source, from_keras_model, load_model_file
from strop.export.zoo.shipped import (
    SHIPPED_CALIBRATION,
    SHIPPED_LABELS,
    SHIPPED_MODEL,
    SHIPPED_VALIDATION,
)
from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.images.dataset import batches, labelled_images, list_images, read_labels

SHARED = os.environ.get("STROP_SHARED")


@pytest.fixture(scope="module")
def shipped() -> Source:
    return load_model_file(SHIPPED_MODEL)


@pytest.fixture(scope="module")
def photos(shipped: Source) -> Array:
    """100 of the shipped calibration images."""
    return loaded(shipped, list_images(SHIPPED_CALIBRATION)[::2], ResizeRule.STRETCH)


def loaded(source: Source, paths: tuple[Path, ...], resize: ResizeRule) -> Array:
    contract = Contract(
        height=source.height,
        width=source.width,
        channels=source.channels,
        resize=resize,
        crop_fraction=0.875,
    )
    return np.concatenate(list(batches(paths, contract, batch_size=25)))


def expecting(source: Source, change: Callable[[tf.Tensor], tf.Tensor]) -> Source:
    """The same model after its training on images that were changed to be `change`'s inverse."""
    return replace(source, forward=lambda images: source.forward(change(images)))


def test_the_right_input_of_the_shipped_model_is_not_reported(
    shipped: Source, photos: Array
) -> None:
    found = check_input(shipped, photos, None)
    assert found is not None
    assert found.remedy == ""
    assert found.numbers["given"] == "pixel"
    # ln(10) nats would tell all ten classes apart without a doubt.
    assert float(found.numbers["given_nats"] or 0) > 0.85 * np.log(10)
    assert "BGR" not in str(found.numbers["best_other"])


def test_the_right_input_is_not_reported_with_labels_either(shipped: Source) -> None:
    images = labelled_images(SHIPPED_VALIDATION, read_labels(SHIPPED_LABELS))[::10]
    truth = np.array([image.class_index for image in images])
    paths = tuple(image.path for image in images)
    found = check_input(shipped, loaded(shipped, paths, ResizeRule.STRETCH), truth)
    assert found is not None
    assert found.remedy == ""
    assert float(found.numbers["given_top1"] or 0) > 0.85


def test_normalizing_twice_is_reported(photos: Array) -> None:
    source = load_model_file(SHIPPED_MODEL, mean=127.5, std=127.5)
    found = check_input(source, photos, None)
    assert found is not None
    assert "apart better when it is given pixel (" in found.remedy
    assert "for (pixel - 127.5) / 127.5); if it was trained so, leave out --mean" in found.remedy


def test_a_range_that_the_model_expects_is_found(shipped: Source, photos: Array) -> None:
    of_unit = expecting(shipped, lambda images: images * 255)
    found = check_input(of_unit, photos, None)
    assert found is not None
    assert found.remedy.endswith("if it was trained so, pass --mean 0 --std 255")
    of_symmetric = expecting(shipped, lambda images: (images + 1) * 127.5)
    found = check_input(of_symmetric, photos, None)
    assert found is not None
    assert found.remedy.endswith("if it was trained so, pass --mean 127.5 --std 127.5")


def test_what_was_found_says_the_flags_that_make_it_right(shipped: Source, photos: Array) -> None:
    model = keras.Sequential(
        [
            keras.Input((shipped.height, shipped.width, 3)),
            keras.layers.Rescaling(255.0),
            keras.saving.load_model(SHIPPED_MODEL),
        ]
    )
    wrong = check_input(from_keras_model(model, name="unit"), photos, None)
    assert wrong is not None
    assert "--mean 0 --std 255" in wrong.remedy
    right = check_input(from_keras_model(model, name="unit", mean=0, std=255), photos, None)
    assert right is not None
    assert right.remedy == ""


def colours(count: int) -> tuple[Array, Array]:
    """Images of one class for each of three colours: uint8 [N, 8, 8, 3], int [N]."""
    random = np.random.default_rng(0)
    truth = np.arange(count) % 3
    images = random.integers(0, 60, (count, 8, 8, 3))
    images[np.arange(count), ..., truth] += 150
    return images.astype(np.uint8), truth


def brightest_channel(*, is_bgr: bool) -> Source:
    """A model whose classes are red, green and blue, in the order that it was trained with."""
    inputs = keras.Input((8, 8, 3))
    scores = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Rescaling(1 / 20)(scores)))
    source = from_keras_model(model, name="colours")
    return expecting(source, lambda images: images[..., ::-1]) if is_bgr else source


def test_channels_in_the_other_order_are_reported_where_labels_show_it() -> None:
    images, truth = colours(60)
    right = check_input(brightest_channel(is_bgr=False), images, truth)
    assert right is not None
    assert right.remedy == ""
    wrong = check_input(brightest_channel(is_bgr=True), images, truth)
    assert wrong is not None
    assert "of 60 validation images, the model is right on 60 when it is given" in wrong.remedy
    assert "BGR, and on 20 with pixel; if it was trained so," in wrong.remedy
    assert "reverse the input channels of the model's first convolution" in wrong.remedy


def test_the_order_of_grey_channels_is_not_looked_at(shipped: Source) -> None:
    coloured = other_readings(shipped, is_grey=False)
    assert given_reading(shipped).reversed() in coloured
    assert [one.is_reversed for one in coloured if one.mean == CAFFE_MEAN] == [True]
    assert not any(one.is_reversed for one in other_readings(shipped, is_grey=True))


def test_a_reading_that_is_given_already_is_not_another_one(shipped: Source) -> None:
    rounded = replace(shipped, mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4))
    names = [one.name for one in other_readings(rounded, is_grey=True)]
    assert names == [
        "pixel",
        "pixel / 255",
        "(pixel - 127.5) / 127.5",
        "(pixel - 123.68,116.779,103.939)",
    ]


def test_a_model_sees_a_reading_whatever_its_source_does_to_pixels(shipped: Source) -> None:
    source = replace(shipped, mean=(10.0, 20.0, 30.0), std=(2.0, 3.0, 4.0))
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    (reading,) = [one for one in other_readings(source, is_grey=False) if one.mean == CAFFE_MEAN]
    seen = (reading.pixels_for(source, images) - source.mean) / source.std
    expected = (images - np.array(CAFFE_MEAN))[..., ::-1]
    # float32 there and back: a few roundings of values up to 4 * 255.
    assert np.abs(seen - expected).max() < 1e-3


def test_few_images_and_broken_models_are_not_judged(shipped: Source, photos: Array) -> None:
    assert check_input(shipped, photos[:19], None) is None
    broken = replace(shipped, forward=lambda images: shipped.forward(images) * np.nan)
    assert check_input(broken, photos, None) is None


def test_any_last_activation_becomes_a_distribution() -> None:
    softmax = np.array([[0.2, 0.8], [0.5, 0.5]], np.float32)
    assert probabilities(softmax) == pytest.approx(softmax.astype(float))
    logits = np.log(softmax) + 7
    assert probabilities(logits) == pytest.approx(softmax.astype(float), abs=1e-6)
    sigmoid = np.array([[0.9, 0.3]], np.float32)
    assert probabilities(sigmoid) == pytest.approx(np.array([[0.75, 0.25]]), abs=1e-6)
    assert probabilities(np.array([[0.9]], np.float32)) == pytest.approx(np.array([[0.1, 0.9]]))
    assert probabilities(np.array([[-2.0]], np.float32))[0, 1] == pytest.approx(0.1192, abs=1e-4)


@pytest.mark.skipif(SHARED is None, reason="STROP_SHARED is not set: no real MobileNetV2 here")
def test_a_real_mobilenet_v2_is_told_its_wrong_inputs() -> None:
    shared = Path(str(SHARED))
    source = load_model_file(shared / "checkpoints" / "mobilenet_v2_imagenet.keras")
    # That its right one is not reported is asserted where it is exported, in test_pipeline.py.
    paths = list_images(shared / "imagenet" / "calibration")[:32]
    images = loaded(source, paths, ResizeRule.CROP)
    bgr = check_input(expecting(source, lambda pixels: pixels[..., ::-1]), images, None)
    assert bgr is not None
    assert "reverse the input channels" in bgr.remedy
    symmetric = check_input(expecting(source, lambda seen: (seen + 1) * 127.5), images, None)
    assert symmetric is not None
    assert symmetric.remedy.endswith("pass --mean 127.5 --std 127.5")
