"""Lists a folder of images with the truth about each, from its subfolders or a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from strop.runtime.artifact.contract import Task
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.truth_file import read_truth
from strop.runtime.errors import ImageError
from strop.runtime.images.dataset import (
    LabelledImage,
    is_labelled,
    labelled_images,
    list_images,
)

T = TypeVar("T")
BINARY_FOLDERS = 2
UNSORTED_TASKS = (Task.REGRESS, Task.LANDMARKS)  # what is true stands in a table


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownImages:
    """Images with the truth about each, if it is known.

    Attributes:
        paths: The files.
        classes: Class of each by its subfolder; None where subfolders name none.
        targets: Rows of a table, see `read_truth`; None without one.
        labels: Of the contract, or of a BINARY task without any, the names of its subfolders.
    """

    paths: tuple[Path, ...]
    classes: tuple[int, ...] | None
    targets: tuple[tuple[float, ...], ...] | None
    labels: tuple[str, ...]

    @property
    def is_labelled(self) -> bool:
        """Whether it is known what is true."""
        return self.classes is not None or self.targets is not None

    @property
    def images(self) -> tuple[LabelledImage, ...]:
        """The files with their classes."""
        classes = self.classes or (None,) * len(self.paths)
        pairs = zip(self.paths, classes, strict=True)
        return tuple(LabelledImage(path=path, class_index=index) for path, index in pairs)

    def in_order(self, paths: Sequence[Path]) -> KnownImages:
        """The same in the order of `paths`, which are the same files."""
        places = {path: at for at, path in enumerate(self.paths)}
        return self._at([places[path] for path in paths])

    def _at(self, places: Sequence[int]) -> KnownImages:
        return KnownImages(
            paths=tuple(self.paths[i] for i in places),
            classes=None if self.classes is None else tuple(self.classes[i] for i in places),
            targets=None if self.targets is None else tuple(self.targets[i] for i in places),
            labels=self.labels,
        )

    def spread(self, limit: int | None) -> KnownImages:
        """At most `limit` of them, evenly; the first ones would be of the first classes only.

        Raises:
            ImageError: The limit is less than 1.
        """
        if limit is None or limit >= len(self.paths):
            return self
        return self._at(evenly(range(len(self.paths)), limit))


def images_with_truth(
    folder: str | os.PathLike[str],
    table: Path | None,
    *,
    decision: Decision,
    labels: Sequence[str],
) -> KnownImages:
    """List a folder's images, with what is true of them if that is known.

    Subfolders name classes where there are labels and no image lies outside of them. Those of
    a BINARY task need no labels: of two subfolders, in the order of their names, the first has
    the images below the threshold. An image of a MULTILABEL task then has that one label. An
    EMBED task takes subfolders of any names for classes. REGRESS and LANDMARKS tasks have none.

    Args:
        folder: Of the images.
        table: CSV for `read_truth`; it is asked instead of the subfolders.
        decision: What the scores are.
        labels: Of the contract; empty if unknown.

    Raises:
        ImageError: The folder, a subfolder's name or the table cannot be used.
    """
    folder, names = Path(folder), tuple(labels)
    if table is not None and decision.task is Task.EMBED:
        raise ImageError(
            f"{table}: a table of answers, and the answer of an embedding is a vector; sort the"
            " images into one subfolder per class instead"
        )
    if table is not None:
        paths = list_images(folder)
        rows = read_truth(table, folder, paths, decision=decision, labels=names)
        return KnownImages(paths=paths, classes=None, targets=rows, labels=names)
    if decision.task is Task.BINARY and len(names) != decision.names_needed:
        names = _two_subfolders(folder) or names
    if decision.task is Task.EMBED:
        return _by_subfolder(folder)
    if (
        decision.task in UNSORTED_TASKS
        or decision.is_map
        or len(names) != decision.names_needed
        or not is_labelled(folder)
    ):
        return KnownImages(paths=list_images(folder), classes=None, targets=None, labels=names)
    found = labelled_images(folder, names)
    classes = tuple(index for image in found if (index := image.class_index) is not None)
    paths = tuple(image.path for image in found)
    return KnownImages(paths=paths, classes=classes, targets=None, labels=names)


def require_truth(
    found: KnownImages, folder: str | os.PathLike[str], decision: Decision, labels: Sequence[str]
) -> None:
    """Refuse images of which nothing is known to be true.

    Args:
        found: As `images_with_truth` gives them.
        folder: Of the images, for the error.
        decision: What the scores are.
        labels: Of the contract.

    Raises:
        ImageError: Nothing is known.
    """
    if found.is_labelled:
        return
    if decision.task in UNSORTED_TASKS:
        what = "points" if decision.task is Task.LANDMARKS else "numbers"
        what, needed = f"{what} without a truth", "give --truth FILE"
    else:
        is_named = labels or decision.task is Task.EMBED
        what = "images outside of subfolders" if is_named else "an artifact without labels"
        needed = "sort the images into one subfolder per class"
        if decision.task is not Task.EMBED:
            needed += " and give --labels"
        if decision.task is Task.MULTILABEL:
            needed += ", or --truth FILE"
    raise ImageError(
        f"{folder}: {what}, so no answer can be right or wrong; {needed}, or give --against"
        " ARTIFACT"
    )


def evenly(images: Sequence[T], limit: int | None) -> tuple[T, ...]:
    """Choose at most `limit` of the images, spread evenly.

    Raises:
        ImageError: The limit is less than 1.
    """
    if limit is None or limit >= len(images):
        return tuple(images)
    if limit < 1:
        raise ImageError(f"--limit is {limit}; needed is 1 or more")
    return tuple(images[i * len(images) // limit] for i in range(limit))


def _two_subfolders(folder: Path) -> tuple[str, ...]:
    """Return the names of the two subfolders that hold all images; empty if there are not two."""
    names = _subfolders(folder, list_images(folder))
    return names if len(names) == BINARY_FOLDERS else ()


def _by_subfolder(folder: Path) -> KnownImages:
    """List images whose subfolders, in the order of their names, are their classes."""
    paths = list_images(folder)
    names = _subfolders(folder, paths)
    index = {name: number for number, name in enumerate(names)}
    classes = tuple(index[path.relative_to(folder).parts[0]] for path in paths) if names else None
    return KnownImages(paths=paths, classes=classes, targets=None, labels=())


def _subfolders(folder: Path, paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the names of the subfolders that hold all images, in order; empty if some do not."""
    if any(path.parent == folder for path in paths):
        return ()
    return tuple(sorted({path.relative_to(folder).parts[0] for path in paths}))
