"""Frigate, rpicam-apps and PyCoral read one small export, which was made for Frigate."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.export.model_fixtures import CLASSES, small_model

import strop.runtime
from strop.export import Export, ExportOptions, Source, export, from_keras_model
from strop.export.consumers import coral, frigate, rpicam
from strop.export.consumers.bytes_classifier import SIDE
from strop.export.consumers.consumer import Consumer, Delivery
from strop.export.consumers.readers import coral as pycoral
from strop.export.consumers.readers import frigate as frigate_reader
from strop.export.consumers.readers import rpicam as rpicam_reader
from strop.export.consumers.readers.images import Images
from strop.export.consumers.settings import check_consumer, settled
from strop.export.options.choices import Effort
from strop.runtime.artifact.contract import Activation, ResizeRule, Task
from strop.runtime.classify.decision import Decision
from strop.runtime.errors import ConsumerError
from strop.runtime.images.dataset import list_images

CALIBRATION = Path(__file__).parents[3] / "calibration_data/calibration"
WAYS = ("strop's pixels", "image files")
LABELS = tuple(f"class {number}" for number in range(CLASSES))
# Height, width and CRC-32 of cv2.resize(image, (224, 224)), as OpenCV 4.14.0 on x86-64 gave it.
RESIZED = (
    (28, 28, 0xAE2E7C7C),
    (480, 640, 0xD37EEC4A),
    (224, 224, 0xFE2D16C1),
    (448, 448, 0x1C13F298),
    (224, 448, 0xE64FCD18),
    (500, 333, 0x402CE6FE),
    (37, 1091, 0x11C82AA7),
    (1, 1, 0xFE696A90),
    (2, 3, 0x710B3339),
)


def options_for(consumer: Consumer, output: Path, **given: Any) -> ExportOptions:
    chosen = settled(consumer, {"labels": LABELS, "consumer": consumer.name, **given})
    some = list_images(CALIBRATION)[::10]
    return ExportOptions(output=output, calibration=some, effort=Effort.FAST, **chosen)


@pytest.fixture(scope="module")
def source() -> Source:
    return from_keras_model(small_model((SIDE, SIDE, 3)), name="small")


@pytest.fixture(scope="module")
def made(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return export(source, options_for(frigate.CONSUMER, tmp_path_factory.mktemp("made") / "out"))


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    """Images as the program hands them over."""
    return np.stack([frigate_reader.frame(path) for path in list_images(CALIBRATION)[::50]])


@pytest.fixture(scope="module")
def codes(made: Export, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What strop's own runtime reads, in steps of 1/256."""
    with strop.runtime.open(made.paths[0]) as classifier:
        return np.stack([np.rint(classifier.scores(image) * 256) for image in pixels])


def test_frigate_finds_both_files_and_divides_by_the_sum(
    made: Export, pixels: NDArray[np.uint8], codes: NDArray[np.float64]
) -> None:
    assert {"model.tflite", "labelmap.txt"} <= {path.name for path in made.folder.iterdir()}
    assert (made.folder / "labelmap.txt").read_text().splitlines() == list(LABELS)
    found = frigate_reader.scores(made.paths[0], Images(pixels=pixels))
    assert np.array_equal(found, (codes / codes.sum(axis=1, keepdims=True)).astype(np.float32))
    some = Images(paths=tuple(list_images(CALIBRATION)[::50]))
    assert np.array_equal(frigate_reader.scores(made.paths[0], some), found)


def test_the_certificate_has_frigate_s_answers_on_pixels_and_on_files(made: Export) -> None:
    names = [found.engine for found in made.certificate.through]
    assert names == [f"Frigate, custom classification, its rules, {way}" for way in WAYS]


@pytest.mark.parametrize(("height", "width", "crc"), RESIZED)
def test_an_image_is_stretched_byte_for_byte_as_opencv_does(
    height: int, width: int, crc: int
) -> None:
    draw = np.random.default_rng(height * 10_000 + width)
    image = draw.integers(0, 256, (height, width, 3), np.uint8)
    assert zlib.crc32(frigate_reader.stretched(image).tobytes()) == crc


def delivered(consumer: Consumer, made: Export, source: Source, folder: Path) -> Any:
    path = folder / "model.tflite"
    path.write_bytes(made.paths[0].read_bytes())
    options = options_for(consumer, folder)
    return consumer.deliver(
        Delivery(folder=folder, paths=(path,), source=source, options=options, environment=None)
    )


def test_rpicam_s_stage_names_the_files_beside_it(
    made: Export, source: Source, tmp_path: Path
) -> None:
    found = delivered(rpicam.CONSUMER, made, source, tmp_path)
    stage = json.loads((tmp_path / "object_classify_tf.json").read_text())["object_classify_tf"]
    assert (tmp_path / stage["model_file"]).is_file()
    assert (tmp_path / stage["labels_file"]).read_text().splitlines() == list(LABELS)
    assert "--lores-width 224" in found.notes[0]


def test_rpicam_reads_bytes_over_255(
    made: Export, pixels: NDArray[np.uint8], codes: NDArray[np.float64]
) -> None:
    images = Images(pixels=pixels, labels=LABELS)
    found = rpicam_reader.scores(made.paths[0], images)
    assert np.array_equal(found, (codes / 255).astype(np.float32))
    with pytest.raises(RuntimeError, match="Label count mismatch"):
        rpicam_reader.scores(made.paths[0], replace(images, labels=LABELS[1:]))


def test_rpicam_draws_a_part_of_a_label_with_a_comma(
    made: Export, source: Source, tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    options = replace(options_for(rpicam.CONSUMER, tmp_path), labels=("a, b", *LABELS[1:]))
    found = rpicam.deliver(
        Delivery(folder=tmp_path, paths=(path,), source=source, options=options, environment=None)
    )
    assert '"a, b"' in found.notes[1]


def test_who_stretches_images_gets_a_file_that_stretches(tmp_path: Path) -> None:
    for program in (frigate.CONSUMER, coral.CONSUMER):
        assert options_for(program, tmp_path).resize is ResizeRule.STRETCH


def test_pycoral_reads_the_codes_by_their_scale(
    made: Export, pixels: NDArray[np.uint8], codes: NDArray[np.float64]
) -> None:
    found = pycoral.scores(made.paths[0], Images(pixels=pixels))
    assert np.array_equal(found, (codes / 256).astype(np.float32))


def test_the_edge_tpu_takes_every_operation(made: Export, source: Source, tmp_path: Path) -> None:
    found = delivered(coral.CONSUMER, made, source, tmp_path)
    report = (tmp_path / "edge_tpu.txt").read_text().splitlines()
    assert len(report) == 1
    count = report[0].split()[2]
    assert report[0] == f"Edge TPU: {count} of {count} operations, by the compiler's table"
    assert found.notes[0] == report[0]
    assert found.notes[1] == "PyCoral's classify_image.py: --input_mean 0 --input_std 1"
    assert "edgetpu_compiler -s model.tflite" in found.notes[2]


MULTILABEL = Decision(task=Task.MULTILABEL, scores=CLASSES, activation=Activation.SIGMOID)
COMPILER = """#!/bin/sh
# Called as the compiler is: -s -o FOLDER FILE
[ "$1 $2" = "-s -o" ] || exit 3
{then}
"""


@pytest.mark.parametrize(
    ("then", "says", "files"),
    [
        ('name=$(basename "$4" .tflite); : > "$3/${name}_edgetpu.tflite"', "model_edgetpu", 2),
        ("echo 'Compilation failed!' >&2; exit 1", "Compilation failed!", 1),
    ],
)
def test_the_compiler_is_run_where_it_is(
    made: Export,
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    then: str,
    says: str,
    files: int,
) -> None:
    programs, folder = tmp_path / "bin", tmp_path / "with a space; and more"
    programs.mkdir()
    folder.mkdir()
    compiler = programs / "edgetpu_compiler"
    compiler.write_text(COMPILER.replace("{then}", then))
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    found = delivered(coral.CONSUMER, made, source, folder)
    assert says in found.notes[2]
    assert len(found.files) == files


@pytest.mark.parametrize(
    ("consumer", "side", "change", "match"),
    [
        (frigate.CONSUMER, 96, {}, r"takes images of 96x96, and --for frigate needs 224x224"),
        (rpicam.CONSUMER, 96, {}, r"takes images of 96x96, and --for rpicam needs 224x224"),
        (frigate.CONSUMER, SIDE, {"labels": ()}, r"has no labels, and --for frigate needs them"),
        (
            coral.CONSUMER,
            SIDE,
            {"decision": MULTILABEL},
            r"its task is multilabel, and --for coral needs classify",
        ),
    ],
)
def test_what_a_program_cannot_do_with_is_refused_by_name(
    consumer: Consumer, side: int, change: dict[str, Any], match: str, tmp_path: Path
) -> None:
    model = from_keras_model(small_model((side, side, 3)), name="small")
    options = replace(options_for(consumer, tmp_path), **change)
    with pytest.raises(ConsumerError, match=match):
        check_consumer(consumer, model, options)
