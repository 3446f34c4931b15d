"""Each command that opens an artifact, with an engine that the file kills, hangs or fills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import ai_edge_litert
import pytest

from strop.runtime.commands.evaluate.on_board import EVALUATE, EvaluateRequest
from strop.runtime.commands.flags.contract import GivenContract, Opening
from strop.runtime.images.dataset import list_images
from strop.runtime.remote.task import make_task

# Stands before the real package, and shares the rest of it. What it does, and in which process,
# is in the environment.
PACKAGE = """
import importlib.util, os
__version__ = "9.9"
__path__ = [os.path.dirname(__file__), {real!r}]
"""
INTERPRETER = """
import enum, os, signal, sys, time
import strop.engine_watch
ACTS = {
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "hang": lambda: time.sleep(60),
    "fill": lambda: bytearray(1 << 31),
}
class OpResolverType(enum.Enum):
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3
class Interpreter:
    def __init__(self, model_path, num_threads=1, **_):
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\n")
        if os.environ["FAKE_WHERE"] in " ".join(sys.orig_argv):
            ACTS[os.environ["FAKE_ACT"]]()
        import importlib.util
        path = os.path.join(os.environ["FAKE_REAL"], "interpreter.py")
        spec = importlib.util.spec_from_file_location("real_interpreter", path)
        real = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(real)
        self._real = real.Interpreter(model_path=model_path, num_threads=num_threads)
    def __getattr__(self, name):
        return getattr(self._real, name)
"""
BRIEF = """
import strop.engine_watch as watch, strop.supervised as supervised
watch.LIMIT_S = 0.3
watch.ALLOWANCE_BYTES = 1 << 30
supervised.TICK_S = 0.1
"""
WORKER = "strop.runtime.check.measure.worker"
COLD_START = "strop.runtime.bench.coldstart"


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH, with the engine and short limits."""
    real = str(Path(ai_edge_litert.__file__).parent)
    folder = tmp_path / "fake"
    (folder / "ai_edge_litert").mkdir(parents=True)
    (folder / "ai_edge_litert/__init__.py").write_text(PACKAGE.format(real=real))
    (folder / "ai_edge_litert/interpreter.py").write_text(INTERPRETER)
    (folder / "sitecustomize.py").write_text(BRIEF)
    return folder


def strop(
    engine: Path, *arguments: object, act: str, where: str = "strop"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "strop", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            "PYTHONPATH": str(engine),
            "TMPDIR": str(engine.parent),
            "FAKE_ACT": act,
            "FAKE_WHERE": where,
            "FAKE_REAL": str(Path(ai_edge_litert.__file__).parent),
        },
    )


def command(name: str, artifact: Path, images: Path) -> list[object]:
    image = images / "n1" / "a.png"
    return {
        "run": ["run", artifact, image],
        "evaluate": ["evaluate", artifact, images],
        "bench": ["bench", artifact, "--runs", 5, "--duration", 0.1, "--cool-down", 0],
        "check": ["check", artifact, "--baseline", artifact, "--pairs", 7],
        "inspect": ["inspect", artifact],
    }[name]


@pytest.mark.parametrize("name", ["run", "evaluate", "bench", "check", "inspect"])
def test_a_file_that_kills_its_engine_is_named_in_one_line(
    engine: Path, tiny_tflite: Path, image_folder: Path, name: str
) -> None:
    ended = strop(engine, *command(name, tiny_tflite, image_folder), act="crash")
    assert ended.returncode == 2
    errors = [line for line in ended.stderr.splitlines() if not line.startswith("  ")]
    assert errors[-1] == (
        f"error: {tiny_tflite}: killed its engine (litert 9.9, segmentation fault); this file is"
        " damaged or hostile, do not use it"
    )
    assert ended.stdout == ""
    assert "INFO" not in ended.stderr


@pytest.mark.parametrize(("name", "where"), [("bench", COLD_START), ("check", WORKER)])
def test_a_crash_in_a_process_that_measures_is_the_same_line(
    engine: Path, tiny_tflite: Path, image_folder: Path, name: str, where: str
) -> None:
    arguments = command(name, tiny_tflite, image_folder)
    ended = strop(engine, *arguments, act="crash", where=where)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.splitlines()[-1] == (
        f"error: {tiny_tflite}: killed its engine (segmentation fault); this file is damaged or"
        " hostile, do not use it"
    )
    assert not list(engine.parent.glob("strop-*"))


def test_a_file_on_which_its_engine_works_for_ever_is_named(
    engine: Path, tiny_tflite: Path, image_folder: Path
) -> None:
    ended = strop(engine, *command("run", tiny_tflite, image_folder), act="hang")
    assert ended.returncode == 2
    assert f"{tiny_tflite}: its engine (litert 9.9) gave no result in 0 s" in ended.stderr


def test_a_file_that_fills_the_memory_ends_with_one_line(
    engine: Path, tiny_tflite: Path, image_folder: Path
) -> None:
    ended = strop(engine, *command("run", tiny_tflite, image_folder), act="fill")
    assert ended.returncode == 2
    assert "memory" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_board_names_the_file_too(engine: Path, tiny_tflite: Path, image_folder: Path) -> None:
    given = GivenContract()
    opening = Opening(artifact=tiny_tflite, engine=None, num_threads=1, given=given)
    request = EvaluateRequest(opening=opening, folder=image_folder)
    images = list_images(image_folder)
    task = make_task(EVALUATE, request, contents={image_folder: images})
    there = tiny_tflite.parent / "there"
    for file in task.files:
        (there / file.place).parent.mkdir(parents=True, exist_ok=True)
        (there / file.place).symlink_to(file.path)
    ended = subprocess.run(
        [sys.executable, "-m", "strop.on_board"],
        input=task.request,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=there,
        env={**os.environ, "PYTHONPATH": str(engine), "FAKE_ACT": "crash", "FAKE_WHERE": "strop"},
    )
    assert ended.returncode == 2
    error = json.loads(ended.stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("ArtifactError", 2)
    assert error["lines"][0].startswith(
        f"@0/{tiny_tflite.name}: killed its engine (litert 9.9, segm"
    )
