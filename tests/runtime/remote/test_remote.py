"""A board's URL, what is sent to it, what it lacks, and what ssh says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from strop.cli import main
from strop.runtime.artifact.artifact import Format, sha256_file
from strop.runtime.artifact.contract import ResizeRule
from strop.runtime.engines import ENGINES
from strop.runtime.errors import CameraError, MeasurementError, StropError, TargetError
from strop.runtime.remote import agent
from strop.runtime.remote.address import Target, target_from_url
from strop.runtime.remote.command import Command, require_protocol
from strop.runtime.remote.device_half import device_half
from strop.runtime.remote.refusal import read_reply, refusal
from strop.runtime.remote.requirement import BASE, BoardFacts, check_board
from strop.runtime.remote.task import make_task

BOARD = Target(host="board", user="pi", port=2222)
BOOKWORM = BoardFacts(
    protocol=agent.PROTOCOL,
    executable="/usr/bin/python3",
    packages=("numpy", "PIL"),
    is_managed=True,
    implementation="cpython",
    version=(3, 11),
    is_free_threaded=False,
    bits=64,
    system="Linux",
    kernel_arch="aarch64",
    libc="glibc 2.36",
    cache="/home/pi/.cache/strop",
)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("ssh://board", Target(host="board")),
        (
            "ssh://pi@raspberrypi.local:2222/",
            Target(host="raspberrypi.local", user="pi", port=2222),
        ),
        ("ssh://pi@192.168.1.7", Target(host="192.168.1.7", user="pi")),
        ("ssh://[fe80::1%eth0]:22", Target(host="fe80::1%eth0", port=22)),
    ],
)
def test_a_url_names_a_board(url: str, target: Target) -> None:
    assert target_from_url(url) == target
    assert target_from_url(str(target)) == target


@pytest.mark.parametrize(
    "url",
    [
        "board",
        "pi@board",
        "http://board",
        "ssh://",
        "ssh://-oProxyCommand=touch x",
        "ssh://-board",
        "ssh://-l@board",
        "ssh://board;reboot",
        "ssh://board$(reboot)",
        "ssh://bo ard",
        "ssh://board\n",
        "ssh://board/home",
        "ssh://board:",
        "ssh://board:-1",
        "ssh://bоard",  # noqa: RUF001  # a Cyrillic o
    ],
)
def test_what_is_no_board_is_refused(url: str) -> None:
    with pytest.raises(TargetError, match=r"needed is ssh://\[user@\]host\[:port\]"):
        target_from_url(url)


@pytest.mark.parametrize("port", [0, 65536, 99999])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(TargetError, match="needed is 1 to 65535"):
        target_from_url(f"ssh://board:{port}")


def test_a_password_is_refused_without_being_repeated() -> None:
    with pytest.raises(TargetError, match="ssh-copy-id") as caught:
        target_from_url("ssh://pi:raspberry@board")
    assert "raspberry" not in str(caught.value)


@pytest.mark.parametrize("python", ["", "-c", "python3\nreboot"])
def test_a_python_that_is_no_path_is_refused(python: str) -> None:
    with pytest.raises(TargetError, match="--target-python"):
        target_from_url("ssh://board", python=python)


def test_a_path_in_the_home_folder_is_relative_to_it() -> None:
    target = target_from_url("ssh://board", python="~/venv/bin/python", cache="~/x")
    assert (target.python, target.cache) == ("venv/bin/python", "x")


def test_the_device_half_is_the_same_bytes_each_time() -> None:
    assert device_half() == device_half()


def test_the_device_half_runs_from_its_zip_and_brings_nothing_of_the_workstation(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(io.BytesIO(device_half())) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    assert [name for name in names if name.startswith("strop/export")] == []
    assert "strop/runtime/commands/perform.py" in names
    # Isolated from the strop that is installed: only numpy and Pillow come from there.
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import importlib.metadata as m, strop.console"
        " as c, strop.runtime as r, strop.runtime.commands.bench.bench,"
        " strop.on_board, strop.runtime.commands.perform;"
        " print(m.version('strop'), c.__file__, r.__file__)"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program, str(tmp_path)], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split()[1:] == [
        str(tmp_path / "strop/console.py"),
        str(tmp_path / "strop/runtime/__init__.py"),
    ]


@dataclass(frozen=True, kw_only=True)
class Part:
    mean: tuple[float, ...] | None = None
    resize: ResizeRule | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request with one of everything."""

    artifacts: tuple[Path, ...] = ()
    images: Path | None = None
    part: Part = Part()
    threads: int = 1


ASK = Command(name="bench", request=Asked, record=Part)


def test_a_task_holds_every_value_and_every_file(tmp_path: Path) -> None:
    artifact, photos = tmp_path / "a.onnx", tmp_path / "photos"
    photo = photos / "cats" / "1.png"
    photo.parent.mkdir(parents=True)
    artifact.write_bytes(b"a")
    photo.write_bytes(b"b")
    part = Part(mean=(1.0, 2.0), resize=ResizeRule.STRETCH)
    asked = Asked(artifacts=(artifact,), images=photos, part=part, threads=2)
    task = make_task(ASK, asked, contents={photos: [photo]})
    assert json.loads(task.request)["request"] == {
        "artifacts": ["@0/a.onnx"],
        "images": "@1/photos",
        "part": {"mean": [1.0, 2.0], "resize": "stretch"},
        "threads": 2,
    }
    assert {file.place: file.path for file in task.files} == {
        "@0/a.onnx": artifact,
        "@1/photos/cats/1.png": photo,
    }
    assert task.files[0].sha256 == sha256_file(artifact)
    assert task.at_home("@0/a.onnx: bad; @1/photos/cats/1.png: worse; @7/x") == (
        f"{artifact}: bad; {photo}: worse; @7/x"
    )


def test_only_the_images_that_are_used_go_along(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(name.encode())
    task = make_task(ASK, Asked(images=tmp_path), contents={tmp_path: [tmp_path / "2.png"]})
    assert [file.place for file in task.files] == [f"@0/{tmp_path.name}/2.png"]


def test_a_relative_path_comes_home_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.onnx").write_bytes(b"a")
    task = make_task(ASK, Asked(artifacts=(Path("a.onnx"), Path("./a.onnx"))))
    assert task.at_home("@0/a.onnx") == "a.onnx"
    assert len({file.sha256 for file in task.files}) == 1


def test_an_empty_folder_is_refused_before_the_board_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "a.onnx", "--images", str(tmp_path), "--target", "ssh://none.invalid"]
    assert main(words) == 2
    assert "no images" in capsys.readouterr().err


def test_an_agent_of_another_protocol_is_refused_in_one_line() -> None:
    with pytest.raises(TargetError) as caught:
        require_protocol({"protocol": 7, "executable": "python3"}, where=str(BOARD))
    assert str(caught.value).startswith("ssh://pi@board:2222: protocol 7 of strop unknown, this ")
    require_protocol({"protocol": agent.PROTOCOL}, where=str(BOARD))


def test_the_agent_looks_for_every_package_that_may_be_needed() -> None:
    engines = (choice.package for choice in ENGINES.values())
    assert {module for module, _ in BASE} | {*engines} == {*agent.PACKAGES}


def test_a_board_with_an_engine_is_taken() -> None:
    for engine in ("ai_edge_litert", "tflite_runtime"):
        facts = replace(BOOKWORM, packages=("numpy", "PIL", engine))
        check_board(BOARD, facts, formats={Format.TFLITE})
    check_board(BOARD, BOOKWORM, formats=())


def test_a_missing_engine_is_named_with_the_command_that_installs_it() -> None:
    facts = replace(BOOKWORM, packages=("PIL", "onnxruntime"), is_managed=False)
    with pytest.raises(TargetError) as caught:
        check_board(BOARD, facts, formats={Format.TFLITE})
    assert str(caught.value) == (
        "ssh://pi@board:2222: /usr/bin/python3 (Python 3.11) has no numpy, no litert or"
        " tflite-runtime for .tflite; run: ssh -p 2222 pi@board"
        " 'python3 -m pip install numpy ai-edge-litert'"
    )


def test_a_python_that_takes_no_packages_gets_a_virtual_environment() -> None:
    with pytest.raises(TargetError, match="-m venv") as caught:
        check_board(BOARD, BOOKWORM, formats={Format.ONNX})
    assert "strop-venv/bin/pip install onnxruntime" in str(caught.value)
    assert str(caught.value).endswith("--target-python strop-venv/bin/python")


def test_a_32_bit_board_gets_the_engine_that_has_a_wheel_for_it() -> None:
    facts = replace(BOOKWORM, bits=32)
    with pytest.raises(TargetError, match="tflite-runtime") as caught:
        check_board(BOARD, facts, formats={Format.TFLITE})
    assert "numpy<2" in str(caught.value)


def test_a_board_for_which_no_engine_has_a_wheel_is_told_why() -> None:
    with pytest.raises(TargetError, match=r"no engine can be installed there.*armv7l"):
        check_board(BOARD, replace(BOOKWORM, bits=32), formats={Format.ONNX})


def test_the_engine_that_is_asked_for_must_be_there() -> None:
    facts = replace(BOOKWORM, packages=(*BOOKWORM.packages, "tflite_runtime"))
    with pytest.raises(TargetError, match=r"has no litert for \.tflite"):
        check_board(BOARD, facts, formats={Format.TFLITE}, engine="litert")


# As OpenSSH 9.2 prints them.
CHANGED = (
    "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@\n"
    "Host key verification failed.\n"
)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (CHANGED, "ssh-keygen -R"),
        ("No ED25519 host key is known for board.\nHost key verification failed.\n", "answer yes"),
        ("pi@board: Permission denied (publickey).\n", "ssh-copy-id -p 2222 pi@board"),
        ("ssh: Could not resolve hostname board: Name or service not known\n", "no such host"),
        ("ssh: connect to host board port 2222: Connection refused\n", "raspi-config"),
        ("ssh: connect to host board port 2222: Connection timed out\n", "is it on"),
    ],
)
def test_what_ssh_says_gets_a_remedy(said: str, remedy: str) -> None:
    error = refusal(BOARD, exit_code=255, stderr=said, stdout="")
    assert remedy in str(error)
    assert said.splitlines()[-1] in str(error)
    assert error.exit_code == 2


def test_a_strangers_text_cannot_steer_the_terminal() -> None:
    error = refusal(BOARD, exit_code=1, stderr="\x1b[2Jx" + 1000 * "y", stdout="")
    assert "\x1b" not in str(error)
    assert len(str(error)) < 600


def refused(kind: str, code: int, line: object) -> bytes:
    return json.dumps({"error": {"kind": kind, "exit_code": code, "lines": [line]}}).encode()


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (b"nonsense", MeasurementError, "not JSON"),
        (b"[1]", MeasurementError, "a list, needed is an object"),
        (refused("TargetError", 2, 1), MeasurementError, "needed is str"),
        (refused("TargetError", 2, "/c: No space, 0 MiB"), TargetError, "^ssh://.*: /c: No space"),
        (refused("CameraError", 3, "no camera"), CameraError, "no camera"),
        (refused("OSError", 2, "x"), TargetError, "x"),
        (refused("ZeroDivisionError", 70, "x"), MeasurementError, "x"),
        (refused("SystemExit", 0, "x"), MeasurementError, "x"),
    ],
)
def test_an_error_that_a_board_replies_is_read_with_care(
    reply: bytes, kind: type[StropError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        read_reply(BOARD, reply)
