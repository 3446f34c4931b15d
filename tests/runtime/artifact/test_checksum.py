from __future__ import annotations

import json
import random
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from tests.runtime.tiny_artifacts import onnx_bytes

from strop import cli
from strop.runtime.artifact.artifact import ONNX_CONTRACT_KEY, read_contract, seal_onnx, sha256_file
from strop.runtime.artifact.checksum import CHUNK, Coverage, checksum_text, verify_content
from strop.runtime.artifact.contract import CONTRACT, Contract
from strop.runtime.check.judge.certified import difference_from_manifest
from strop.runtime.errors import ArtifactError, ContractError, StropError

# Than version 1.
LATER = {
    "task",
    "thresholds",
    "checksum",
    "layout",
    "outputs",
    "detection",
    "pad_value",
    "pad_place",
}
LATER |= {"points"}


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def sealed(form: str, tiny_tflite: Path, contract: Contract) -> bytes:
    """A tiny artifact with its checksum."""
    if form == "tflite":
        return tiny_tflite.read_bytes()
    with_zeros = replace(contract, checksum=checksum_text(Coverage.FILE))
    return seal_onnx(onnx_bytes(with_zeros))


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_no_flipped_bit_is_run_in_silence(
    form: str, tiny_tflite: Path, contract: Contract, tmp_path: Path
) -> None:
    content = sealed(form, tiny_tflite, contract)
    # What only the zip behind a .tflite has, strop's own entry aside, is for other tools.
    n_covered = content.index(b"PK\x03\x04") if form == "tflite" else len(content)
    path = tmp_path / f"m.{form}"
    assert read_contract(write(path, content)) == contract
    draw = random.Random(0)
    for at in (*range(0, n_covered, 5 if form == "tflite" else 1), *range(n_covered, len(content))):
        damaged = bytearray(content)
        damaged[at] ^= 1 << draw.randrange(8)
        try:
            found = read_contract(write(path, bytes(damaged)))
        except StropError as err:
            assert len(str(err).splitlines()) == 1  # noqa: PT017  # most of them raise
            continue
        # Without a contract nothing is classified but by the user's own word.
        assert found is None or at >= n_covered, at
        assert found in (None, contract), at


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_changed_content_is_named_with_both_checksums(
    form: str, tiny_tflite: Path, contract: Contract, tmp_path: Path
) -> None:
    content = bytearray(sealed(form, tiny_tflite, contract))
    content[content.index(struct.pack("<f", 1 / 64)) if form == "onnx" else 600] ^= 0x40
    path = write(tmp_path / f"m.{form}", bytes(content))
    with pytest.raises(
        ArtifactError,
        match=r"content is not what was exported \(CRC-32 [0-9a-f]{8} found, [0-9a-f]{8} in its"
        r" contract\): bits have changed; copy or export it again$",
    ):
        read_contract(path)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 3, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_digits_count_as_zeros_wherever_chunks_end(size: int, tmp_path: Path) -> None:
    content = random.Random(size).randbytes(size) + b"01234567" + b"the rest"
    crc32 = zlib.crc32(content.replace(b"01234567", b"00000000"))
    path = write(tmp_path / "m", content)
    checksum = checksum_text(Coverage.FILE, crc32)
    verify_content(path, checksum, Coverage.FILE, size=len(content), digits_at=size)
    with pytest.raises(ArtifactError, match="bits have changed"):
        verify_content(path, checksum, Coverage.FILE, size=len(content))


@pytest.mark.parametrize("checksum", ["weights crc32 00000000", "file sha256 00000000", "file crc"])
def test_a_checksum_of_a_later_strop_is_refused_by_name(checksum: str, tmp_path: Path) -> None:
    path = write(tmp_path / "m", b"x")
    with pytest.raises(ContractError, match=f"checksum is '{checksum}', this strop reads 'file"):
        verify_content(path, checksum, Coverage.FILE, size=1)


def test_only_one_contract_without_a_checksum_is_sealed(contract: Contract) -> None:
    with pytest.raises(ArtifactError, match=r"0 contracts without a checksum in this .onnx"):
        seal_onnx(onnx_bytes(None))


def test_a_contract_of_version_1_is_read_without_a_checksum(
    tmp_path: Path, contract: Contract
) -> None:
    record = json.loads(CONTRACT.dumps(contract))
    record = {name: record[name] for name in record if name not in LATER}
    record |= {"format_version": 1}
    text = json.dumps(record)
    model = onnx.load_from_string(onnx_bytes(None))
    onnx.helper.set_model_props(model, {ONNX_CONTRACT_KEY: text})
    assert read_contract(write(tmp_path / "m.onnx", model.SerializeToString())) == contract
    with pytest.raises(ContractError, match=r"lacks or adds .*checksum"):
        CONTRACT.loads(json.dumps(record | {"format_version": 2}), where="m")


def test_a_file_that_the_manifest_beside_it_does_not_describe_is_named(tmp_path: Path) -> None:
    artifact, manifest = write(tmp_path / "m.onnx", b"content"), tmp_path / "manifest.json"
    assert difference_from_manifest(artifact) == ""
    found = sha256_file(artifact)
    for sha256, other in (("cd" * 32, "m.tflite"), (found, "n.tflite")):
        listed = [{"file": "m.onnx", "sha256": sha256}, {"file": other, "sha256": found}]
        manifest.write_text(json.dumps({"artifacts": listed}))
        said = difference_from_manifest(artifact)
        assert (f"SHA-256 {found[:12]} found, cdcdcdcdcdcd there" in said) is (sha256 != found)
    assert said == difference_from_manifest(tmp_path / "not_described.onnx") == ""


@pytest.mark.parametrize("text", ["", "[" * 9999, "[]", '{"artifacts": 1}', '{"artifacts": [{}]}'])
def test_the_manifest_of_another_program_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert difference_from_manifest(tmp_path / "m.onnx") == ""


@pytest.mark.parametrize("command", ["bench", "check", "evaluate", "inspect", "run"])
def test_every_command_refuses_changed_content(
    command: str,
    tiny_tflite: Path,
    image_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = bytearray(tiny_tflite.read_bytes())
    content[content.index(b"PK\x03\x04") - 1] ^= 1
    path = write(tmp_path / "m.tflite", bytes(content))
    more = {
        "check": ["--baseline", str(tiny_tflite)],
        "evaluate": [str(image_folder)],
        "run": [str(image_folder / "n1" / "a.png")],
    }
    assert cli.main([command, str(path), *more.get(command, [])]) == 2
    assert "bits have changed; copy or export it again" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bench", "check", "evaluate", "inspect", "run"])
def test_every_command_that_hashes_compares_with_the_manifest(
    command: str,
    tiny_tflite: Path,
    image_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write(tmp_path / "m.tflite", tiny_tflite.read_bytes())
    listed = {"artifacts": [{"file": "m.tflite", "sha256": "cd" * 32}]}
    (tmp_path / "manifest.json").write_text(json.dumps(listed))
    more = {
        "bench": ["--runs", "1", "--duration", "0", "--warmup", "0"],
        "check": ["--baseline", str(tmp_path / "none.tflite")],
        "evaluate": [str(image_folder)],
        "run": ["--selftest"],
    }
    cli.main([command, str(path), *more.get(command, [])])
    assert "so its certificate does not hold here; copy both" in capsys.readouterr().err
