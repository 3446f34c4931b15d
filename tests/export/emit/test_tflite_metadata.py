"""The TFLite metadata that strop writes is what it reads, and others may write theirs."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.export.graphs import mobile_steps
from tests.runtime.artifact import foreign_artifacts

import strop.runtime
from strop.export.emit.tflite import emit_tflite
from strop.export.emit.tflite_metadata import with_metadata
from strop.export.quantize.quantize import QuantizedGraph
from strop.runtime.artifact.artifact import append_contract, read_contract
from strop.runtime.artifact.contract import CONTRACT, Contract, Task
from strop.runtime.artifact.tflite_metadata import read_tflite_labels, read_tflite_metadata
from strop.runtime.errors import ArtifactError

LABELS = tuple(f"class {place}" for place in range(7))
OURS = Contract(
    height=24,
    width=24,
    mean=(127.0,),
    std=(128.0,),
    labels=LABELS,
    source="Käfer",
    strop_version="0.1.0",
)


@pytest.fixture(scope="module")
def quantized() -> QuantizedGraph:
    return mobile_steps().quantized


@pytest.fixture(scope="module")
def bare(quantized: QuantizedGraph) -> bytes:
    return emit_tflite(quantized)


def written(path: Path, bare: bytes, contract: Contract = OURS) -> Path:
    path.write_bytes(append_contract(with_metadata(bare, contract), contract))
    return path


def test_what_is_written_is_what_is_read(bare: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "ours.tflite", bare)
    found = read_tflite_metadata(path)
    assert found is not None
    assert (found.name, found.version) == ("Käfer", "strop 0.1.0")
    assert found.description == (
        "Takes an RGB image of 24 x 24 pixels and returns a probability or score for each class."
    )
    assert (found.mean, found.std) == ((127.0,), (128.0,))
    assert read_tflite_labels(path, found.labels_file) == LABELS
    assert read_contract(path) == OURS


def test_a_new_file_gets_it_as_a_finished_one_does(quantized: QuantizedGraph, bare: bytes) -> None:
    assert emit_tflite(quantized, contract=OURS) == with_metadata(bare, OURS)


def test_it_is_written_once_and_the_same_every_time(bare: bytes) -> None:
    once = with_metadata(bare, OURS)
    assert once == with_metadata(bare, OURS)
    assert once.count(b"M001") == with_metadata(once, OURS).count(b"TFLITE_METADATA") == 1


def test_a_grey_input_without_labels_is_described(bare: bytes, tmp_path: Path) -> None:
    grey = replace(OURS, channels=1, labels=(), task=Task.REGRESS)
    found = read_tflite_metadata(written(tmp_path / "ours.tflite", bare, grey))
    assert found is not None
    assert found.description == "Takes a grey image of 24 x 24 pixels and returns numbers."
    assert found.labels_file == ""


def rewritten(path: Path) -> None:
    """Put other metadata into the file, as the standard writers do: the zip is taken over."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    flatbuffer = path.read_bytes()[: path.read_bytes().index(b"PK\x03\x04")]
    metadata = foreign_artifacts.metadata_bytes()
    labels = "".join(f"{label}\n" for label in LABELS).encode()
    path.write_bytes(
        foreign_artifacts.with_metadata(flatbuffer, metadata, {**files, "labels.txt": labels})
    )


def test_a_file_with_another_programs_metadata_opens_without_a_checksum(
    bare: bytes, tmp_path: Path
) -> None:
    path = written(tmp_path / "ours.tflite", bare)
    with strop.runtime.open(path) as classifier:
        before = classifier.facts
    foreign = with_metadata(bare, OURS)
    path.write_bytes(append_contract(foreign.replace(b"strop 0.1.0", b"other 0.1.0"), OURS))
    content = bytearray(path.read_bytes())
    content[content.index(b"K\xc3\xa4fer")] ^= 1  # as another program would write another name
    path.write_bytes(content)
    contract = read_contract(path)
    assert contract == OURS
    assert contract.checksum == ""
    rewritten(path)
    with strop.runtime.open(path) as classifier:
        assert classifier.facts == before
        assert CONTRACT.dumps(replace(classifier.contract, checksum="")) == CONTRACT.dumps(OURS)


def test_a_damaged_file_with_our_metadata_is_refused(bare: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "ours.tflite", bare)
    content = bytearray(path.read_bytes())
    content[len(bare) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="its content is not what was exported"):
        read_contract(path)
