"""Where int8 breaks `--max-drop` and float can keep it, the cheapest parts are in float."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import images_for

import strop.runtime
from strop.cli import main
from strop.export.max_drop import measure_frontier
from strop.export.options.choices import ResultType
from strop.export.options.options import ExportOptions
from strop.export.pipeline import Export, export
from strop.export.source.source import Source, from_keras_model
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.errors import GateError

DEAD, OUTLIER = -1e4, 1e5


def with_an_outlier(spoiled: int = 1) -> Source:
    """A network whose later convolutions have huge weights on a channel that is always 0.

    They stretch its scales until nothing is left of the others.
    """
    layers = keras.layers
    keras.utils.set_random_seed(2)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="stem")(image)
    for at in range(spoiled):
        x = layers.Conv2D(8, 1, activation="relu", name=f"spoiled{at}")(x)
    scores = layers.Dense(6)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, scores)
    *hidden, _ = convolutions = [model.get_layer("stem")] + [
        model.get_layer(f"spoiled{at}") for at in range(spoiled)
    ]
    for layer in hidden:
        kernel, bias = layer.get_weights()
        bias[0] = DEAD
        layer.set_weights([kernel, bias])
    # Scores around 0, or one class would win whatever the image.
    source = from_keras_model(model, name="spoiled")
    dense = model.layers[-1]
    kernel, _ = dense.get_weights()
    dense.set_weights([kernel, -model(images_for(source).astype(np.float32)).numpy().mean(0)])
    for layer in convolutions[1:]:
        kernel, bias = layer.get_weights()
        kernel[:, :, 0] = OUTLIER
        layer.set_weights([kernel, bias])
    return from_keras_model(model, name="spoiled")


@pytest.fixture(autouse=True, scope="module")
def _short_measurements() -> Iterator[None]:
    """What layers cost is looked at here, not how exactly it is known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure_frontier, "PLAN", MeasurePlan(min_duration_s=0.05))
        yield


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> ExportOptions:
    folder = tmp_path_factory.mktemp("promise")
    paths = []
    for at, pixels in enumerate(images_for(with_an_outlier(), count=80)):
        paths.append(folder / f"{at:02}.png")
        Image.fromarray(pixels).save(paths[-1])
    # 80 images without a change promise 4.6 points at best.
    return ExportOptions(output=folder / "out", calibration=tuple(paths), max_drop=20, force=True)


@pytest.fixture(scope="module")
def made(options: ExportOptions) -> Export:
    return export(with_an_outlier(), options)


def test_int8_alone_breaks_the_promise(options: ExportOptions, tmp_path: Path) -> None:
    alone = replace(options, output=tmp_path / "out", max_float_layers=0)
    with pytest.raises(GateError, match="20 was asked for"):
        export(with_an_outlier(), alone)
    assert not alone.output.exists()


def test_the_spoiled_layer_is_in_float_and_the_promise_kept(made: Export) -> None:
    frontier = made.manifest.float_layers.frontier
    assert frontier is not None
    assert frontier.chosen
    assert made.broken == ()
    chosen = frontier.points[frontier.chosen]
    assert "spoiled0_1" in chosen.words
    assert chosen.divergence < frontier.points[0].divergence
    for price, found in zip(chosen.prices, made.certificate.verdicts, strict=True):
        assert price.artifact == found.artifact
        assert found.drop_interval.high <= 0.2
        assert price.ms > 0 < price.int8_ms


def test_what_is_in_float_is_the_same_in_both_files(made: Export) -> None:
    tflite, onnx = made.manifest.artifacts
    assert tflite.float_ops["CONV_2D"] >= 1
    assert {"Conv", "FusedConv"} & set(onnx.float_ops)
    with strop.runtime.open(made.paths[0]) as classifier:
        assert classifier.facts.partitions == 1


def test_the_manifest_and_explain_tell(made: Export, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.folder
    record = json.loads((folder / "manifest.json").read_text())["float_layers"]
    assert record["frontier"]["chosen"]
    assert main(["explain", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "chosen" in shown
    assert "spoiled0_1" in shown


def test_where_scores_are_codes_the_costliest_rounding_is_spared(
    options: ExportOptions, tmp_path: Path
) -> None:
    codes = replace(
        options, output=tmp_path / "out", result_type=ResultType.INT8, max_float_layers=1
    )
    made = export(with_an_outlier(), codes)
    frontier = made.manifest.float_layers.frontier
    assert frontier is not None
    assert frontier.chosen
    assert all(point.tail == 0 for point in frontier.points)
    (spared,) = frontier.points[frontier.chosen].spared
    assert spared.endswith("spoiled0_1 (weights)")
    assert made.manifest.artifacts[0].float_ops == {"CONV_2D": 1}
    assert made.broken == ()


def test_too_few_images_are_not_worth_a_try(options: ExportOptions, tmp_path: Path) -> None:
    steps: list[str] = []
    hopeless = replace(options, output=tmp_path / "out", max_drop=1.0)
    with pytest.raises(GateError, match=r"cannot promise less than 4\.58 points"):
        export(with_an_outlier(), hopeless, on_step=steps.append)
    assert not any("in float" in step for step in steps)


def test_a_promise_out_of_reach_leaves_the_files_int8(
    options: ExportOptions, tmp_path: Path
) -> None:
    kept = replace(
        options,
        output=tmp_path / "out",
        max_drop=4.6,
        keep_failed=True,
        max_float_layers=1,
        result_type=ResultType.INT8,
    )
    made = export(with_an_outlier(spoiled=2), kept)
    frontier = made.manifest.float_layers.frontier
    assert frontier is not None
    assert frontier.chosen is None
    assert made.manifest.artifacts[0].float_ops == {}
    assert "--max-float-layers" in made.broken[-1]
