"""The comparison with other tools, on the model and the images that ship with strop."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

pytest.importorskip("tensorflow")

from against_peers import main
from peers import catalogue, compare
from peers.judge import Judged, Result
from peers.peer import Built, Failure, Peer, Task, build_each, first_line, with_needs
from peers.publish import COLUMNS, disturbed, rows
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.test_layers import net_of, saved

from strop.export.options.choices import Precision
from strop.export.zoo.shipped import (
    SHIPPED_CALIBRATION,
    SHIPPED_LABELS,
    SHIPPED_MODEL,
    SHIPPED_VALIDATION,
)
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import Contract
from strop.runtime.bench.latency import LatencySamples

IMAGES = 20
RUNS = 30  # a p90 needs 29
BROKEN = "tflite-int8"


@pytest.fixture(scope="module")
def comparison(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[int, dict[str, Any]]:
    """One run with a peer that raises; what it returned, and the record."""

    def refuse(task: Task, made: Mapping[str, Built]) -> Built:
        raise ValueError("this converter takes no such layer\nand says so at length")

    broken = replace(catalogue.PEERS[BROKEN], build=refuse)
    output = tmp_path_factory.mktemp("peers") / "results.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "PEERS", MappingProxyType({**catalogue.PEERS, BROKEN: broken}))
        status = main(
            [
                *(str(SHIPPED_MODEL), "--resize", "stretch"),
                *("--calibration-data", str(SHIPPED_CALIBRATION), "--calibration-limit", "10"),
                *("--validation-data", str(SHIPPED_VALIDATION), "--limit", str(IMAGES)),
                *("--labels", str(SHIPPED_LABELS), "--output", str(output)),
                *("--runs", str(RUNS), "--duration", "0.01"),
            ]
        )
    return status, json.loads(output.read_text())


def of(record: dict[str, Any], peer: str) -> dict[str, Any]:
    (found,) = (entry for entry in record["peers"] if entry["peer"] == peer)
    assert isinstance(found, dict)
    return found


def test_every_default_peer_has_an_entry(comparison: tuple[int, dict[str, Any]]) -> None:
    _, record = comparison
    found = [entry["peer"] for entry in record["peers"]]
    assert found == list(catalogue.default_peers("tensorflow"))


def test_a_peer_that_raises_is_reported_with_its_first_line(
    comparison: tuple[int, dict[str, Any]],
) -> None:
    status, record = comparison
    found = of(record, BROKEN)
    assert status == 1
    assert found["failure"] == {
        "stage": "build",
        "error": "ValueError: this converter takes no such layer",
    }
    assert found["samples"] is None
    assert found["verdict"] is None


def test_what_starts_from_a_broken_peer_is_not_built(
    comparison: tuple[int, dict[str, Any]],
) -> None:
    _, record = comparison
    assert of(record, "onnx-from-tflite")["failure"]["error"] == (
        "it starts from tflite-int8, whose build failed: ValueError: this converter takes no such"
        " layer"
    )


def test_all_other_peers_are_judged_and_timed(comparison: tuple[int, dict[str, Any]]) -> None:
    _, record = comparison
    for entry in record["peers"]:
        if entry["peer"] in (BROKEN, "onnx-from-tflite"):
            continue
        assert entry["failure"] is None, entry["peer"]
        assert len(entry["samples"]["invoke_ns"]) >= RUNS
        assert sum(entry["samples"]["blocks"]) == len(entry["samples"]["invoke_ns"])
        assert len(entry["sha256"]) == 64
        assert entry["size_bytes"] > 0
        assert entry["engine"]["num_threads"] == 1
        assert 0 <= entry["verdict"]["top1"] <= 1


def test_float_files_say_what_the_keras_model_says(
    comparison: tuple[int, dict[str, Any]],
) -> None:
    # A mistaken input (scale, layout, normalization) would show here first.
    _, record = comparison
    for name in catalogue.FLOATS.values():
        assert of(record, name)["verdict"]["agreement"] == 1.0


def test_the_record_says_what_was_compared_and_how(
    comparison: tuple[int, dict[str, Any]],
) -> None:
    _, record = comparison
    assert record["format_version"] == 2
    assert record["model"] == SHIPPED_MODEL.stem
    assert record["images"] == IMAGES
    assert record["plan"]["min_runs"] == RUNS
    assert record["machine"]["arch"]
    assert {"tf2onnx", "onnxruntime", "keras", "pillow"} <= record["versions"].keys()
    assert of(record, "onnx-static")["options"]["per_channel"] is True
    assert of(record, "strop-onnx")["audit"]["float_ops"] == []


def test_the_record_names_no_folder_of_this_machine(
    comparison: tuple[int, dict[str, Any]],
) -> None:
    _, record = comparison
    assert str(Path.home()) not in json.dumps(record)
    assert tempfile.gettempdir() not in json.dumps(record)


@pytest.mark.parametrize("name", ["no-such-peer", ""])
def test_an_unknown_peer_is_refused_by_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(
        [
            *(str(SHIPPED_MODEL), "--peers", f"tflite-float,{name}"),
            *("--calibration-data", str(SHIPPED_CALIBRATION)),
            *("--validation-data", str(SHIPPED_VALIDATION)),
        ]
    )
    assert status == 2
    assert f"--peers: {name!r}; there are tflite-float, " in capsys.readouterr().err


def test_batch_norm_from_images_is_for_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(
        [
            *(str(SHIPPED_MODEL), "--batch-norm-from-images"),
            *("--calibration-data", str(SHIPPED_CALIBRATION)),
            *("--validation-data", str(SHIPPED_VALIDATION)),
        ]
    )
    assert status == 2
    assert "it is for the zoo: mobilenet_v1" in capsys.readouterr().err


def test_a_file_that_no_engine_opens_is_reported(tmp_path: Path) -> None:
    from peers.judge import _open

    path = tmp_path / "broken.tflite"
    path.write_bytes(b"not a model")
    failure = _open("tflite-int8", Built(path=path, options={}), Contract(height=8, width=8), 1)
    assert isinstance(failure, Failure)
    assert failure.stage == "open"
    assert failure.error.startswith("ArtifactError: broken.tflite: ")


def test_an_onnx_is_held_against_files_of_its_own(tmp_path: Path) -> None:
    """Its own file and strop's reading of it, fed in their own ways, give the same classes."""
    net = Net()
    x = net.add("Relu", net.conv("image", 3, 8))
    path = saved(net.model(net.scores(net.conv(x, 8, 6, 1), 6), batch=1), tmp_path)
    output = tmp_path / "record.json"
    status = main(
        [
            *(str(path), "--mean", "120", "--std", "60", "--resize", "stretch"),
            *("--calibration-data", str(SHIPPED_CALIBRATION), "--calibration-limit", "10"),
            *("--validation-data", str(SHIPPED_VALIDATION), "--limit", str(IMAGES)),
            *("--peers", "tflite-float,onnx-float,onnx-static", "--output", str(output)),
            *("--runs", str(RUNS), "--duration", "0.01"),
        ]
    )
    record = json.loads(output.read_text())
    assert status == 0
    assert record["float"]["engine"] == "onnxruntime"
    agreement = {entry["peer"]: entry["verdict"]["agreement"] for entry in record["peers"]}
    assert agreement.pop("onnx-static") > 0.7
    assert agreement == {"tflite-float": 1.0, "onnx-float": 1.0}


def test_a_peer_that_reads_no_onnx_is_refused_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(net_of("relu", 17), tmp_path)
    folders = ["--calibration-data", str(SHIPPED_CALIBRATION), "--validation-data"]
    status = main([str(path), *folders, str(SHIPPED_VALIDATION), "--peers", "tflite-int8"])
    assert status == 2
    assert "tflite-int8 cannot start from net, which onnxruntime runs" in capsys.readouterr().err


def test_what_a_wanted_peer_starts_from_is_built_before_it() -> None:
    assert with_needs(["onnx-from-tflite"], catalogue.PEERS) == ("tflite-int8", "onnx-from-tflite")
    order = list(catalogue.PEERS)
    for peer in catalogue.PEERS.values():
        assert all(order.index(need) < order.index(peer.name) for need in peer.needs)


def result(peer: str, p50_ns: int) -> Result:
    samples = LatencySamples(warmup_ns=(), invoke_ns=(p50_ns,) * RUNS, blocks=(RUNS,))
    return Result(peer=peer, size_bytes=1 << 20, samples=samples)


def test_ratios_are_of_the_same_format_and_engine() -> None:
    judged = Judged(
        results=(
            result("tflite-float", 4_000_000),
            result("tflite-int8", 2_000_000),
            result("strop-tflite", 1_000_000),
            result("onnx-static", 8_000_000),
            Result(peer="strop-onnx", failure=Failure(stage="open", error="ValueError: no")),
        ),
        images=1,
        float_top1=None,
        float_top5=None,
        float_engine="tensorflow",
    )
    table = [dict(zip(COLUMNS, row, strict=True)) for row in rows(judged)]
    ratios = {row["file"]: (row["strop / it"], row["it / float"]) for row in table}
    assert ratios == {
        "the model in float": (None, None),
        "tflite-float": ("0.25", "1.00"),
        "tflite-int8": ("0.50", "0.50"),
        "strop-tflite": ("1.00", "0.25"),
        "onnx-static": (None, None),
        "strop-onnx": (None, None),
    }
    assert table[-1]["float ops left"] == "open failed: ValueError: no"


def test_a_median_far_above_the_fast_runs_is_named() -> None:
    steady, unsteady = result("tflite-float", 2_000_000), result("tflite-int8", 2_000_000)
    fast_ns = (1_000_000,) * 10
    samples = LatencySamples(warmup_ns=(), invoke_ns=fast_ns + (2_000_000,) * 20, blocks=(RUNS,))
    judged = Judged(
        results=(steady, replace(unsteady, samples=samples)),
        images=1,
        float_top1=None,
        float_top5=None,
        float_engine="tensorflow",
    )
    assert disturbed(judged) == ("tflite-int8",)


def test_an_error_without_a_text_is_named_all_the_same(tmp_path: Path) -> None:
    assert first_line(KeyError()) == "KeyError: without a text"

    def silent(task: Task, made: Mapping[str, Built]) -> Built:
        raise KeyError

    peer = Peer(name="p", format=Format.ONNX, precision=Precision.INT8, build=silent)
    task = Task(source=None, contract=Contract(height=8, width=8), calibration=(), folder=tmp_path)  # type: ignore[arg-type]  # not looked at
    made = build_each(["p"], {"p": peer}, task, on_step=lambda step: None)
    assert made == {"p": Failure(stage="build", error="KeyError: without a text")}
