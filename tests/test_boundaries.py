"""Standing tests of the house's walls: who imports what, and what the wheel holds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from strop.runtime.engines.choose import ENGINES

ROOT = Path(__file__).resolve().parent.parent
HALVES = (ROOT / "export", ROOT / "runtime")
WORKSTATION_ONLY = ("tensorflow", "keras", "tf2onnx", "onnx", "h5py")
# What a module of the device half may bring in; engines and rich load when asked for.
DEVICE_PACKAGES = ("strop", "numpy", "PIL")

# Ends with 42 where a workstation package was loaded: 1 is what a failed import gives.
PROBE = """
import importlib, sys
before = {{name.partition(".")[0] for name in sys.modules}}
for module in {modules!r}:
    importlib.import_module(module)
    loaded = {{name.partition(".")[0] for name in sys.modules}}
    heavy = loaded & set({heavy!r})
    if heavy:
        print(module, "loads", *heavy)
        sys.exit(42)
foreign = loaded - before - set(sys.stdlib_module_names) - set({allowed!r})
# Cython registers modules of its own making, which come from no file.
foreign = {{name for name in foreign if sys.modules[name].__spec__}}
print(*sorted(foreign))
"""


def runtime_modules() -> list[str]:
    folder = ROOT / "runtime"
    names = [
        path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
        for path in sorted((folder / "strop").rglob("*.py"))
    ]
    return [name.removesuffix(".__init__") for name in names]


def runnable(modules: list[str]) -> list[str]:
    """Without those that only load where their engine is installed."""
    missing = {choice.module for choice in ENGINES.values() if not choice.is_installed}
    return [module for module in modules if module not in missing]


def probe(*modules: str) -> subprocess.CompletedProcess[str]:
    program = PROBE.format(modules=modules, heavy=WORKSTATION_ONLY, allowed=DEVICE_PACKAGES)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_the_runtime_package_loads_nothing_of_the_workstation() -> None:
    ended = probe("strop.runtime")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_module_of_the_device_half_loads_anything_of_the_workstation() -> None:
    ended = probe(*runnable(runtime_modules()))
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_all_but_the_engines_load_no_more_than_numpy_and_pillow() -> None:
    engines = {choice.module for choice in ENGINES.values()}
    engines.add("strop.runtime.engines.silent_onnxruntime")  # what that engine's module imports
    ended = probe(*(module for module in runtime_modules() if module not in engines))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.split() == []


def test_the_probe_can_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("")
    (tmp_path / "guilty.py").write_text("import tensorflow")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ended = probe("strop.runtime.errors", "guilty")
    assert ended.returncode == 42
    assert "guilty loads tensorflow" in ended.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("-h",),
        ("run", "-h"),
        ("evaluate", "-h"),
        ("bench", "-h"),
        ("check", "-h"),
        ("history", "-h"),
        ("baseline", "-h"),
        ("baseline", "record", "-h"),
        ("doctor", "-h"),
    ],
)
def test_help_needs_no_extra(arguments: tuple[str, ...]) -> None:
    engines = ("ai_edge_litert", "tflite_runtime", "onnxruntime")
    extras = (*WORKSTATION_ONLY, *engines, "rich", "vl_convert")
    # None in sys.modules is Python's own way to say "not installed".
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({extras!r}));"
        f" from strop.cli import main; sys.exit(main({list(arguments)!r}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("usage: strop")
    # A default is said as it is typed, not as Python writes the member of an enum.
    assert not re.search(r"\b[A-Z][a-z]\w*\.[A-Z_]{2,}\b", ended.stdout)


def test_strop_is_a_namespace_without_init() -> None:
    # With one, the wheel works and the editable install loses a half.
    assert [half for half in HALVES if (half / "strop" / "__init__.py").exists()] == []


def test_both_halves_say_that_they_are_typed() -> None:
    assert (ROOT / "export/strop/export/py.typed").exists()
    assert (ROOT / "runtime/strop/runtime/py.typed").exists()


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv, which builds it, is not here")
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only git knows the files")
def test_the_source_distribution_holds_what_its_tests_need(tmp_path: Path) -> None:
    built = subprocess.run(
        ["uv", "build", "--sdist", "--out-dir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.split("/", 1)[1] for name in archive.getnames()}
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others"]
    command.append("--exclude-standard")
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    tracked = {name for name in listed.split("\0") if (ROOT / name).is_file()}
    assert packed - {"PKG-INFO"} == tracked


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv, which builds the wheel, is not here")
def test_the_wheel_holds_exactly_the_files_of_both_halves(tmp_path: Path) -> None:
    built = subprocess.run(
        ["uv", "build", "--wheel", "--out-dir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    kinds = {".py", ".typed", ".js", ".html"}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if Path(name).suffix in kinds}
    tree = {
        path.relative_to(half).as_posix()
        for half in HALVES
        for path in half.rglob("*")
        if path.suffix in kinds
    }
    assert packed == tree
