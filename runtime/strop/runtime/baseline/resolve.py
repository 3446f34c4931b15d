"""What `--baseline` names: a file, or what a baseline directory says is the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strop.runtime.baseline.directory import SHORT_DIGITS, BaselineDirectory
from strop.runtime.baseline.index import Index, Promotion, require_name
from strop.runtime.errors import BaselineError

SEPARATOR = "#"  # DIR#name


@dataclass(frozen=True, kw_only=True, slots=True)
class Promoted:
    """The baseline of one model in a directory.

    Attributes:
        directory: Where.
        promotion: What and why.
        artifact: The file, its hash verified; None where only its sessions are there.
    """

    directory: BaselineDirectory
    promotion: Promotion
    artifact: Path | None


def promoted_of(given: Path) -> Promoted | None:
    """The promoted artifact where `given` is DIR or DIR#name; None where it is a file, or nothing.

    Args:
        given: As on the command line.

    Raises:
        BaselineError: The directory has no such baseline, or not with its promoted content.
        PlanError: The name cannot be a model's.
    """
    folder, name = _split(given)
    if folder is None:
        return None
    directory = BaselineDirectory(folder)
    promotion = _promotion(directory.index(), name, where=folder)
    return Promoted(
        directory=directory,
        promotion=promotion,
        artifact=directory.artifact(promotion.sha256),
    )


def baseline_file(given: Path) -> Path:
    """The artifact to compare with.

    Args:
        given: A file, DIR or DIR#name.

    Raises:
        BaselineError: The directory has no such baseline, or not its file.
        PlanError: The name cannot be a model's.
    """
    promoted = promoted_of(given)
    if promoted is None:
        return given
    if promoted.artifact is None:
        short = promoted.promotion.sha256[:SHORT_DIGITS]
        raise BaselineError(
            f"{promoted.directory.path}: the file of {promoted.promotion.model} ({short}...) is not"
            " there; fetch it (git lfs pull), record it again, or compare with its numbers by"
            " --mode stored"
        )
    return promoted.artifact


def _split(given: Path) -> tuple[Path | None, str | None]:
    """The directory and the name in it; both None if `given` is not a directory."""
    if given.is_dir():
        return given, None
    folder, hash_sign, name = str(given).rpartition(SEPARATOR)
    if given.exists() or not hash_sign or not Path(folder).is_dir():
        return None, None
    require_name(name)
    return Path(folder), name


def _promotion(index: Index, name: str | None, *, where: Path) -> Promotion:
    names = [each.model for each in index.models]
    found = index.of(name) if name is not None else None
    if name is None and len(names) == 1:
        found = index.models[0]
    if found is None:
        asked = "which model is not said" if name is None else f"no baseline of {name!r}"
        raise BaselineError(
            f"{where}: {asked}; promoted are: {', '.join(names) or 'none'}. Give"
            f" {where}{SEPARATOR}NAME, or promote one (strop baseline promote)"
        )
    return found
