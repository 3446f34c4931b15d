from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from strop.export.bundle.bundle import REPORT, bundle
from strop.export.bundle.card_seal import CARD, sealed
from strop.runtime.check.judge.certified import MANIFEST
from strop.runtime.errors import GateError, OutputError

WRITES_AND_WAITS = """
import sys, time
from pathlib import Path
from strop.export.bundle.bundle import bundle
with bundle(Path(sys.argv[1]), force=True) as folder:
    (folder / "model.int8.tflite").write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


def write(folder: Path, content: str, *, force: bool = False) -> None:
    with bundle(folder, force=force) as partial:
        (partial / "model.int8.tflite").write_text(content)
        (partial / REPORT).write_text("")
        record = {"artifacts": [{"file": "model.int8.tflite"}]}
        (partial / MANIFEST).write_text(json.dumps(record))


def test_everything_arrives_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    with bundle(folder, force=False) as partial:
        (partial / "a").write_text("a")
        assert not folder.exists()
    assert (folder / "a").read_text() == "a"
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_nothing_arrives_when_the_work_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with bundle(tmp_path / "out", force=False) as partial:
            (partial / "a").write_text("a")
            raise GateError("worse")

    with pytest.raises(GateError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_refused_without_force(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    with pytest.raises(OutputError, match="exists already; add --force"):
        write(tmp_path / "out", "second")
    assert (tmp_path / "out" / "model.int8.tflite").read_text() == "first"


def test_force_replaces_an_export(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    (tmp_path / "out" / "manifest.json.sig").write_text("of the first one")
    write(tmp_path / "out", "second", force=True)
    assert not (tmp_path / "out" / "manifest.json.sig").exists()
    assert (tmp_path / "out" / "model.int8.tflite").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_never_replaces_what_no_export_wrote(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    (tmp_path / "out" / "thesis.tex").write_text("years")
    with pytest.raises(OutputError, match=r"holds thesis\.tex, which no export wrote"):
        write(tmp_path / "out", "second", force=True)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years"


def test_force_replaces_a_card_that_strop_wrote_and_nobody_edited(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    card = tmp_path / "out" / CARD
    card.write_text(sealed("# The first\n") + "My notes\n")
    with pytest.raises(OutputError, match=r"holds README\.md, which no export wrote"):
        write(tmp_path / "out", "second", force=True)
    card.write_text(sealed("# The first\n"))
    write(tmp_path / "out", "second", force=True)
    assert not card.exists()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match=r"is a file; --output is the folder"):
        write(tmp_path / "out", "first")


def test_an_unwritable_place_is_said_before_the_work(tmp_path: Path) -> None:
    # A file as parent: refused for root too, whom permissions do not stop.
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written.*choose another place"):
        write(tmp_path / "file" / "out", "first")


def test_kill_9_leaves_the_old_export_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, "first")
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_AND_WAITS, str(folder)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        os.kill(child.pid, signal.SIGKILL)
    assert (folder / "model.int8.tflite").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 2
    deadline = time.monotonic() + 5
    while Path("/proc", str(child.pid)).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    write(folder, "second", force=True)
    assert (folder / "model.int8.tflite").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_second_export_into_a_folder_is_refused_while_the_first_writes_it(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", WRITES_AND_WAITS, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        try:
            with pytest.raises(OutputError, match=rf"another export .* \(process {first.pid}"):
                write(out, "second")
        finally:
            first.kill()
    write(out, "third")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_came_there_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def export() -> None:
        with bundle(out, force=False) as partial:
            (partial / "a").write_text("late")
            out.mkdir()
            (out / "a").write_text("early")

    with pytest.raises(OutputError, match="exists already; add --force"):
        export()
    assert (out / "a").read_text() == "early"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
