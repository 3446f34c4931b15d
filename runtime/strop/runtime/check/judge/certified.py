"""Reads what the manifest beside an artifact certifies, and whether it describes that file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.task_words import POINTS, WORDS
from strop.runtime.errors import ContractError
from strop.runtime.records.json_reader import parse_json, parse_object
from strop.runtime.records.user_files import read_file

MANIFEST = "manifest.json"
# 5 says what proves nothing; before, answers of one score were compared by argmax over it.
MANIFEST_VERSIONS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
FIRST_WITH_TASK = 5
MAX_MANIFEST_BYTES = 16 << 20
SHOWN = 12  # digits of a hash that people need to see that two files differ
REMEDY = (
    "strop export writes it beside its artifacts: copy both; for a file that it did not write leave"
    " out --max-drop, and compare answers with strop evaluate --against"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Certified:
    """The drop from the float model, as shares.

    Attributes:
        drop: As measured on the validation images; through the program that the file is for, where
            that is worse.
        high: Upper end of its 95 % interval.
        images: How many.
        not_certified: Why that proves nothing; empty where it does.
        one_answer_drop: The drop of a file that gives every image the same answer; None where
            the manifest is of an earlier version.
        unit: Of drops, in hundredths; a regression's are no points.
        output: Which of several outputs this is about; empty of an only one.
        beside: The other outputs, each in its own unit.
    """

    drop: float
    high: float
    images: int
    not_certified: str = ""
    one_answer_drop: float | None = None
    unit: str = POINTS
    output: str = ""
    beside: tuple[Certified, ...] = ()


def certified(artifact: Path, sha256: str) -> Certified:
    """Read the certificate from the manifest beside the artifact.

    Args:
        artifact: The file.
        sha256: Its hash, which the manifest has to name.

    Raises:
        ContractError: There is no manifest, or it is damaged, of another version, or about
            another file.
    """
    path = artifact.parent / MANIFEST
    record = _read(path)
    try:
        if record["format_version"] not in MANIFEST_VERSIONS:
            raise ContractError(
                f"{path}: format_version is {record['format_version']!r:.40}, this strop reads"
                f" {', '.join(map(str, MANIFEST_VERSIONS))}; export again"
            )
        names = {each["file"] for each in record["artifacts"] if each["sha256"] == sha256}
        certificate = record["certificate"]
        # Before version 7 no other program was asked, before 9 there was one output.
        outputs = [certificate, *certificate.get("beside", ())]
        first, *others = [_of_output(record, one, names) for one in outputs]
        if first is None:
            raise ContractError(
                f"{path}: certifies no file with the content of {artifact.name}; {REMEDY}"
            )
        return replace(first, beside=tuple(filter(None, others)))
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise ContractError(f"{path}: damaged ({err!r:.200}); {REMEDY}") from err


def _of_output(
    record: Mapping[str, Any], certificate: Mapping[str, Any], names: set[str]
) -> Certified | None:
    """Read what is certified of one output of the file with these names; None where nothing is."""
    every = (*certificate["verdicts"], *certificate.get("through", ()))
    verdicts = [each for each in every if each["artifact"] in names]
    if not verdicts:
        return None
    worst = max(verdicts, key=lambda each: float(each["drop_interval"]["high"]))
    reasons = [_not_certified(record, each) for each in verdicts]
    return Certified(
        drop=float(worst["drop"]),
        high=float(worst["drop_interval"]["high"]),
        images=int(certificate["images"]),
        not_certified=next(filter(None, reasons), ""),
        one_answer_drop=_one_answer_drop(record, certificate),
        # Before version 5 every model was taken for a classifier.
        unit=WORDS[Task(certificate.get("task", Task.CLASSIFY))].unit,
        output=str(certificate.get("output", "")),
    )


def _not_certified(record: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Why a verdict proves nothing; empty where it does."""
    if record["format_version"] >= FIRST_WITH_TASK:
        return str(verdict["not_certified"])
    if record["source"]["classes"] == 1:
        return "an earlier strop took all answers of one score for the same; export again"
    return ""


def _one_answer_drop(record: Mapping[str, Any], certificate: Mapping[str, Any]) -> float | None:
    if record["format_version"] < FIRST_WITH_TASK:
        return None
    return float(certificate["one_answer"]["drop"])


def _read(path: Path) -> Mapping[str, Any]:
    content = read_file(path, max_bytes=MAX_MANIFEST_BYTES, error=ContractError, remedy=REMEDY)
    return parse_object(content, where=str(path), error=ContractError, remedy=REMEDY)


def difference_from_manifest(artifact: Path) -> str:
    """Say whether the manifest beside an artifact describes another file of its name.

    The file is hashed only where a manifest names it.

    Returns:
        One line; empty where there is no manifest of ours, where it does not name the file,
        and where it is the same.

    Raises:
        ArtifactError: The file is missing or unreadable.
    """
    path = artifact.parent / MANIFEST
    described = _hashes(path, artifact.name)
    sha256 = sha256_file(artifact) if described else ""
    if not described or sha256 in described:
        return ""
    return (
        f"{artifact}: not the file that {path} describes (SHA-256 {sha256[:SHOWN]} found,"
        f" {described[0][:SHOWN]} there), so its certificate does not hold here; copy both from one"
        " export"
    )


def _hashes(manifest: Path, name: str) -> list[str]:
    """What the manifest has for files of this name; a manifest of another program has none."""
    try:
        content = read_file(manifest, max_bytes=MAX_MANIFEST_BYTES, error=ContractError, remedy="")
        record: Any = parse_json(content, where=name, error=ContractError, remedy="")
        return [str(each["sha256"]) for each in record["artifacts"] if each["file"] == name]
    except (ContractError, LookupError, TypeError):
        return []
