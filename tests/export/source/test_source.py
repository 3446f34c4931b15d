"""The user's own model: what loads, what it computes, and what is refused with a remedy."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.export.model_fixtures import CLASSES, KERAS_WARNINGS, SIDE, images, saved, small_model

from strop.export.source.source import Source, from_keras_model, load_model_file, sanitized
from strop.runtime.errors import SourceError

pytestmark = [pytest.mark.filterwarnings(warning) for warning in KERAS_WARNINGS]

# float32, a few hundred additions of numbers below 300.
TOLERANCE = 1e-5


def scores_of(source: Source, pixels: Any) -> Any:
    return source.forward(tf.constant(pixels)).numpy()


@pytest.mark.parametrize("name", ["small.keras", "small.h5", "small"])
def test_every_kind_of_file_computes_what_the_model_computes(name: str, tmp_path: Path) -> None:
    model = small_model()
    source = load_model_file(saved(model, tmp_path / name))
    assert (source.name, source.classes) == ("small", CLASSES)
    assert (source.height, source.width, source.channels) == (SIDE, SIDE, 3)
    scores = scores_of(source, images())
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, model(images(), training=False), atol=TOLERANCE)


def test_the_hash_is_of_the_weights_whatever_file_holds_them(tmp_path: Path) -> None:
    model = small_model()
    source = load_model_file(saved(model, tmp_path / "a.keras"))
    assert load_model_file(saved(model, tmp_path / "b.h5")).sha256 == source.sha256
    assert from_keras_model(small_model(), name="again").sha256 == source.sha256
    kernel = model.layers[1].kernel
    kernel.assign(kernel * 1.001)
    assert from_keras_model(model, name="changed").sha256 != source.sha256


def test_a_frozen_saved_model_is_hashed_by_its_graph(tmp_path: Path) -> None:
    def export(factor: float, folder: str) -> str:
        module = tf.Module()
        function = tf.function(lambda image: tf.reduce_mean(image, (1, 2)) * factor)
        spec = tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32)
        signatures = {"serving_default": function.get_concrete_function(spec)}
        tf.saved_model.save(module, str(tmp_path / folder), signatures=signatures)
        return load_model_file(tmp_path / folder).sha256

    assert export(1.0, "one") != export(2.0, "two")
    # Its batch is fixed to one image; a source takes any number all the same.
    scores = scores_of(load_model_file(tmp_path / "two"), images(3))
    np.testing.assert_allclose(scores, images(3).mean((1, 2)) * 2, rtol=TOLERANCE)


def test_mean_and_std_are_applied_in_front_of_the_model() -> None:
    model = small_model()
    source = from_keras_model(model, name="m", mean=(100, 110, 120), std=50)
    assert (source.mean, source.std) == ((100.0, 110.0, 120.0), (50.0, 50.0, 50.0))
    normalized = (images() - np.asarray([100, 110, 120], np.float32)) / 50
    expected = model(normalized, training=False)
    np.testing.assert_allclose(scores_of(source, images()), expected, atol=TOLERANCE)


def test_grey_uint8_and_open_sizes_are_taken() -> None:
    model = small_model((None, None, 1), dtype="uint8")
    source = from_keras_model(model, name="grey", size=(24, 32))
    assert (source.height, source.width, source.channels) == (24, 32, 1)
    assert scores_of(source, np.full((2, 24, 32, 1), 200, np.float32)).shape == (2, CLASSES)


def test_a_convolutional_classifier_gives_rows_of_scores() -> None:
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(CLASSES, SIDE)(image)
    source = from_keras_model(keras.Model(image, x), name="conv", size=(SIDE, SIDE))
    assert scores_of(source, images()).shape == (2, CLASSES)


def test_a_mixed_precision_file_is_loaded_as_float32(tmp_path: Path) -> None:
    policy = keras.DTypePolicy("mixed_float16")
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.GlobalAveragePooling2D(dtype=policy)(image)
    model = keras.Model(image, keras.layers.Dense(CLASSES, dtype=policy)(x))
    source = load_model_file(saved(model, tmp_path / "half.keras"))
    exact = images().mean((1, 2)) @ np.asarray(model.layers[-1].kernel)
    np.testing.assert_allclose(scores_of(source, images()), exact, rtol=1e-4)
    with pytest.raises(SourceError, match=r"computes in float16.*save the model and give the file"):
        from_keras_model(model, name="half")


def test_names_become_fit_for_file_names() -> None:
    assert sanitized("my model (v2).best") == "my_model_v2_.best"
    assert sanitized("...") == "model"


def lambda_model() -> Any:
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Lambda(lambda pixels: pixels / 255, name="scale")(image)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_layer_is_refused_by_name(suffix: str, tmp_path: Path) -> None:
    path = saved(lambda_model(), tmp_path / f"code{suffix}")
    with pytest.raises(
        SourceError, match=r"'scale' is a Lambda layer.*does not run code.*Rescaling"
    ):
        load_model_file(path)


def test_functions_of_the_users_are_refused(tmp_path: Path) -> None:
    def halve(x: Any) -> Any:
        return x / 2

    image = keras.Input((SIDE, SIDE, 3))
    named = keras.Model(image, keras.layers.Dense(3, activation=halve)(image))
    with pytest.raises(SourceError, match=r"'halve' is a function of somebody's own.*SavedModel"):
        load_model_file(saved(named, tmp_path / "named.keras"))
    unnamed = keras.Model(image, keras.layers.Dense(3, activation=lambda x: x)(image))
    with pytest.raises(SourceError, match=r"cannot load this model.*export a SavedModel"):
        load_model_file(saved(unnamed, tmp_path / "unnamed.keras"))


def test_a_class_of_the_users_is_refused_until_it_is_registered(tmp_path: Path) -> None:
    class Halve(keras.layers.Layer):  # type: ignore[misc]  # keras has no stubs
        def call(self, inputs: Any) -> Any:
            return inputs / 2

    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.GlobalAveragePooling2D()(Halve(name="halve")(image))
    path = saved(keras.Model(image, x), tmp_path / "custom.keras")
    with pytest.raises(
        SourceError, match=r"'halve' is a Halve of somebody's own.*Export a SavedModel"
    ):
        load_model_file(path)
    with keras.saving.CustomObjectScope({"Custom>Halve": Halve, "Halve": Halve}):
        scores = scores_of(load_model_file(path), images())
    np.testing.assert_allclose(scores, images().mean((1, 2)) / 2, rtol=TOLERANCE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_counted_and_named(value: float, tmp_path: Path) -> None:
    model = small_model()
    kernel = np.array(model.layers[1].kernel)
    kernel[0, 0, 0, :2] = value
    model.layers[1].kernel.assign(kernel)
    path = saved(model, tmp_path / "nan.keras")
    with pytest.raises(
        SourceError, match=r"2 of 108 weights of Conv1/kernel.*restore a checkpoint"
    ):
        load_model_file(path)


def test_weights_without_an_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.weights.h5"
    small_model().save_weights(path)
    with pytest.raises(SourceError, match=r"weights only.*--weights .*small\.weights\.h5"):
        load_model_file(path)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no such file.*strop zoo"):
        load_model_file(tmp_path / "absent.keras")
    for name in "text.keras", "text.h5", "text.txt":
        (tmp_path / name).write_text("not a model\n")
        with pytest.raises(SourceError, match=r"no file of a known kind; needed is a \.keras file"):
            load_model_file(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("readme", "")
    with pytest.raises(SourceError, match=r"holds 'readme', and needed are config\.json"):
        load_model_file(tmp_path / "other.keras")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"without saved_model\.pb.*model\.export"):
        load_model_file(tmp_path / "empty")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_file_is_refused(suffix: str, kept: float, tmp_path: Path) -> None:
    path = saved(small_model(), tmp_path / f"short{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(SourceError, match=r"copy it again|save it again"):
        load_model_file(path)


def test_a_damaged_saved_model_is_refused(tmp_path: Path) -> None:
    folder = saved(small_model(), tmp_path / "folder")
    shutil.rmtree(folder / "variables")
    with pytest.raises(SourceError, match=r"cannot load this SavedModel.*folder variables"):
        load_model_file(folder)
    (folder / "saved_model.pb").write_text("not a graph")
    with pytest.raises(SourceError, match=r"cannot load this SavedModel.*export it again"):
        load_model_file(folder)
    tf.saved_model.save(tf.Module(), str(tmp_path / "bare"))
    with pytest.raises(SourceError, match=r"no signature 'serving_default' \(found: none\)"):
        load_model_file(tmp_path / "bare")


def test_the_size_is_needed_where_it_is_open_and_refused_where_it_is_not() -> None:
    with pytest.raises(SourceError, match=r"\(None, None, None, 3\); pass --size HxW"):
        from_keras_model(small_model((None, None, 3)), name="open")
    with pytest.raises(SourceError, match=r"--size is 24x16.*leave out --size"):
        from_keras_model(small_model(), name="fixed", size=(24, 16))


def test_inputs_that_are_not_one_image_are_refused() -> None:
    image = keras.Input((SIDE, SIDE, 4))
    pooled = keras.layers.GlobalAveragePooling2D()(image)
    with pytest.raises(SourceError, match=r"4 channels; images have 1 \(grey\) or 3"):
        from_keras_model(keras.Model(image, pooled), name="four")
    row = keras.Input((7,))
    with pytest.raises(SourceError, match=r"input is \(None, 7\); needed is a batch of images"):
        from_keras_model(keras.Model(row, keras.layers.Dense(2)(row)), name="row")
    other = keras.Input((SIDE, SIDE, 4))
    both = keras.Model([image, other], keras.layers.Add()([image, other]))
    with pytest.raises(SourceError, match=r"2 inputs .*needed is one"):
        from_keras_model(both, name="both")
    with pytest.raises(SourceError, match=r"does not say what its input is.*keras\.Input"):
        from_keras_model(keras.Sequential([keras.layers.Dense(2)]), name="unbuilt")


@pytest.mark.parametrize("name", ["two.keras", "two"])
def test_two_outputs_stand_in_one_row(name: str, tmp_path: Path) -> None:
    model = small_model()
    double = keras.Model(model.inputs, [model.outputs[0], keras.layers.Softmax()(model.outputs[0])])
    source = load_model_file(saved(double, tmp_path / name))
    assert source.sizes == (CLASSES, CLASSES)
    assert source.outputs == ("output_0", "output_1")
    images = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    first, second = (source.scores(images)[:, columns] for columns in source.columns)
    np.testing.assert_allclose(first, model.predict(images, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(second, keras.ops.softmax(first), rtol=1e-5)


def test_an_output_without_scores_is_refused_with_its_shape() -> None:
    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, keras.ops.sum(image, axis=(1, 2, 3)))
    with pytest.raises(SourceError, match=r"output 'sum\w*' is \(None,\); needed is a batch"):
        from_keras_model(model, name="sum")


def test_normalization_that_does_not_fit_is_refused() -> None:
    model = small_model()
    with pytest.raises(SourceError, match="one for each of the 3 channels"):
        from_keras_model(model, name="m", mean=(1, 2))
    with pytest.raises(SourceError, match="one finite number"):
        from_keras_model(model, name="m", std=float("nan"))
    with pytest.raises(SourceError, match="every value must be > 0"):
        from_keras_model(model, name="m", std=0)
    with pytest.raises(SourceError, match="leave out --mean and --std"):
        from_keras_model(small_model(dtype="uint8"), name="m", mean=1)


@pytest.mark.skipif("STROP_SHARED" not in os.environ, reason="STROP_SHARED names no folder")
def test_a_real_imagenet_model_loads_and_runs() -> None:
    folder = Path(os.environ["STROP_SHARED"], "checkpoints")
    source = load_model_file(folder / "mobilenet_v2_imagenet.keras")
    assert (source.name, source.classes, source.height) == ("mobilenet_v2_imagenet", 1000, 224)
    scores = scores_of(source, images(2, side=224))
    assert scores.shape == (2, 1000)
    assert np.isfinite(scores).all()
