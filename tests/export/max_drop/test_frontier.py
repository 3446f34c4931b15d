"""Files on the frontier from int8 to float: which are worth their time, and which are chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.fake_manifest import certificate
from tests.export.graphs import images_for
from tests.export.max_drop.test_on_frontier import with_an_outlier

import strop.runtime
from strop.cli import main
from strop.export.certify.certificate import Certificate
from strop.export.certify.drop_limit import broken_flips
from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.max_drop import measure_frontier
from strop.export.max_drop.frontier import Frontier, FrontierPoint, PointPrice, worth_their_time
from strop.export.max_drop.on_frontier import likely
from strop.export.options.choices import Effort
from strop.export.options.options import ExportOptions, check_flips
from strop.export.passes.cut_activation import cut_activations
from strop.export.pipeline import Export, export
from strop.export.quantize.tune import tune
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.classify.decision import decide
from strop.runtime.errors import GateError, SourceError
from strop.runtime.statistics.intervals import paired_drop_interval, wilson_interval

IMAGES = 400


def point(ms: float, divergence: float) -> FrontierPoint:
    return FrontierPoint(
        layer="head",
        tail=3,
        sums=0,
        spared=(),
        divergence=divergence,
        signal_to_noise_db=20.0,
        agreement=0.98,
        prices=(PointPrice(artifact="m.int8.tflite", ms=ms, int8_ms=1.0),),
    )


def agreeing(hits: int) -> Certificate:
    made = certificate()
    verdicts = tuple(
        replace(
            found,
            agreement=hits / IMAGES,
            agreement_interval=wilson_interval(hits, IMAGES),
            not_certified="",
        )
        for found in made.verdicts
    )
    return replace(made, images=IMAGES, verdicts=verdicts)


def test_a_point_is_kept_if_nothing_cheaper_is_as_near() -> None:
    points = (point(1.0, 4.0), point(1.2, 4.5), point(1.5, 1.0), point(1.4, 2.0), point(2.0, 1.0))
    assert worth_their_time(points) == (0, 3, 2)
    # Of a machine with other work, what takes longer may seem faster.
    assert worth_their_time((point(1.0, 4.0), point(0.9, 3.0))) == (0, 1)


def test_flips_fall_with_the_root_of_the_divergence() -> None:
    frontier = Frontier(images=100, points=(point(1, 4.0), point(1.2, 2.0), point(1.5, 0.25)))
    # 8 of 400 today: 5.7 and 2 are foretold.
    of_int8 = agreeing(IMAGES - 8)

    def places(flips: int) -> list[int]:
        most = wilson_interval(flips, IMAGES).high
        return likely(frontier, of_int8, ExportOptions(output=Path("out"), max_flips=most))

    assert places(6) == [1, 2]
    assert places(2) == [2]
    assert places(1) == []


def test_a_drop_falls_with_it_to_what_so_many_images_can_promise() -> None:
    frontier = Frontier(images=100, points=(point(1, 4.0), point(1.2, 1.0), point(1.5, 0.0)))
    made = certificate()
    best = paired_drop_interval(0, 0, made.images).high
    worst = max(found.drop_interval.high for found in made.verdicts)

    def places(max_drop: float) -> list[int]:
        return likely(frontier, made, ExportOptions(output=Path("out"), max_drop=100 * max_drop))

    assert places(worst) == [1, 2]
    assert places((best + worst) / 2 + 1e-9) == [1, 2]
    assert places((best + worst) / 2 - 1e-9) == [2]
    assert places(best - 1e-9) == []


def test_flips_are_promised_by_the_worse_end_of_their_interval() -> None:
    most = wilson_interval(4, IMAGES).high
    assert broken_flips(agreeing(IMAGES - 4), most + 1e-9) == ()
    broken = broken_flips(agreeing(IMAGES - 4), most - 1e-9)
    assert len(broken) == 2
    assert "are others than float has [95 %], on 400 images" in broken[0]
    assert "cannot promise less than 0.95%" in broken_flips(agreeing(IMAGES), 0.001)[-1]


@pytest.mark.parametrize("task", [Task.REGRESS, Task.EMBED])
def test_flips_are_of_classes(task: Task) -> None:
    decision = replace(decide(7, Activation.NONE, where="a test"), task=task)
    options = ExportOptions(output=Path("out"), decision=decision, max_flips=0.1)
    with pytest.raises(SourceError, match=f"net: has the task {task.value}, and --max-flips"):
        check_flips("net", options)
    with pytest.raises(SourceError, match="net: has several outputs"):
        check_flips("net", replace(options, decision=None))


@pytest.fixture(autouse=True, scope="module")
def _short_measurements() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure_frontier, "PLAN", MeasurePlan(min_duration_s=0.05))
        yield


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> ExportOptions:
    folder = tmp_path_factory.mktemp("flips")
    paths = []
    for at, pixels in enumerate(images_for(with_an_outlier(), count=80)):
        paths.append(folder / f"{at:02}.png")
        Image.fromarray(pixels).save(paths[-1])
    return ExportOptions(
        output=folder / "out",
        calibration=tuple(paths),
        max_flips=0.2,
        effort=Effort.FAST,
        force=True,
    )


@pytest.fixture(scope="module")
def made(options: ExportOptions) -> Export:
    return export(with_an_outlier(), options)


def test_the_spoiled_layer_and_what_follows_end_in_float(made: Export) -> None:
    frontier = made.manifest.float_layers.frontier
    assert frontier is not None
    assert frontier.chosen
    int8, chosen = frontier.points[0], frontier.points[frontier.chosen]
    assert int8.tail == 0 < chosen.tail
    assert chosen.layer.endswith("spoiled0_1")
    assert chosen.divergence < int8.divergence
    assert made.broken == ()
    for found in made.certificate.verdicts:
        assert found.agreement_interval is not None
        assert found.agreement_interval.low >= 0.8
    tflite, _ = made.manifest.artifacts
    assert tflite.float_ops["CONV_2D"] >= 1
    assert tflite.outputs[0].startswith("scores float32")
    with strop.runtime.open(made.paths[0]) as classifier:
        assert classifier.facts.partitions == 1


def test_the_runtime_holds_both_files_to_their_golden_vectors(made: Export) -> None:
    for path in made.paths:
        assert main(["run", str(path), "--selftest"]) == 0


def test_manifest_explain_and_page_show_it(
    made: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((made.folder / "manifest.json").read_text())
    assert record["options"]["max_flips"] == 0.2
    assert record["float_layers"]["frontier"]["chosen"] == 1
    made_again = made.manifest.float_layers.frontier
    assert made_again is not None
    page = (made.folder / "report.html").read_text()
    assert "What more of the network in float would bring" in page
    from strop.export.commands.explain import print_float_layers

    print_float_layers(made.manifest)
    shown = capsys.readouterr().out
    assert "chosen" in shown
    assert "spoiled0_1 and what follows" in shown
    assert np.isfinite(made_again.points[0].rel_latency)


def test_a_promise_that_no_part_in_float_keeps_is_refused(
    options: ExportOptions, tmp_path: Path
) -> None:
    hopeless = replace(options, output=tmp_path / "out", max_flips=0.01)
    with pytest.raises(GateError, match=r"80 images cannot promise less than 4\.58%"):
        export(with_an_outlier(), hopeless)
    assert not hopeless.output.exists()


def test_scores_of_several_outputs_stand_side_by_side() -> None:
    layers = keras.layers
    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    outputs = {"boxes": layers.Dense(4)(x), "scores": layers.Dense(3)(x)}
    source = from_keras_model(keras.Model(image, outputs), name="two")
    images = images_for(source, count=8)
    graph, activations = cut_activations(float_graph(source))
    deploy = proven_fold(source, graph, activations, images)
    decisions = [decide(size, Activation.NONE, where="two") for size in source.sizes]
    made = tune(deploy, [images], [images], decisions=decisions, effort=Effort.FAST)
    found = measure_frontier._scores(made.quantized, images)
    expected = measure_frontier._float_scores(deploy, images)
    assert found.shape == (8, 7)
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()
