from __future__ import annotations

import io
import os
from itertools import islice
from pathlib import Path

import pytest

from strop.runtime.images.dataset import list_images
from strop.runtime.images.find import (
    Unusable,
    find_images,
    match_files,
    names_many,
    walk_images,
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Names whose order by folder and by whole path differ, and names to be left out."""
    for name in (
        *("b/2.png", "b/1.JPG", "b.png", "b-c/1.webp", "a/x/y/1.bmp", "a/1.jpeg", "z.jpg"),
        *(".hidden.jpg", ".cache/1.jpg", "a/notes.txt", "a/x/none"),
    ):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return Path("tree")


def reason(found: object) -> str:
    assert isinstance(found, Unusable)
    return found.reason


def test_a_folder_is_walked_in_the_order_of_list_images(tree: Path) -> None:
    expected = [str(path) for path in list_images(tree)]
    assert len(expected) == 7
    assert list(walk_images("tree")) == expected
    assert list(walk_images("tree/")) == expected


def test_a_folder_is_read_only_when_its_turn_comes(tree: Path) -> None:
    walked = walk_images("tree")
    assert list(islice(walked, 2)) == ["tree/a/1.jpeg", "tree/a/x/y/1.bmp"]
    (tree / "b" / "3.png").touch()
    assert "tree/b/3.png" in list(walked)


def test_linked_folders_are_not_entered_and_linked_files_are_taken(tree: Path) -> None:
    (tree / "a" / "loop").symlink_to(tree.resolve())
    (tree / "a" / "loop.jpg").symlink_to(tree.resolve())
    (tree / "a" / "itself.jpg").symlink_to("itself.jpg")
    (tree / "a" / "link.png").symlink_to(tree.resolve() / "z.jpg")
    (tree / "a" / "nowhere.png").symlink_to("none.png")
    found = list(walk_images("tree/a"))
    assert found == [
        *("tree/a/1.jpeg", "tree/a/itself.jpg", "tree/a/link.png", "tree/a/nowhere.png"),
        "tree/a/x/y/1.bmp",
    ]


def test_a_pipe_that_is_named_like_an_image_is_left_out(tree: Path) -> None:
    os.mkfifo(tree / "b" / "pipe.jpg")
    assert list(walk_images("tree/b")) == ["tree/b/1.JPG", "tree/b/2.png"]
    (matched,) = match_files("tree/b/*.jpg")
    assert "no file matches" in reason(matched)


def test_a_folder_without_images_says_what_is_in_it(tree: Path) -> None:
    (tree / "e").mkdir()
    assert reason(next(walk_images("tree/e"))) == (
        "tree/e: no images, but nothing at all; needed are files named .jpg, .jpeg, .png, .bmp,"
        " .webp"
    )
    (tree / "e" / "a.gif").touch()
    assert "no images, but 1 .gif; needed are files named" in reason(next(walk_images("tree/e")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_is_closed_is_named_and_the_walk_goes_on(tree: Path) -> None:
    (tree / "b").chmod(0)
    try:
        walked, matched = list(walk_images("tree")), list(match_files("tree/**/*.*"))
    finally:
        (tree / "b").chmod(0o755)
    for found in walked, matched:
        assert [reason(each) for each in found if isinstance(each, Unusable)] == [
            "tree/b/: Permission denied; needed is a readable folder"
        ]
        assert "tree/z.jpg" in found


def test_a_folder_that_vanishes_is_named_and_the_walk_goes_on(tree: Path) -> None:
    walked = walk_images("tree")
    next(walked)
    (tree / "b" / "1.JPG").unlink()
    (tree / "b" / "2.png").unlink()
    (tree / "b").rmdir()
    found = list(walked)
    named = [reason(each) for each in found if isinstance(each, Unusable)]
    assert named == ["tree/b/: No such file or directory; needed is a readable folder"]
    assert found[-1] == "tree/z.jpg"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("tree/*", ["tree/b.png", "tree/z.jpg"]),
        ("tree/?.jpg", ["tree/z.jpg"]),
        ("tree/b/[0-9].*", ["tree/b/1.JPG", "tree/b/2.png"]),
        ("tree/*/1.*", ["tree/a/1.jpeg", "tree/b/1.JPG", "tree/b-c/1.webp"]),
        ("tree/**/1.*p", ["tree/a/x/y/1.bmp", "tree/b-c/1.webp"]),
        ("tree/a/**", ["tree/a/1.jpeg", "tree/a/notes.txt", "tree/a/x/none", "tree/a/x/y/1.bmp"]),
        ("tree/a/**/**/*.bmp", ["tree/a/x/y/1.bmp"]),
        ("**/y/1.bmp", ["tree/a/x/y/1.bmp"]),
        ("tree/.*", ["tree/.hidden.jpg"]),
        ("tree/../tree/z.*", ["tree/../tree/z.jpg"]),
    ],
)
def test_a_pattern_means_what_it_means_in_a_shell(
    tree: Path, pattern: str, expected: list[str]
) -> None:
    assert sorted(map(str, match_files(pattern))) == sorted(expected)


def test_an_absolute_pattern_gives_absolute_paths(tree: Path) -> None:
    folder = tree.resolve()
    assert list(match_files(f"{folder}/b*/1.*")) == [f"{folder}/b/1.JPG", f"{folder}/b-c/1.webp"]


def test_any_depth_does_not_follow_links_to_folders(tree: Path) -> None:
    (tree / "b" / "loop").symlink_to(tree.resolve())
    assert list(match_files("tree/b/**/*.png")) == ["tree/b/2.png"]


def test_a_pattern_without_a_match_is_named(tree: Path) -> None:
    (found,) = match_files("tree/*.gif")
    assert reason(found) == (
        "tree/*.gif: no file matches; needed is a pattern of files, such as 'photos/**/*.jpg'"
    )


def test_a_line_without_an_end_is_not_kept_in_memory() -> None:
    found = list(find_images(["-"], stdin=io.BytesIO(b"a.jpg\n" + bytes(1 << 20))))
    assert found[0] == "a.jpg"
    assert reason(found[1]).startswith("standard input: a line of 65536 bytes or more;")
    assert len(found) == 2


def test_standard_input_gives_its_lines_unchanged() -> None:
    lines = io.BytesIO(b"./a.jpg\r\n\nb c.jpg\n\xff.jpg\nlast.jpg")
    found = list(find_images(["-"], stdin=lines))
    assert found == ["./a.jpg", "b c.jpg", os.fsdecode(b"\xff.jpg"), "last.jpg"]


def test_standard_input_without_a_path_is_named() -> None:
    (found,) = find_images(["-"], stdin=io.BytesIO(b"\n"))
    assert reason(found) == "standard input: no path; needed is one path of an image a line"


def test_arguments_are_taken_in_their_order(tree: Path) -> None:
    arguments = ["none.jpg", "tree/b", "-", "tree/z*"]
    assert list(find_images(arguments, stdin=io.BytesIO(b"1.jpg\n"))) == [
        *("none.jpg", "tree/b/1.JPG", "tree/b/2.png", "1.jpg", "tree/z.jpg")
    ]


def test_a_file_that_looks_like_a_pattern_is_a_file(tree: Path) -> None:
    assert names_many("tree/[a].jpg")
    (tree / "[a].jpg").touch()
    assert not names_many("tree/[a].jpg")
    assert list(find_images(["tree/[a].jpg"], stdin=io.BytesIO())) == ["tree/[a].jpg"]


def test_files_and_missing_names_are_one_image_each(tree: Path) -> None:
    assert [
        names_many(each) for each in ("tree", "-", "tree/z.jpg", "none.jpg", "", "x" * 9999)
    ] == [True, True, False, False, False, False]
