"""`strop explain` prints what a manifest has about layers, of every version that is read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.export.fake_manifest import artifact, fake_manifest

from strop.cli import main
from strop.export.bundle.manifest import (
    MANIFEST_FORMAT,
    ConsumerFacts,
    Manifest,
    WrittenFile,
    read_manifest,
)
from strop.export.max_drop.float_layers import NO_FLOAT_LAYERS
from strop.export.quantize.costs import Cost, Step
from strop.runtime.bench.layer_times import LayerTime, LayerTimes


def manifest() -> Manifest:
    slow = LayerTime(layer="stem", kind="QLinearConv", microseconds=90.0)
    times = LayerTimes(
        operations=(slow, replace(slow, microseconds=30.0)), whole_microseconds=110.0
    )
    found = fake_manifest()
    return replace(
        found,
        artifacts=(artifact("m.int8.tflite", 3, None), artifact("m.int8.onnx", 2, times)),
        int8_steps=(
            Step(name="equalization", divergence=0.0456, signal_to_noise_db=19.94, is_kept=True),
        ),
        sensitivity=(
            Cost(
                layer="stem",
                kind="CONV_2D",
                part="weights",
                noise=0.001,
                agreement=0.97,
                divergence=0.0123,
            ),
        ),
        float_layers=NO_FLOAT_LAYERS,
        machine=replace(found.machine, cpu_model="Cortex-A76"),
    )


def test_explain_prints_the_manifests_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "manifest.json"
    MANIFEST_FORMAT.write(manifest(), path)
    assert main(["explain", str(tmp_path)]) == 0
    printed, told = capsys.readouterr()
    assert "m.int8.onnx, one thread, on Cortex-A76: 0.12 ms in all" in told
    assert "0.11 ms without it, so it adds 5.0 us to each" in told
    assert re.search(r"stem +QLinearConv +90 +75\.0\nstem +QLinearConv +30 +25\.0", printed)
    assert "19.9" in printed
    assert "0.04560" in printed
    assert "30.0" in printed
    assert "0.01230" in printed
    assert "float" not in printed
    assert main(["explain", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    record = json.loads(path.read_text())
    assert list(said) == [
        *("int8_steps", "sensitivity", "float_layers", "layer_times", "consumer", "through")
    ]
    assert said["sensitivity"] == record["sensitivity"]
    assert said["layer_times"] == {"m.int8.onnx": record["artifacts"][1]["layer_times"]}


def test_what_cannot_be_explained_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "manifest.json"
    assert main(["explain", str(tmp_path / "nowhere")]) == 2
    assert "needed is what strop export writes" in capsys.readouterr().err
    record = json.loads(MANIFEST_FORMAT.dumps(manifest()))
    path.write_text(json.dumps(record | {"format_version": 1}))
    assert main(["explain", str(tmp_path)]) == 2
    versions = ", ".join(map(str, MANIFEST_FORMAT.readable))
    assert f"format_version is 1, this strop reads {versions}" in capsys.readouterr().err
    MANIFEST_FORMAT.write(replace(manifest(), sensitivity=()), path)
    assert main(["explain", str(tmp_path)]) == 2
    assert "an --effort above fast" in capsys.readouterr().err


def test_times_of_no_operation_are_explained_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = manifest()
    none = LayerTimes(operations=(), whole_microseconds=1.0)
    artifacts = (*found.artifacts, artifact("n.onnx", 1, none))
    MANIFEST_FORMAT.write(replace(found, artifacts=artifacts), tmp_path / "manifest.json")
    assert main(["explain", str(tmp_path)]) == 0
    assert "n.onnx, one thread, on Cortex-A76: 0.00 ms in all" in capsys.readouterr().err


def test_a_manifest_reads_back_as_it_was_written(tmp_path: Path) -> None:
    MANIFEST_FORMAT.write(fake_manifest(), tmp_path / "manifest.json")
    assert read_manifest(tmp_path) == fake_manifest()


def test_explain_shows_what_the_consumer_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = fake_manifest()
    through = replace(found.certificate.verdicts[0], engine="Shelf 2, image files", kernels="")
    consumer = ConsumerFacts(
        name="shelf",
        title="Shelf",
        reading="own code",
        versions={"shelf": "2"},
        not_run="",
        files=(WrittenFile(file="labels.txt", sha256="ab" * 32, size_bytes=3),),
        notes=("shelf --put m.int8.tflite",),
    )
    certificate = replace(found.certificate, through=(through,))
    shown = replace(found, certificate=certificate, consumer=consumer)
    MANIFEST_FORMAT.write(shown, tmp_path / "manifest.json")
    assert read_manifest(tmp_path) == shown
    assert main(["explain", str(tmp_path)]) == 0
    printed, told = capsys.readouterr()
    assert re.search(r"m\.int8\.tflite through Shelf 2, image files .* 99\.00 \[97", printed)
    assert "Shelf: read by its own code" in told
    assert "shelf --put m.int8.tflite" in told


def test_a_manifest_of_version_13_loses_its_list_of_layers_for_max_drop(tmp_path: Path) -> None:
    record = json.loads(MANIFEST_FORMAT.dumps(manifest())) | {"format_version": 13}
    layers = record["float_layers"] | {"kept": True, "tried": [{"layer": "head"}]}
    point = {
        "layer": "head",
        "tail": 1,
        "sums": 0,
        "divergence": 0.1,
        "signal_to_noise_db": 20.0,
        "agreement": 0.9,
        "prices": [],
    }
    layers["frontier"] = {"images": 9, "points": [point], "chosen": None}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(record | {"float_layers": layers}))
    frontier = read_manifest(tmp_path).float_layers.frontier
    assert frontier is not None
    assert frontier.points[0].spared == ()


def test_a_manifest_of_version_6_is_for_any_program(tmp_path: Path) -> None:
    record = json.loads(MANIFEST_FORMAT.dumps(manifest())) | {"format_version": 6}
    del record["consumer"], record["certificate"]["through"]
    (tmp_path / "manifest.json").write_text(json.dumps(record))
    assert read_manifest(tmp_path) == manifest()


def test_a_manifest_of_version_4_has_no_islands_and_is_of_a_classifier(tmp_path: Path) -> None:
    record = json.loads(MANIFEST_FORMAT.dumps(manifest())) | {"format_version": 4}
    del record["float_latency"], record["consumer"], record["certificate"]["through"]
    for each in record["artifacts"]:
        del each["latency"], each["counts"]
    del record["float_layers"]["islands"]
    for name in ("task", "thresholds"):
        del record["options"][name]
        del record["certificate"][name]
    for name in ("names", "float_mean_average_precision", "one_answer"):
        del record["certificate"][name]
    for name in ("errors", "label_agreement", "label_agreement_interval", "not_certified"):
        for found in record["certificate"]["verdicts"]:
            del found[name]
    (tmp_path / "manifest.json").write_text(json.dumps(record))
    found = read_manifest(tmp_path)
    assert found.options.task is None
    assert found.float_latency is None
    assert {(each.latency, each.counts) for each in found.artifacts} == {(None, None)}
    assert found.sensitivity == manifest().sensitivity
    assert found.certificate.verdicts == manifest().certificate.verdicts
    assert main(["explain", str(tmp_path)]) == 0
