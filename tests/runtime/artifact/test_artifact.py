from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from strop.runtime.artifact.artifact import (
    Format,
    append_contract,
    detect_format,
    read_contract,
    sha256_file,
)
from strop.runtime.artifact.contract import CONTRACT, Contract
from strop.runtime.artifact.contract_zip import MAX_CONTRACT_BYTES, MAX_ENTRIES
from strop.runtime.artifact.onnx_fields import MAX_METADATA_BYTES
from strop.runtime.errors import ArtifactError, ContractError

FLATBUFFER = struct.pack("<I4s", 16, b"TFL3") + bytes(100)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def with_zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    buffer.write(FLATBUFFER)
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_the_content_decides_the_format(tmp_path: Path, tiny_onnx: Path) -> None:
    assert detect_format(write(tmp_path / "model", FLATBUFFER)) is Format.TFLITE
    assert detect_format(write(tmp_path / "m.bin", tiny_onnx.read_bytes())) is Format.ONNX


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none.tflite: No such file or directory; check"):
        detect_format(tmp_path / "none.tflite")


def test_a_folder_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(
        ArtifactError, match=r"a folder, needed is a regular file; .* one .tflite or"
    ):
        detect_format(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="empty, 0 bytes; copy or export it again"):
        detect_format(write(tmp_path / "m.tflite", b""))


def test_a_text_file_named_tflite_is_refused_with_what_it_begins_with(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"begins with b'# Titles'; .*another file under"):
        detect_format(write(tmp_path / "m.tflite", b"# Titles\nand text\n" * 20))


@pytest.mark.parametrize("text", [b"# Title\n", b"\x08", b"{}\n", b"name,label\n", b"\xff" * 40])
def test_other_content_named_onnx_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"needed is one of the two|copy it again"):
        detect_format(write(tmp_path / "m.onnx", text))


def test_a_tflite_named_onnx_is_told_its_right_name(tmp_path: Path, tiny_onnx: Path) -> None:
    with pytest.raises(ArtifactError, match=r"its content is tflite; rename it to m.tflite"):
        detect_format(write(tmp_path / "m.onnx", FLATBUFFER))
    with pytest.raises(ArtifactError, match=r"its content is onnx; rename it to m.onnx"):
        detect_format(write(tmp_path / "m.tflite", tiny_onnx.read_bytes()))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_an_onnx_cut_short_says_so(tmp_path: Path, tiny_onnx: Path, share: float) -> None:
    content = tiny_onnx.read_bytes()
    with pytest.raises(ArtifactError, match=r"cut short|ends inside a field"):
        detect_format(write(tmp_path / "m.onnx", content[: int(len(content) * share)]))


def test_the_hash_is_of_the_whole_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192  # above one chunk
    assert sha256_file(write(tmp_path / "m", content)) == hashlib.sha256(content).hexdigest()
    with pytest.raises(ArtifactError, match="No such file or directory; check the path"):
        sha256_file(tmp_path / "none")


def test_the_contract_comes_back_as_it_was_appended(tmp_path: Path, contract: Contract) -> None:
    content = append_contract(FLATBUFFER, contract)
    assert content.startswith(FLATBUFFER)
    assert read_contract(write(tmp_path / "m.tflite", content)) == contract


def test_the_same_contract_gives_the_same_bytes(contract: Contract) -> None:
    assert append_contract(FLATBUFFER, contract) == append_contract(FLATBUFFER, contract)


def test_other_tools_find_the_labels(tmp_path: Path, contract: Contract) -> None:
    path = write(tmp_path / "m.tflite", append_contract(FLATBUFFER, contract))
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["strop.json", "strop.labels.txt"]
        assert archive.read("strop.labels.txt").decode().splitlines() == list(contract.labels)
        assert archive.testzip() is None


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not on PATH")
def test_unzip_reads_the_appended_files_without_a_complaint(
    tmp_path: Path, contract: Contract
) -> None:
    path = write(tmp_path / "m.tflite", append_contract(FLATBUFFER, contract))
    listed = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=True)
    assert listed.stderr == ""


def test_a_second_contract_is_not_appended(contract: Contract) -> None:
    with pytest.raises(ArtifactError, match="needed is the bare flatbuffer"):
        append_contract(append_contract(FLATBUFFER, contract), contract)


def test_an_artifact_without_contract_has_none(tmp_path: Path) -> None:
    assert read_contract(write(tmp_path / "bare.tflite", FLATBUFFER)) is None
    labels_only = with_zip({"labels.txt": b"cat\ndog\n"})
    assert read_contract(write(tmp_path / "labels.tflite", labels_only)) is None


def test_a_zip_bomb_as_contract_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    bomb = with_zip({"strop.json": bytes(MAX_CONTRACT_BYTES + 1)})
    assert len(bomb) < 100_000
    with pytest.raises(ContractError, match="Do not trust this file"):
        read_contract(write(tmp_path / "m.tflite", bomb))


def test_a_zip_bomb_that_lies_about_its_size_is_read_no_further(tmp_path: Path) -> None:
    content = bytes(MAX_CONTRACT_BYTES + 1)
    bomb = with_zip({"strop.json": content}).replace(
        struct.pack("<L", len(content)), struct.pack("<L", 10)
    )
    with pytest.raises(ContractError, match="zip with its contract is damaged"):
        read_contract(write(tmp_path / "m.tflite", bomb))


def test_a_zip_of_many_files_is_refused(tmp_path: Path) -> None:
    many = with_zip({f"{i}": b"" for i in range(MAX_ENTRIES + 1)})
    with pytest.raises(ContractError, match=f"lists {MAX_ENTRIES + 1} files"):
        read_contract(write(tmp_path / "m.tflite", many))


def test_a_zip64_directory_is_refused(tmp_path: Path, contract: Contract) -> None:
    content = append_contract(FLATBUFFER, contract)
    end = content.rfind(b"PK\x05\x06")
    forged = content[:end] + b"PK\x06\x07" + bytes(16) + content[end:]
    with pytest.raises(ContractError, match="zip64"):
        read_contract(write(tmp_path / "m.tflite", forged))


def test_a_damaged_zip_is_not_no_contract(tmp_path: Path, contract: Contract) -> None:
    content = bytearray(append_contract(FLATBUFFER, contract))
    content[content.rfind(b'"height"') + 1] ^= 1
    with pytest.raises(ContractError, match=r"damaged .*; copy or export it again"):
        read_contract(write(tmp_path / "m.tflite", bytes(content)))


def test_a_contract_is_read_however_a_zip_is_appended(tmp_path: Path, contract: Contract) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", b"by another tool")
        archive.writestr("strop.json", CONTRACT.dumps(contract))
        archive.comment = b"with a comment"
    # Its own offsets count from the zip's beginning.
    path = write(tmp_path / "m.tflite", FLATBUFFER + buffer.getvalue())
    assert read_contract(path) == contract


def test_no_damage_to_the_zip_is_more_than_an_error(tmp_path: Path, contract: Contract) -> None:
    content = append_contract(FLATBUFFER, contract)
    draw = random.Random(0)
    outcomes: set[type] = set()
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 3)):
            # The directory and its end are where the reading begins.
            damaged[-draw.randint(1, 250)] = draw.randrange(256)
        path = write(tmp_path / "m.tflite", bytes(damaged[: len(damaged) - draw.choice([0, 0, 9])]))
        try:
            outcomes.add(type(read_contract(path)))
        except ContractError as err:
            outcomes.add(type(err))
    assert outcomes == {Contract, ContractError, type(None)}


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    squeezed = with_zip({"strop.json": b"{}"}, zipfile.ZIP_LZMA)
    with pytest.raises(ContractError, match="needed is stored or deflated"):
        read_contract(write(tmp_path / "m.tflite", squeezed))


def test_a_contract_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="its contract: not JSON"):
        read_contract(write(tmp_path / "m.tflite", with_zip({"strop.json": b"{"})))


def test_an_onnx_gives_its_contract_without_an_engine(tiny_onnx: Path, contract: Contract) -> None:
    assert read_contract(tiny_onnx) == contract


def test_an_onnx_metadata_entry_beyond_the_limit_is_refused(
    tmp_path: Path, tiny_onnx: Path
) -> None:
    size = MAX_METADATA_BYTES + 1
    field = bytes([14 << 3 | 2]) + b"\x81\x80\x80\x08"  # varint of 2**24 + 1
    path = write(tmp_path / "m.onnx", tiny_onnx.read_bytes() + field + bytes(size))
    with pytest.raises(ContractError, match="Do not trust this file"):
        read_contract(write(path, path.read_bytes().replace(b"strop.contract", b"strop.contracT")))


def test_an_artifact_that_is_a_pipe_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.onnx")
    for read in (detect_format, read_contract, sha256_file):
        with pytest.raises(ArtifactError, match=r"m.onnx: a pipe, needed is a regular file"):
            read(tmp_path / "m.onnx")
