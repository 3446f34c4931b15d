"""Reads what a .tflite says beside its graph: strop's contract, or TFLite metadata.

Source: TFLite Task Library's ImageClassifier, which takes the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import ResizeRule
from strop.runtime.artifact.tflite_metadata import read_tflite_labels, read_tflite_metadata
from strop.runtime.errors import ArtifactError, ContractError, SourceError

Numbers = tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """What is known of a model's use without the user's word.

    Attributes:
        mean: Subtracted from the pixels, in 0..255 units; None where nothing says it.
        std: What they are divided by after that; None likewise.
        labels: One per class; empty where nothing names them.
        resize: How images become its input; None where nothing says it.
        crop_fraction: For `crop`; None likewise.
        notes: Where these are from, and what was made of the file, a line each.
    """

    mean: Numbers | None = None
    std: Numbers | None = None
    labels: tuple[str, ...] = ()
    resize: ResizeRule | None = None
    crop_fraction: float | None = None
    notes: tuple[str, ...] = ()


NO_FACTS = FileFacts()


def with_notes(facts: FileFacts, *notes: str) -> FileFacts:
    """Add lines to the notes."""
    return replace(facts, notes=(*facts.notes, *notes))


def facts_of_tflite(path: Path) -> FileFacts:
    """Read the contract of a .tflite that strop wrote, or the TFLite metadata of another.

    Raises:
        SourceError: The contract cannot be read.
    """
    try:
        contract = read_contract(path)
        if contract is None:
            return _of_metadata(path)
    except (ArtifactError, ContractError) as err:
        raise SourceError(str(err)) from err
    return FileFacts(
        mean=contract.mean,
        std=contract.std,
        labels=contract.labels,
        resize=contract.resize,
        crop_fraction=contract.crop_fraction,
        notes=(f"{path}: labels, normalization and resize rule taken from its contract",),
    )


def _of_metadata(path: Path) -> FileFacts:
    try:
        metadata = read_tflite_metadata(path)
    except ContractError as err:
        return FileFacts(notes=(f"{err}; it is not used",))
    if metadata is None:
        return NO_FACTS
    labels, notes = _labels(path, metadata.labels_file)
    taken = [f"resize {ResizeRule.STRETCH.value}"]
    if metadata.mean:
        taken += [f"mean {_listed(metadata.mean)}", f"std {_listed(metadata.std)}"]
    if labels:
        taken.append(f"{len(labels)} labels")
    words = f"{path}: in its TFLite metadata, and used where no flag says else: {', '.join(taken)}"
    return FileFacts(
        mean=metadata.mean or None,
        std=metadata.std or None,
        labels=labels,
        resize=ResizeRule.STRETCH,
        notes=(words, *notes),
    )


def _labels(path: Path, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels, and a note where they cannot be read: flags may give others."""
    if not name:
        return (), ()
    try:
        return read_tflite_labels(path, name), ()
    except ContractError as err:
        return (), (str(err),)


def _listed(values: Numbers) -> str:
    return ",".join(f"{value:.6g}" for value in values)
