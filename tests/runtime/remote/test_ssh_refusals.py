"""Boards behind a real sshd that cannot be used: what is said, and what is left there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.remote.ssh_board import (
    MISSING,
    QUICK,
    SshBoard,
    bench,
    wait_until,
    write_program,
)

from strop.cli import main

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
pytest.importorskip("onnxruntime", reason="onnxruntime, which the board runs, is not installed")

# Takes Python's place on the board: $2 is the program that prints the sign and the version.
FAKE_PYTHON = """\
#!/bin/sh
sign=$(echo "$2" | sed 's/.*print("\\([0-9a-f]*\\) .*/\\1/')
"""


def test_a_file_that_the_disk_does_not_take_is_said(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board.login("ulimit -f 100")  # blocks of 512 bytes: strop itself is larger
    assert bench(tiny_onnx, board) == 2
    assert re.search(r"MiB are free; make room there, or .*--target-cache", capsys.readouterr().err)
    assert wait_until(board.is_empty)
    assert list((board.cache / "files").iterdir()) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here; needed is root with CAP_SYS_ADMIN")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said(
    board: SshBoard, tiny_onnx: Path, tiny_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(tiny_onnx, board, "--target-cache", str(tiny_disk / "strop")) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        f"error: ssh://board: {tiny_disk}/strop: No space left on device, 0 MiB"
    )
    assert wait_until(lambda: board.processes() == [])
    assert [path for path in tiny_disk.rglob("*") if path.is_file()] == []


def test_a_cache_that_cannot_be_written_is_said(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (board.home / "file").write_text("")
    assert bench(tiny_onnx, board, "--target-cache", "file/strop") == 2
    assert "needed is a folder that can be written to" in capsys.readouterr().err


def test_a_board_without_python_is_said(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board.login('PATH=/nowhere; export PATH; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"')
    assert bench(tiny_onnx, board) == 2
    assert "ssh://board: no python3 there" in capsys.readouterr().err
    assert bench(tiny_onnx, board, "--target-python", sys.executable) == 0


def test_a_python_that_is_too_old_is_said(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_program(board.folder / "bin/python3", f'{FAKE_PYTHON}echo "$sign 3 9"; cat >/dev/null')
    assert bench(tiny_onnx, board) == 2
    assert "there is Python 3.9, needed is 3.10 or newer" in capsys.readouterr().err


def test_a_board_that_says_nonsense_is_no_crash(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_program(
        board.folder / "bin/python3",
        f'{FAKE_PYTHON}echo "$sign 3 11"; printf "R\\377\\377\\377\\377"; cat >/dev/null',
    )
    assert bench(tiny_onnx, board) == 3
    assert "a frame of 4294967295 bytes came" in capsys.readouterr().err


def test_a_board_without_numpy_gets_the_command_that_installs_what_is_missing(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info[1]}")
    write_program(board.folder / "bin/python3", f'#!/bin/sh\nexec {python} -I -S "$@"\n')
    assert bench(tiny_onnx, board) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "has no numpy, no Pillow, no onnxruntime for .onnx" in error
    assert "pip install numpy Pillow onnxruntime" in error
    # Nothing was copied before that was known.
    assert [path for path in board.cache.rglob("*") if path.is_file()] == []


def test_an_unknown_host_key_is_refused(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (board.folder / "known_hosts").write_text("")
    assert bench(tiny_onnx, board) == 2
    assert "its host key is not known here; run: ssh board" in capsys.readouterr().err
    assert (board.folder / "known_hosts").read_text() == ""


def test_another_host_key_than_the_known_one_is_refused(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = (board.folder / "user_key.pub").read_text()
    (board.folder / "known_hosts").write_text(f"strop-test {other}")
    assert bench(tiny_onnx, board) == 2
    assert "not the one that known_hosts has" in capsys.readouterr().err


def test_a_refused_key_is_said(
    board: SshBoard, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (board.folder / "authorized_keys").write_text("")
    assert bench(tiny_onnx, board) == 2
    assert "it takes none of your keys; run: ssh-copy-id board" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "text"),
    [("ssh://none.invalid", "no such host"), ("ssh://127.0.0.1:1", "not on this port")],
)
def test_a_host_that_does_not_answer_is_said(
    board: SshBoard, tiny_onnx: Path, url: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(tiny_onnx), "--target", url, *QUICK]) == 2
    assert text in capsys.readouterr().err


def test_without_ssh_the_package_is_named(
    tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["bench", str(tiny_onnx), "--target", "ssh://board", *QUICK]) == 2
    assert "sudo apt install openssh-client" in capsys.readouterr().err


def test_flags_for_a_board_need_a_board(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(tiny_onnx), "--target-cache", "x", *QUICK]) == 2
    assert "--target-cache is x, but no board is named; add --target" in capsys.readouterr().err
