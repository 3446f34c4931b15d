"""A folder of evidence: what holds, and what is refused by name."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.bench_records import record_maker
from tests.runtime.evidence.keys import make_keys
from tests.runtime.tiny_artifacts import onnx_bytes

from strop import cli
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Contract
from strop.runtime.artifact.golden import Golden
from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.classify.classifier import open as open_artifact
from strop.runtime.errors import ContractError, OutputError, PlanError
from strop.runtime.evidence.ssh_signature import Standing, require_key, sign, signature_of
from strop.runtime.evidence.verification import verify_folder

STEP = 1 / 256


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory, contract: Contract, keys: Path) -> Path:
    """An artifact, its golden vectors, and a manifest that alice has signed."""
    folder = tmp_path_factory.mktemp("export")
    artifact = folder / "tiny.int8.onnx"
    artifact.write_bytes(onnx_bytes(contract))
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    with open_artifact(artifact) as classifier:
        scores = np.stack([classifier.scores(image) for image in images])
        kernels = classifier.facts.kernels
    golden = Golden(
        images=images,
        codes=np.rint(scores / STEP).astype(np.int16),
        steps=(STEP,),
        bound=0,
        kernels={sha256_file(artifact): kernels},
        strop_version="0.1.0",
    )
    (folder / "tiny.golden.npz").write_bytes(golden.to_bytes())
    write_manifest(folder, ["tiny.int8.onnx"], golden="tiny.golden.npz")
    sign(folder / "manifest.json", keys / "alice")
    return folder


def write_manifest(folder: Path, names: list[str], *, golden: str, version: int = 9) -> None:
    listed = [{"file": name, "sha256": sha256_file(folder / name)} for name in (*names, golden)]
    record = {
        "format_version": version,
        "artifacts": listed[:-1],
        "golden": listed[-1],
        "consumer": None,
    }
    (folder / "manifest.json").write_text(json.dumps(record))


@pytest.fixture
def copied(export: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(export, tmp_path / "copied"))


def test_a_signed_export_is_vouched_for_and_gives_its_codes(export: Path, keys: Path) -> None:
    found = verify_folder(export, signers=keys / "signers")
    assert found.faults == ()
    said = {each.name: (each.vouched_by, each.here) for each in found.files}
    by_manifest = "alice@example.org, by manifest.json"
    assert said == {
        "manifest.json": ("alice@example.org", ""),
        "tiny.golden.npz": (by_manifest, ""),
        "tiny.int8.onnx": (by_manifest, "certified codes"),
    }


def test_without_signers_a_signature_only_has_to_fit(export: Path) -> None:
    found = verify_folder(export)
    assert found.faults == ()
    assert {each.vouched_by for each in found.files} == {""}
    assert found.files[0].key.startswith("ED25519 SHA256:")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def edit_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text() + " ")


def unsign(folder: Path) -> None:
    (folder / "manifest.json.sig").unlink()


def break_signature(folder: Path) -> None:
    (folder / "manifest.json.sig").write_text("-----BEGIN SSH SIGNATURE-----\nAAAA\n")


def remove(folder: Path) -> None:
    (folder / "tiny.int8.onnx").unlink()


def other_measurement(folder: Path) -> None:
    record = record_maker(folder / "board")(30.0)
    BENCH_RECORD.write(record, folder / "bench.json")


def old_record(folder: Path) -> None:
    other_measurement(folder)
    path = folder / "bench.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 1}))


def lonely_signature(folder: Path) -> None:
    shutil.copy(folder / "manifest.json.sig", folder / "gone.json.sig")


def outside(folder: Path, name: str) -> None:
    """Put a link to the same content elsewhere in the place of a file."""
    elsewhere = folder.parent / name
    (folder / name).replace(elsewhere)
    (folder / name).symlink_to(elsewhere)


def link_beside(folder: Path) -> None:
    (folder / "passwd.json").symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: outside(folder, "tiny.int8.onnx"), "tiny.int8.onnx: tiny.int8.onnx is a l"),
        (lambda folder: outside(folder, "manifest.json"), "manifest.json: manifest.json is a link"),
        (
            lambda folder: outside(folder, "manifest.json.sig"),
            "manifest.json: manifest.json.sig is a link out of the folder; copy the file itself",
        ),
        (link_beside, "passwd.json: passwd.json is a link out of the folder"),
        (lambda folder: flip(folder / "tiny.int8.onnx"), "tiny.int8.onnx: not the file that"),
        (lambda folder: flip(folder / "tiny.golden.npz"), "tiny.golden.npz: not the file that"),
        (edit_manifest, "manifest.json: its signature does not fit (Signature verification"),
        (break_signature, "manifest.json: its signature does not fit (Couldn't parse"),
        (unsign, "manifest.json: not signed; strop export --sign KEY signs it"),
        (remove, "tiny.int8.onnx: cannot be read ("),
        (other_measurement, "bench.json: measured a file that manifest.json does not name"),
        (old_record, "bench.json: format_version is 1, this strop reads 2, "),
        (lonely_signature, "gone.json.sig: a signature without its file"),
    ],
)
def test_what_does_not_hold_is_named_in_one_line(
    change: Callable[[Path], None], said: str, copied: Path, keys: Path
) -> None:
    change(copied)
    found = verify_folder(copied, signers=keys / "signers")
    assert [fault for fault in found.faults if fault.startswith(said)], found.faults
    assert not [fault for fault in found.faults if "\n" in fault]


def test_other_codes_are_a_fault_however_well_they_are_signed(copied: Path, keys: Path) -> None:
    artifact = copied / "tiny.int8.onnx"
    golden = copied / "tiny.golden.npz"
    arrays = dict(np.load(golden))
    arrays["codes"] = arrays["codes"] + np.int16(3)
    np.savez(golden, **arrays)
    write_manifest(copied, [artifact.name], golden=golden.name)
    sign(copied / "manifest.json", keys / "alice")
    (fault,) = verify_folder(copied, signers=keys / "signers").faults
    assert fault == f"{artifact.name}: golden vectors differ by 3 codes here, by 0 when certified"


@pytest.mark.parametrize(
    ("key", "signers", "said"),
    [
        ("mallory", "signers", "signers does not list it"),
        ("alice", "late", "key has expired"),
    ],
)
def test_a_key_that_may_not_sign_is_named(
    key: str, signers: str, said: str, copied: Path, keys: Path
) -> None:
    sign(copied / "manifest.json", keys / key)
    (fault,) = verify_folder(copied, signers=keys / signers).faults
    assert fault.startswith("manifest.json: signed with ED25519 SHA256:")
    assert said in fault
    found = signature_of(copied / "manifest.json", keys / signers)
    assert found is not None
    assert found.standing is Standing.UNKNOWN


@pytest.mark.parametrize("name", ["../keys", "/etc/passwd", "a/../../b", "", "a\\b", "\0"])
def test_a_manifest_names_no_file_outside_of_its_folder(name: str, tmp_path: Path) -> None:
    record = {"format_version": 9, "artifacts": [{"file": name, "sha256": "ab"}]}
    (tmp_path / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(ContractError, match="no file below its folder"):
        verify_folder(tmp_path)


def test_an_old_manifest_is_refused_by_its_version(copied: Path) -> None:
    write_manifest(copied, ["tiny.int8.onnx"], golden="tiny.golden.npz", version=1)
    with pytest.raises(
        ContractError, match=r"manifest\.json: format_version is 1, this strop reads"
    ):
        verify_folder(copied)


def test_a_signature_for_another_purpose_does_not_count(copied: Path, keys: Path) -> None:
    manifest = copied / "manifest.json"
    (copied / "manifest.json.sig").unlink()
    command = ["ssh-keygen", "-Y", "sign", "-q", "-n", "git", "-f", str(keys / "alice")]
    subprocess.run([*command, str(manifest)], check=True)
    (fault,) = verify_folder(copied, signers=keys / "signers").faults
    assert "its signature does not fit (Couldn't verify signature: namespace does not" in fault


def test_a_file_that_lists_no_signers_is_refused_by_its_own_name(
    copied: Path, keys: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad").write_text("no such file\n")
    with pytest.raises(PlanError, match=r"bad:1: invalid key; needed is an allowed-signers file"):
        verify_folder(copied, signers=tmp_path / "bad")


def test_what_cannot_sign_is_refused_before_the_work(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PlanError, match="--sign takes a private SSH key"):
        require_key(tmp_path / "none")
    junk = tmp_path / "junk"
    junk.write_text("no key")
    junk.chmod(0o600)
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(PlanError, match="junk: no SSH key; --sign takes a private SSH key"):
        require_key(junk)
    shared = Path(shutil.copy(keys / "alice", tmp_path / "shared"))
    shared.chmod(0o640)
    with pytest.raises(
        PlanError, match=r"may read this private key \(mode 640\).*; run: chmod 600"
    ):
        require_key(shared)
    require_key(keys / "alice.pub")
    with pytest.raises(OutputError, match=r"not signed .*; give --sign a private SSH key"):
        sign(tmp_path / "record.json", junk)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlanError, match="ssh-keygen: not installed"):
        require_key(keys / "alice")


def test_the_command_says_who_vouches_and_ends_with_1_where_something_is_wrong(
    copied: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["verify", str(copied), "--signers", str(keys / "signers")]
    assert cli.main(command) == 0
    assert "tiny.int8.onnx   alice@example.org, by manifest.json" in capsys.readouterr().out
    flip(copied / "tiny.int8.onnx")
    assert cli.main([*command, "--json"]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["is_verified"] is False
    assert [each["vouched_by"] for each in found["files"] if each["faults"]] == [""]
    assert captured.err.startswith("error: tiny.int8.onnx: not the file that manifest.json")
