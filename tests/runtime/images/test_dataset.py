from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from strop.runtime.artifact.contract import Contract
from strop.runtime.errors import ContractError, ImageError
from strop.runtime.images import dataset
from strop.runtime.images.dataset import (
    DECODED_AHEAD,
    MAX_LABELS_BYTES,
    LabelledImage,
    batches,
    is_labelled,
    labelled_images,
    list_images,
    pixels_in_order,
    read_labels,
)

CONTRACT = Contract(height=4, width=4)


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_images_are_listed_by_suffix_in_order_of_their_path(tmp_path: Path) -> None:
    names = ("b/2.PNG", "a.jpg", "b/1.jpeg", "b/c/3.webp", "B.bmp", ".hidden.jpg", ".git/x.jpg")
    folder_of(tmp_path, *names, "notes.txt")
    found = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["B.bmp", "a.jpg", "b/1.jpeg", "b/2.PNG", "b/c/3.webp"]


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such folder; needed is a folder of images"):
        list_images(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="a file; needed is a folder of images"):
        list_images(tmp_path / "file")


def test_an_empty_folder_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no images, but nothing at all; needed are files named"):
        list_images(tmp_path)
    folder_of(tmp_path, "a.txt", "b.txt", "c.gif", "README")
    with pytest.raises(ImageError, match=r"no images, but 2 .txt, 1 .gif, 1 no suffix"):
        list_images(tmp_path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every folder")
def test_an_unreadable_folder_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "b").chmod(0)
    with pytest.raises(ImageError, match="needed is a readable folder"):
        list_images(tmp_path)


def test_a_subfolder_is_named_like_a_label_or_its_first_word(tmp_path: Path) -> None:
    folder_of(tmp_path, "n01/x.jpg", "tench/deeper/y.jpg")
    labels = ("tench", "n01 goldfish", "absent")
    assert labelled_images(tmp_path, labels) == (
        LabelledImage(path=tmp_path / "n01/x.jpg", class_index=1),
        LabelledImage(path=tmp_path / "tench/deeper/y.jpg", class_index=0),
    )


def test_an_exact_label_goes_before_a_first_word(tmp_path: Path) -> None:
    folder_of(tmp_path, "cat/x.jpg")
    assert labelled_images(tmp_path, ("cat fish", "cat"))[0].class_index == 1


def test_subfolders_that_name_no_label_are_listed_up_to_five(tmp_path: Path) -> None:
    folder_of(tmp_path, *(f"k{i}/x.jpg" for i in range(7)))
    with pytest.raises(ImageError, match=r"7 of 7 subfolders name no label: 'k0', .*'k4', \.\.\.;"):
        labelled_images(tmp_path, ("cat", "dog"))
    with pytest.raises(ImageError, match=r"the 2 labels are 'cat', 'dog'. A subfolder is named"):
        labelled_images(tmp_path, ("cat", "dog"))


def test_a_subfolder_that_names_two_labels_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "crane/x.jpg")
    with pytest.raises(ImageError, match="1 of 1 subfolders name more than one label: 'crane'"):
        labelled_images(tmp_path, ("crane bird", "crane machine"))


def test_images_beside_the_subfolders_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "cat/x.jpg", "y.jpg")
    assert not is_labelled(tmp_path)
    with pytest.raises(ImageError, match=r"for one y.jpg; needed is one subfolder per class"):
        labelled_images(tmp_path, ("cat",))
    (tmp_path / "y.jpg").unlink()
    assert is_labelled(tmp_path)


def test_labels_are_read_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffcat\r\nsea lion \nÄffchen\n\n\n".encode())
    assert read_labels(path) == ("cat", "sea lion", "Äffchen")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "0 labels; needed are 1 to"),
        (b"cat\n\ndog\n", "line 2 is blank; needed is one label a line"),
        (b"\xff\xfe\x00", "not UTF-8 .*; save it as UTF-8 text"),
        (b"x" * (MAX_LABELS_BYTES + 1), "needed is a file of labels, one a line"),
    ],
)
def test_other_labels_are_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(ContractError, match=complaint):
        read_labels(path)


def test_a_label_may_repeat_and_only_its_own_folder_is_refused(tmp_path: Path) -> None:
    """ImageNet's own names have two cranes, a bird and a machine, and two maillots."""
    names = tmp_path / "labels.txt"
    names.write_text("crane\nmaillot\ntench\ncrane\nmaillot\n")
    labels = read_labels(names)
    assert labels == ("crane", "maillot", "tench", "crane", "maillot")
    folder_of(tmp_path / "photos", "tench/x.jpg")
    assert labelled_images(tmp_path / "photos", labels)[0].class_index == 2
    folder_of(tmp_path / "photos", "crane/x.jpg")
    with pytest.raises(ImageError, match="1 of 2 subfolders name more than one label: 'crane'"):
        labelled_images(tmp_path / "photos", labels)


def test_a_missing_labels_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"none.txt: .*needed is a file of labels"):
        read_labels(tmp_path / "none.txt")


def images(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{i:03}.png" for i in range(count)]
    for i, path in enumerate(paths):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(path)
    return paths


def test_batches_keep_the_order_and_the_last_is_short(tmp_path: Path) -> None:
    found = list(batches(images(tmp_path, 21), CONTRACT, batch_size=8))
    assert [batch.shape for batch in found] == [(8, 4, 4, 3), (8, 4, 4, 3), (5, 4, 4, 3)]
    assert np.concatenate(found)[:, 0, 0, 0].tolist() == list(range(21))


def test_a_batch_size_below_one_is_refused() -> None:
    with pytest.raises(ImageError, match="batch_size is 0; needed is 1 or more"):
        next(batches([], CONTRACT, batch_size=0))


def test_no_more_is_decoded_than_a_few_images_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = 0
    lock = threading.Lock()

    def count(path: Path, contract: Contract) -> object:
        nonlocal started
        with lock:
            started += 1
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(dataset, "load_image", count)
    stream = pixels_in_order([tmp_path] * 50_000, CONTRACT)
    for _ in range(10):
        next(stream)
    assert started <= 10 + DECODED_AHEAD
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert started <= 10 + DECODED_AHEAD


def test_one_corrupt_jpeg_among_good_ones_is_named_after_the_good_ones_before_it(
    tmp_path: Path,
) -> None:
    paths = images(tmp_path, 5)
    corrupt = tmp_path / "corrupt.jpg"
    Image.new("RGB", (64, 64), (9, 9, 9)).save(corrupt)
    corrupt.write_bytes(corrupt.read_bytes()[:300])
    stream = pixels_in_order([*paths[:3], corrupt, *paths[3:]], CONTRACT)
    assert [int(next(stream)[0, 0, 0]) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ImageError, match=r"corrupt.jpg: .*remove it"):
        next(stream)
