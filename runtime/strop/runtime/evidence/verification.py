"""Verifies a folder of evidence: hashes, signatures, and the certified codes on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.golden import golden_beside, read_golden
from strop.runtime.check.judge.certified import MANIFEST, SHOWN
from strop.runtime.classify.classifier import open as open_artifact
from strop.runtime.classify.selftest import selftest
from strop.runtime.errors import ArtifactError, EngineError, MeasurementError, StropError
from strop.runtime.evidence.measured_files import measured_files
from strop.runtime.evidence.named_files import named_files
from strop.runtime.evidence.ssh_signature import (
    SUFFIX,
    Signature,
    Standing,
    signature_beside,
    signature_of,
)

ARTIFACTS = (".tflite", ".onnx")
RECORD = ".json"
NOT_RUN = "not run here"


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedFile:
    """One file of the folder.

    Attributes:
        name: Below the folder.
        vouched_by: Who signed it, or the manifest that names it; empty for nobody.
        key: Of the signature beside the file; empty without one that fits.
        here: Of an artifact, what its golden vectors show on this machine; else empty.
        faults: What is wrong with it; empty if nothing is.
    """

    name: str
    vouched_by: str
    key: str
    here: str
    faults: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What a folder's evidence is worth.

    Attributes:
        files: Those that the manifest names, and those that are signed or are records, by name.
    """

    files: tuple[VerifiedFile, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, each with its file; empty if nothing is."""
        return tuple(f"{each.name}: {fault}" for each in self.files for fault in each.faults)


def verify_folder(
    folder: Path, *, signers: Path | None = None, engine: str | None = None
) -> Verification:
    """Check every file of a bundle.

    Args:
        folder: What strop export wrote; records of bench and check may lie in it too.
        signers: An allowed-signers file: then the manifest has to be signed by one of them, and no
            signature in the folder may be of anybody else. None to see only whether signatures fit.
        engine: That runs the artifacts; None for the first that is installed.

    Raises:
        ContractError: The folder has no manifest that can be read.
        PlanError: The signers cannot be read, or there is no ssh-keygen for a signature.
    """
    hashes = named_files(folder)
    manifest = _manifest(folder, signers)
    voucher = manifest.vouched_by and f"{manifest.vouched_by}, by {MANIFEST}"
    found = [manifest]
    found += [_named(folder, name, hashes, voucher, signers, engine) for name in sorted(hashes)]
    known = {MANIFEST, *hashes}
    found += _beside(folder, known, frozenset(hashes.values()), signers)
    return Verification(files=tuple(found))


def _manifest(folder: Path, signers: Path | None) -> VerifiedFile:
    signature = signature_of(folder / MANIFEST, signers)
    faults = (*_outside(folder, MANIFEST), *_faults(signature))
    if signature is None and signers is not None:
        faults += ("not signed; strop export --sign KEY signs it",)
    return _file(MANIFEST, signature, faults=faults)


def _named(
    folder: Path,
    name: str,
    hashes: Mapping[str, str],
    voucher: str,
    signers: Path | None,
    engine: str | None,
) -> VerifiedFile:
    """Verify a file that the manifest names."""
    path = folder / name
    if outside := _outside(folder, name):
        return _file(name, None, faults=outside)
    try:
        sha256 = sha256_file(path)
    except ArtifactError as err:
        return _file(name, None, faults=(f"cannot be read ({err})",))
    signature = signature_of(path, signers)
    faults, here = _faults(signature), ""
    if sha256 != hashes[name]:
        said = f"SHA-256 {sha256[:SHOWN]} found, {hashes[name][:SHOWN]} there"
        faults += (f"not the file that {MANIFEST} describes ({said}); copy both from one export",)
    elif path.suffix in ARTIFACTS and golden_beside(path).name in hashes:
        here, fault = _codes_here(path, sha256, engine)
        faults += (fault,) if fault else ()
    return _file(name, signature, voucher="" if faults else voucher, here=here, faults=faults)


def _codes_here(path: Path, sha256: str, engine: str | None) -> tuple[str, str]:
    """Answer the golden vectors; say what came of it, and what is wrong."""
    try:
        golden = read_golden(golden_beside(path))
        if sha256 not in golden.kernels:
            return "no golden vectors", ""  # they are of the int8 files
        with open_artifact(path, engine=engine) as classifier:
            tried = selftest(classifier, golden, sha256=sha256)
    except EngineError as err:
        return f"{NOT_RUN}: {err}", ""
    except StropError as err:
        return NOT_RUN, f"cannot be run here ({err})"
    largest = max(tried.differences)
    if tried.is_certified:
        return "certified codes", ""
    if tried.is_passed:
        return (
            f"within {largest} codes, by {tried.kernels} instead of {tried.certified_kernels}",
            "",
        )
    fault = f"golden vectors differ by {largest} codes here, by {tried.bound} when certified"
    return "other codes", fault


def _beside(
    folder: Path, known: set[str], measured: frozenset[str], signers: Path | None
) -> Iterator[VerifiedFile]:
    """Verify what else lies in the folder: records, and files that are signed."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    for name in names:
        if name in known or name.startswith("."):
            continue
        if name.endswith(SUFFIX):
            if name.removesuffix(SUFFIX) not in names:
                yield _file(name, None, faults=("a signature without its file; copy that too",))
            continue
        if outside := _outside(folder, name):
            yield _file(name, None, faults=outside)
            continue
        signature = signature_of(folder / name, signers)
        fault = _record_fault(folder / name, measured) if name.endswith(RECORD) else None
        if signature is None and fault is None:
            continue
        yield _file(name, signature, faults=_faults(signature) + ((fault,) if fault else ()))


def _outside(folder: Path, name: str) -> tuple[str, ...]:
    """Refuse a link out of the folder, of a file or of its signature: it vouches for nothing."""
    whole = folder.resolve()
    for path in (folder / name, signature_beside(folder / name)):
        if not path.resolve().is_relative_to(whole):
            return (f"{path.name} is a link out of the folder; copy the file itself",)
    return ()


def _record_fault(path: Path, files: frozenset[str]) -> str | None:
    """Say what is wrong with a record; empty if nothing is, None if it is no record."""
    try:
        measured = measured_files(path)
    except MeasurementError as err:
        return str(err).removeprefix(f"{path}: ")
    if measured is None:
        return None
    if measured <= files:
        return ""
    other = min(measured - files)[:SHOWN]
    return f"measured a file that {MANIFEST} does not name (SHA-256 {other}); measure these again"


def _faults(signature: Signature | None) -> tuple[str, ...]:
    if signature is None or signature.standing is Standing.GOOD:
        return ()
    if signature.standing is Standing.WRONG:
        return (f"its signature does not fit ({signature.reason}); copy or sign it again",)
    if not signature.reason:
        return ()
    return (f"signed with {signature.key}, and {signature.reason}",)


def _file(
    name: str,
    signature: Signature | None,
    *,
    voucher: str = "",
    here: str = "",
    faults: tuple[str, ...] = (),
) -> VerifiedFile:
    by = signature.signer if signature is not None else ""
    key = signature.key if signature is not None else ""
    return VerifiedFile(name=name, vouched_by=by or voucher, key=key, here=here, faults=faults)
