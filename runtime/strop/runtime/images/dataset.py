"""Lists a folder of images with their classes, and reads their pixels in order."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import MAX_CLASSES, Contract
from strop.runtime.errors import ContractError, ImageError
from strop.runtime.images.load import SUFFIXES, load_image
from strop.runtime.records.user_files import read_file

MAX_LABELS_BYTES = 16 << 20  # a million labels; more is another file
MAX_NAMED = 5  # names that an error lists
DECODERS = min(4, os.cpu_count() or 1)  # threads; Pillow releases the GIL while it decodes
DECODED_AHEAD = 4 * DECODERS  # images; a few MB, whatever the folder's size


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledImage:
    """An image and what it shows.

    Attributes:
        path: The file.
        class_index: Position in the labels; None if unknown.
    """

    path: Path
    class_index: int | None


def list_images(folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Every image file below the folder, in the same order on every machine.

    Files are taken by suffix (SUFFIXES, any case) and sorted by their path within the
    folder; hidden files and folders are left out.

    Raises:
        ImageError: The folder is missing, not a folder, unreadable, or has no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "no such folder"
        raise ImageError(f"{folder}: {found}; needed is a folder of images")
    images: list[Path] = []
    others: Counter[str] = Counter()

    def refuse(err: OSError) -> None:
        raise ImageError(f"{err.filename}: {err.strerror}; needed is a readable folder") from err

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(parent, name)
            if name.startswith("."):
                continue
            if path.suffix.lower() in SUFFIXES:
                images.append(path)
            else:
                others[path.suffix.lower() or "no suffix"] += 1
    if not images:
        raise ImageError(no_images(folder, others))
    return tuple(sorted(images, key=lambda path: path.relative_to(folder).as_posix()))


def no_images(folder: str | os.PathLike[str], others: Counter[str]) -> str:
    """The text that says what is in a folder without images, and what is needed.

    Args:
        folder: Where nothing was found.
        others: How many files there are of each suffix.
    """
    by_count = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    kinds = ", ".join(f"{n} {suffix}" for suffix, n in by_count[:MAX_NAMED])
    return (
        f"{os.fspath(folder)}: no images, but {kinds or 'nothing at all'}; needed are files named"
        f" {', '.join(SUFFIXES)}"
    )


def is_labelled(folder: str | os.PathLike[str]) -> bool:
    """Whether all the folder's images lie in subfolders, which then name their classes.

    Raises:
        ImageError: As `list_images`.
    """
    folder = Path(folder)
    return all(path.parent != folder for path in list_images(folder))


def labelled_images(
    folder: str | os.PathLike[str], labels: Sequence[str]
) -> tuple[LabelledImage, ...]:
    """The folder's images, each with the class that its subfolder names.

    A subfolder's name is a label, or else a label's first word ("n01440764" for
    "n01440764 tench"). Classes may be absent.

    Args:
        folder: One subfolder a class; images may lie deeper in it.
        labels: One per class, in the order of the scores.

    Raises:
        ImageError: No images, an image outside the subfolders, or a subfolder that names
            no label or several.
    """
    folder = Path(folder)
    paths = list_images(folder)
    outside = [path for path in paths if path.parent == folder]
    if outside:
        raise ImageError(
            f"{folder}: {len(outside)} images lie in no subfolder, for one {outside[0].name};"
            " needed is one subfolder per class"
        )
    classes = {path: path.relative_to(folder).parts[0] for path in paths}
    indices = _class_indices(sorted(set(classes.values())), labels, folder=folder)
    return tuple(LabelledImage(path=path, class_index=indices[classes[path]]) for path in paths)


def read_labels(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The labels in a UTF-8 text file, one per line.

    A label may repeat: ImageNet's own names have two cranes and two maillots. Only a folder's
    name that such a label makes ambiguous is refused, by `labelled_images`.

    Raises:
        ContractError: Missing, above MAX_LABELS_BYTES, not UTF-8, no label, or a blank line
            between labels.
    """
    path = Path(path)
    content = read_file(
        path,
        max_bytes=MAX_LABELS_BYTES,
        error=ContractError,
        remedy="needed is a file of labels, one a line",
    )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise ContractError(f"{path}: not UTF-8 ({err}); save it as UTF-8 text") from err
    labels = tuple(line.strip() for line in text.rstrip().splitlines())
    _check_labels(labels, where=path)
    return labels


def pixels_in_order(paths: Iterable[Path], contract: Contract) -> Iterator[NDArray[np.uint8]]:
    """Each image's pixels, decoded a few images ahead in DECODERS threads.

    Args:
        paths: Image files; as many as there are, memory stays flat.
        contract: Gives size, channels and resize rule.

    Yields:
        uint8 [height, width, channels], in the order of `paths`.

    Raises:
        ImageError: At the first image that cannot be used; the images before it have
            been yielded.
    """
    remaining = iter(paths)
    executor = ThreadPoolExecutor(DECODERS, thread_name_prefix="strop-decode")
    try:
        pending: deque[Future[NDArray[np.uint8]]] = deque(
            executor.submit(load_image, path, contract) for path in islice(remaining, DECODED_AHEAD)
        )
        while pending:
            pixels = pending.popleft().result()
            pending.extend(
                executor.submit(load_image, path, contract) for path in islice(remaining, 1)
            )
            yield pixels
    finally:
        executor.shutdown(cancel_futures=True)


def batches(
    paths: Iterable[Path], contract: Contract, *, batch_size: int
) -> Iterator[NDArray[np.uint8]]:
    """The images' pixels in batches, as `pixels_in_order` decodes them.

    Yields:
        uint8 [N, height, width, channels]; N is batch_size, less for the last.

    Raises:
        ImageError: An image cannot be used, or batch_size is below 1.
    """
    if batch_size < 1:
        raise ImageError(f"batch_size is {batch_size}; needed is 1 or more")
    images = pixels_in_order(paths, contract)
    while batch := tuple(islice(images, batch_size)):
        yield np.stack(batch)


def _class_indices(names: Sequence[str], labels: Sequence[str], *, folder: Path) -> dict[str, int]:
    exact: dict[str, list[int]] = {}
    by_first_word: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        exact.setdefault(label, []).append(index)
        by_first_word.setdefault((label.split() or [""])[0], []).append(index)
    found = {name: exact.get(name) or by_first_word.get(name, []) for name in names}
    unknown = [name for name in names if not found[name]]
    ambiguous = [name for name in names if len(found[name]) > 1]
    for wrong, what in ((unknown, "name no label"), (ambiguous, "name more than one label")):
        if wrong:
            raise ImageError(
                f"{folder}: {len(wrong)} of {len(names)} subfolders {what}: {_few(wrong)}; the"
                f" {len(labels)} labels are {_few(labels)}. A subfolder is named like a label, or"
                " like a label's first word"
            )
    return {name: indices[0] for name, indices in found.items()}


def _few(names: Sequence[str]) -> str:
    rest = ", ..." if len(names) > MAX_NAMED else ""
    return (", ".join(map(repr, names[:MAX_NAMED])) or "none") + rest


def _check_labels(labels: Sequence[str], *, where: Path) -> None:
    if not labels or len(labels) > MAX_CLASSES:
        raise ContractError(f"{where}: {len(labels)} labels; needed are 1 to {MAX_CLASSES}")
    if "" in labels:
        raise ContractError(
            f"{where}: line {labels.index('') + 1} is blank; needed is one label a line, in the"
            " order of the model's outputs"
        )
