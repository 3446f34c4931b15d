"""The faces for people who write Python: their names, their cost, and docs/api.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.export.model_fixtures import CLASSES, images, small_model

import strop.export
import strop.runtime
from strop.runtime import StropError

ROOT = Path(__file__).resolve().parent.parent
EXPORT = """
    Certificate ConsumerError ContractError Effort Export ExportOptions Format GateError
    GraphError ImageError Input ModelSpec OutputError OutputRequest Precision QuantizationError
    ResizeRule Result Source SourceError StropError Task Verdict export from_keras_model
    list_images load_model open_model options_for read_labels show_progress
"""
RUNTIME = """
    Activation ArtifactError BaselineError BenchRecord CameraError CheckPlan CheckReport Checked
    ClassAnswer Classifier Comparison Contract ContractError Diagnosis EngineError EngineFacts
    Evaluation Figures GateOptions ImageError LabelsAnswer MeasurePlan MeasurementError
    NumbersAnswer OutputContract OutputError PlanError Prediction RecordError ResizeRule Result
    StropError TargetError Task TensorInfo VectorAnswer Verdict bench check compare doctor
    evaluate evaluate_outputs figures open show_progress
"""
NAMES = {"strop.export": EXPORT.split(), "strop.runtime": RUNTIME.split()}
FACES = {"strop.export": strop.export, "strop.runtime": strop.runtime}
MYPY = ("--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache")
COSTLY = ("numpy", "PIL", "tensorflow", "keras", "dataclasses", "re")


def python(program: str, *, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )


@pytest.mark.parametrize("face", FACES)
def test_the_public_names_are_these(face: str) -> None:
    assert sorted(FACES[face].__all__) == sorted(NAMES[face])
    assert set(NAMES[face]) <= set(dir(FACES[face]))


@pytest.mark.parametrize("face", FACES)
def test_every_name_is_there_and_has_a_docstring(face: str) -> None:
    undocumented = [name for name in NAMES[face] if not getattr(FACES[face], name).__doc__]
    assert undocumented == []


def test_every_error_is_of_the_one_family() -> None:
    names = [(face, name) for face in FACES for name in NAMES[face] if name.endswith("Error")]
    assert len(names) > 15
    assert all(issubclass(getattr(FACES[face], name), StropError) for face, name in names)


@pytest.mark.parametrize("face", FACES)
def test_importing_a_face_costs_nothing(face: str) -> None:
    # Python itself may have loaded some of them at its start, for an editable install.
    program = (
        f"import sys; before = set(sys.modules); import {face};"
        f" print(sorted((set(sys.modules) - before) & set({COSTLY!r})))"
    )
    ended = python(program)
    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")


@pytest.mark.parametrize(
    "first",
    [
        "import strop.runtime.check.measure.worker as w",
        "from strop.runtime import bench, check",
        "from strop.runtime.check.measure import worker",
    ],
)
def test_a_room_of_the_same_name_does_not_hide_a_function(first: str) -> None:
    program = (
        f"{first}\n"
        "import strop.runtime, strop.runtime.bench.record, strop.runtime.check.judge.report\n"
        "import strop.runtime.check.measure.plan as plan\n"
        "assert plan.CheckPlan is strop.runtime.CheckPlan\n"
        "from strop.runtime.check.modes import paired\n"
        "from strop.runtime import bench\n"
        "assert bench.__module__ == 'strop.runtime.library' and bench is strop.runtime.bench\n"
        "assert strop.runtime.check.__module__ == 'strop.runtime.library' and paired.check_paired\n"
        "import strop.runtime.bench.sustained\n"
        "assert strop.runtime.bench is bench\n"
    )
    ended = python(program)
    assert ended.returncode == 0, ended.stderr


def test_a_name_that_moved_says_where_to() -> None:
    with pytest.raises(ImportError, match=r"SourceError is strop\.export\.SourceError now; import"):
        from strop.runtime import SourceError  # type: ignore[attr-defined]  # noqa: F401
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = strop.runtime.nonsense  # type: ignore[attr-defined]


def test_without_tensorflow_a_source_that_needs_it_says_what_to_install() -> None:
    # None in sys.modules is Python's own way to say "not installed".
    ended = python(
        "import sys; sys.modules['tensorflow'] = None; from strop.export import load_model;"
        " load_model(sys.executable)"
    )
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(
        "ModuleNotFoundError: strop.export: tensorflow is not installed here; run: pip"
    )


def test_paths_of_an_export_may_be_text() -> None:
    made = strop.export.ExportOptions(output="out", calibration=["a.png"])  # type: ignore[arg-type]
    assert (made.output, made.calibration) == (Path("out"), (Path("a.png"),))


SHORTER_CHECK = """
import functools, shutil, strop.runtime.library
shutil.copy("build/mine/model.int8.tflite", "new.tflite")
shutil.copy("build/mine/model.int8.tflite", "old.tflite")
strop.runtime.library.CheckPlan = functools.partial(
    strop.runtime.CheckPlan, tolerance=0.8, limit=0.99, alpha=0.25, stage1_pairs=2, pairs=2,
    block_duration_s=0.01,
    lead_in_duration_s=0.001, warmup_duration_s=0.05, max_warmup_duration_s=0.1,
    max_invalid_share=0.9, min_valid_quads=1,
)
"""


def code_of_the_page() -> str:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/api.md").read_text(), re.M | re.S)
    assert len(blocks) == 8
    return "\n".join(blocks)


@pytest.fixture(scope="module")
def users_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of five classes and images, by the names that docs/api.md uses."""
    folder = tmp_path_factory.mktemp("user")
    small_model().save(folder / "model.keras")
    labels = [f"label{index}" for index in range(CLASSES)]
    (folder / "labels.txt").write_text("\n".join(labels) + "\n")
    (folder / "photos").mkdir()
    for index, pixels in enumerate(images(30).astype("uint8")):
        label = folder / "labelled" / labels[index % CLASSES]
        label.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(label / f"{index}.png")
        Image.fromarray(pixels[::-1]).save(folder / "photos" / f"{index}.png")
    Image.fromarray(pixels).save(folder / "cat.png")
    return folder


def test_the_code_of_the_page_runs_and_prints_only_what_it_asks_for(users_folder: Path) -> None:
    before, after = code_of_the_page().split("report = check(")
    ended = python(f"{before}{SHORTER_CHECK}report = check({after}", folder=users_folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    printed = re.sub(r"\d+(\.\d+)?(e-\d+)?", "0", ended.stdout)
    assert printed.startswith("Interval(low=0, high=0)\nmodel.int0.tflite: drop +0 points [0 %:")
    assert re.search(r"\n(label0 0\n){5}0 \[0 %: 0, 0\] of 0\n0 \[0 %: 0, 0\] of 0\n", printed)
    assert "\n<BenchRecord: model.int0.tflite p0 0 ms>\nInterval(low=0, high=0)\n[" in printed
    assert printed.count("\n") < 25


def test_a_users_program_passes_a_strict_type_check(tmp_path: Path) -> None:
    """The page's code, and every public name: a type checker sees what is there."""
    (tmp_path / "page.py").write_text(code_of_the_page())
    lines = [f"import {face}\n" for face in NAMES]
    # Rooms of the same name, before and after the functions.
    lines += ["import strop.runtime.check.measure.plan\nfrom strop.runtime import bench\n"]
    lines += ["import strop.runtime.bench.record as record\nbench('a')\nrecord.BENCH_RECORD\n"]
    lines += [f"{face}.{name}\n" for face, names in NAMES.items() for name in names]
    (tmp_path / "names.py").write_text("".join(lines))
    (tmp_path / "wrong.py").write_text(
        "import strop.runtime\nstrop.runtime.nonsense\nstrop.runtime.bench(5)\n"
    )
    found = subprocess.run(
        # What the project's own check, as strict, has found out of strop is in its cache.
        [sys.executable, "-m", "mypy", *MYPY, "."],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": f"{ROOT / 'export'}:{ROOT / 'runtime'}"},
    )
    errors = found.stdout.splitlines()
    # Of an earlier run, its folder may be in the cache.
    places = [Path(line.partition(":")[0]).name for line in errors[:-1]]
    assert places == ["wrong.py", "wrong.py"], found
