"""The commands of the README and of docs/use.md run as they stand there, and their paths exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from strop.cli import main
from strop.export.zoo.shipped import SHIPPED_CALIBRATION, SHIPPED_LABELS, SHIPPED_MODEL
from strop.export.zoo.shipped import SHIPPED_VALIDATION as VALIDATION

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs/use.md")
README = PAGES[0].read_text()
MINUTES_10 = 600  # in seconds


def commands() -> dict[str, str]:
    """Every `uv run strop` command of the console blocks, in order, with what is shown below it."""
    text = "".join(page.read_text() for page in PAGES)
    blocks = "".join(re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    parts = re.findall(r"^\$ (.*\n)((?:(?!\$ ).*\n)*)", blocks.replace("\\\n", " "), re.MULTILINE)
    # "pip install uv && uv run ...": what is behind the &&.
    found = {line.strip().split("&& ")[-1]: shown for line, shown in parts}
    return {line: shown for line, shown in found.items() if line.startswith("uv run strop ")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README's reader has: the repository's images, and a model of their own."""
    made = tmp_path_factory.mktemp("reader")
    (made / "calibration_data").symlink_to(VALIDATION.parent)
    shutil.copy(SHIPPED_MODEL, made / "model.keras")
    shutil.copy(SHIPPED_LABELS, made / "labels.txt")
    (made / "photos").symlink_to(SHIPPED_CALIBRATION)
    (made / "labelled").symlink_to(VALIDATION)
    return made


def test_the_readme_shows_every_step() -> None:
    shown = {command.split()[3] for command in commands()}
    assert {"export", "run", "evaluate", "bench"} <= shown


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_runs(
    command: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = shlex.split(command.removeprefix("uv run strop "))
    if words == ["export"]:
        shutil.rmtree(folder / "build", ignore_errors=True)
    if words[0] == "export" and len(words) > 1:
        # In this process, which has TensorFlow: the command above it has had one of its own.
        monkeypatch.chdir(folder)
        code = main(words)
        printed = capsys.readouterr()
        found, errors = printed.out, printed.err
    else:
        done = subprocess.run(
            [sys.executable, "-m", "strop", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=MINUTES_10,
        )
        code, found, errors = done.returncode, done.stdout, done.stderr
    assert code == 0, errors
    assert found.strip()
    shown = commands()[command]
    if words[0] in ("run", "evaluate"):  # all others print times as well
        assert found.startswith(shown)


def test_the_shipped_default_keeps_its_accuracy_and_comes_out_the_same_again(
    folder: Path,
) -> None:
    """In another process, with the bytes of the README's own export.

    `.ci/run` exports it for its gate, and says where that is.
    """
    (first,) = (folder / "build").glob("mobilenet_v2_fashion_mnist/manifest.json")
    again = Path(os.environ.get("STROP_EXPORTED", folder / "again"))
    if not again.exists():
        done = subprocess.run(
            [sys.executable, "-m", "strop", "export", "-o", str(again)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=MINUTES_10,
        )
        assert done.returncode == 0, done.stderr
    records = [json.loads(path.read_text()) for path in (first, again / "manifest.json")]
    certificate = records[1]["certificate"]
    assert certificate["images"] == 1000
    assert certificate["float_top1"] > 0.92
    for verdict in certificate["verdicts"]:
        assert verdict["drop"] <= 0.01
        assert verdict["agreement"] >= 0.98
    before, after = [[each["sha256"] for each in record["artifacts"]] for record in records]
    assert before == after
    checks = records[1]["calibration_checks"]
    assert [found["name"] for found in checks] == ["input", "halves", "growth", "held_out"]
    assert {found["remedy"] for found in checks} == {""}


def test_the_python_example_runs(folder: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    artifact = next((folder / "build").rglob("*.int8.tflite"))
    example = example.replace("mobilenet_v2.int8.tflite", os.fspath(artifact))
    example = example.replace("cat.jpg", os.fspath(next((VALIDATION / "bag").iterdir())))
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5


@pytest.mark.parametrize(
    ("page", "target"),
    [
        pytest.param(page, target, id=f"{page.name}-{target}")
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text())
    ],
)
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    assert (page.parent / target).exists()
