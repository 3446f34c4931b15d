"""Only regular files are opened, nothing waits for a pipe, and files are written whole."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from strop.runtime.errors import OutputError, RecordError
from strop.runtime.records.user_files import read_file, require_file, require_writable, write_whole


def read(path: Path | str, max_bytes: int = 100) -> bytes:
    return read_file(path, max_bytes=max_bytes, error=RecordError, remedy="give a record")


def test_a_file_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read(tmp_path / "b", max_bytes=7) == b"content"
    with pytest.raises(RecordError, match=r"b: more than 6 bytes; give a record"):
        read(tmp_path / "b", max_bytes=6)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(tmp_path / "socket"))
    cases: dict[Path | str, str] = {
        tmp_path / "pipe": "a pipe, needed is a regular file; give a record",
        tmp_path / "socket": "a socket, needed is",
        tmp_path: "a folder, needed is",
        Path("/dev/zero"): "/dev/zero: a device, needed is",
        tmp_path / "none": "none: No such file or directory; give a record",
        tmp_path / "loop": "loop: Too many levels of symbolic links",
        "a\0b": "embedded null ",
        "x" * 5000: "File name too long",
    }
    for path, message in cases.items():
        with pytest.raises(RecordError, match=message):
            require_file(path, error=RecordError, remedy="give a record")
        with pytest.raises(RecordError, match=message):
            read(path)


def test_a_file_that_exists_is_not_written_over_without_force(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    require_writable(path, force=False)
    path.touch()
    require_writable(path, force=True)
    with pytest.raises(OutputError, match="--force to overwrite"):
        require_writable(path, force=False)


def test_a_folder_that_is_missing_is_named_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="make it first"):
        require_writable(tmp_path / "no" / "r.json", force=False)


def test_a_name_that_is_no_utf_8_is_written_as_its_escape(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_whole(json.dumps({"name": "Übersee\udcff"}, ensure_ascii=False), path)
    assert json.loads(path.read_bytes()) == {"name": "Übersee\udcff"}
    assert "Übersee" in path.read_text(encoding="utf-8")
