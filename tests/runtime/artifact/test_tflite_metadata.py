from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.runtime.artifact.foreign_artifacts import (
    DESCRIPTIONS,
    SCORE_CALIBRATION,
    TENSOR_AXIS_LABELS,
    metadata_bytes,
    with_metadata,
)

from strop.runtime.artifact.tflite_metadata import (
    MAX_METADATA_BYTES,
    TfliteMetadata,
    read_tflite_labels,
    read_tflite_metadata,
)
from strop.runtime.errors import ContractError, StropError

LABELS = {"labels.txt": b"cat\n\n dog \n\n"}


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "m.tflite", with_metadata(None, metadata_bytes(), LABELS))


def test_what_a_writer_wrote_is_read(path: Path) -> None:
    assert read_tflite_metadata(path) == TfliteMetadata(
        name="Köpfe",
        description="what it does",
        mean=(127.5,),
        std=(127.5,),
        version="",
        labels_file="labels.txt",
        calibrates_scores=False,
        outputs=("",),
    )
    assert read_tflite_labels(path, "labels.txt") == ("cat", "1", "dog")


def test_the_labels_are_chosen_by_their_type_and_without_a_locale(tmp_path: Path) -> None:
    files = (
        ("labels.txt", DESCRIPTIONS, ""),
        ("namen.txt", TENSOR_AXIS_LABELS, "de"),
        ("names.txt", TENSOR_AXIS_LABELS, ""),
    )
    for given, chosen in ((files, "names.txt"), (files[:2], "namen.txt"), (files[:1], "")):
        content = with_metadata(None, metadata_bytes(files=given), {})
        found = read_tflite_metadata(write(tmp_path / "m.tflite", content))
        assert found is not None
        assert found.labels_file == chosen


def test_other_steps_are_told_apart_from_a_normalization(tmp_path: Path) -> None:
    metadata = metadata_bytes(mean=(), std=(), output_units=[SCORE_CALIBRATION])
    found = read_tflite_metadata(write(tmp_path / "m.tflite", with_metadata(None, metadata, {})))
    assert found is not None
    assert (found.mean, found.std, found.calibrates_scores) == ((), (), True)


def test_a_file_without_metadata_has_none(tmp_path: Path, bare_tflite: bytes) -> None:
    assert read_tflite_metadata(write(tmp_path / "m.tflite", bare_tflite)) is None


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        (b"", "its identifier is b'', needed is b'M001'"),
        (metadata_bytes().replace(b"M001", b"M002"), "its identifier is b'M002'"),
        (bytes(MAX_METADATA_BYTES + 1), f"at most {MAX_METADATA_BYTES} are read"),
        (metadata_bytes()[:40], "it points out of the file"),
        (metadata_bytes(std=(0.0,)), r"mean \[127.5\] and std \[0.0\] normalize nothing"),
        (metadata_bytes(std=()), r"std \[\] normalize nothing"),
        (metadata_bytes(mean=(float("nan"),)), r"mean \[nan\]"),
        (metadata_bytes().replace("Köpfe".encode(), b"K\xff\xffpfe"), "a text is not UTF-8"),
    ],
)
def test_damaged_metadata_is_refused_by_what_is_wrong(
    metadata: bytes, complaint: str, tmp_path: Path
) -> None:
    content = with_metadata(None, metadata, LABELS)
    with pytest.raises(ContractError, match=f"its TFLite metadata is damaged .*{complaint}"):
        read_tflite_metadata(write(tmp_path / "m.tflite", content))


def test_a_buffer_that_is_not_there_is_named(tmp_path: Path) -> None:
    content = with_metadata(None, metadata_bytes(), {}, buffer=99)
    with pytest.raises(ContractError, match="its buffer 99 is missing"):
        read_tflite_metadata(write(tmp_path / "m.tflite", content))


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "names the label file 'labels.txt', which is not in the file; give --labels"),
        ({"labels.txt": b"\xff\xfe"}, "its label file 'labels.txt' is not UTF-8"),
    ],
)
def test_labels_that_cannot_be_read_are_named(
    files: dict[str, bytes], complaint: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "m.tflite", with_metadata(None, metadata_bytes(), files))
    with pytest.raises(ContractError, match=complaint):
        read_tflite_labels(path, "labels.txt")


def test_no_damage_is_more_than_one_line(path: Path) -> None:
    """A thousand mutations of offsets, lengths and texts, and cuts."""
    content = path.read_bytes()
    draw = random.Random(0)
    outcomes: set[type] = set()
    for _ in range(1000):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            value = draw.choice([0, 1, 127, 255, draw.randrange(256)])
            damaged[draw.randrange(len(damaged))] = value
        cut = draw.choice([0, 0, 0, draw.randrange(len(content) - 1)])
        write(path, bytes(damaged[: len(damaged) - cut]))
        try:
            found = read_tflite_metadata(path)
            outcomes.add(type(found))
            if found is not None and found.labels_file:
                read_tflite_labels(path, found.labels_file)
        except StropError as err:
            assert len(str(err).splitlines()) == 1  # noqa: PT017  # others pass
            outcomes.add(type(err))
    assert outcomes == {TfliteMetadata, ContractError, type(None)}
