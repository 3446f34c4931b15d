"""Engines that are there, that are not, that do not load; and the command that tells."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.boards import PI_4, THROTTLED_FILE, recorded
from tests.runtime.machine.test_wheels import BOOKWORM_32, BOOKWORM_64, TRIXIE_32

from strop import cli
from strop.runtime.commands import doctor as command
from strop.runtime.engines import ENGINES
from strop.runtime.machine import doctor
from strop.runtime.machine.doctor import Diagnosis, EngineCheck, check_engine, diagnose
from strop.runtime.machine.wheels import userland

CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
A72 = "Features: fp asimd crc32\nCPU implementer: 0x41\nCPU part: 0xd08\n"
A76 = "Features: fp asimd asimddp\nCPU implementer: 0x41\nCPU part: 0xd0b\n"

RUNS = EngineCheck(name="litert", installed="2.3.0", obstacle=None, wheel="2.3.0", install=None)
MISSING = EngineCheck(
    name="onnxruntime",
    installed=None,
    obstacle=None,
    wheel="1.32.0",
    install="pip install 'strop[onnx]'",
)
HOPELESS = EngineCheck(
    name="tflite-runtime",
    installed=None,
    obstacle="tflite-runtime 2.14.0 has wheels for Python 3.9 to 3.11, this is 3.13; make a",
    wheel=None,
    install=None,
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Installs a tflite_runtime whose interpreter.py is this program."""

    def install(program: str) -> None:
        folder = tmp_path / "site/tflite_runtime"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "interpreter.py").write_text(program)
        monkeypatch.syspath_prepend(folder.parent)
        monkeypatch.setenv("PYTHONPATH", str(folder.parent))
        monkeypatch.setattr(doctor, "_numpy_major", lambda: 1)
        importlib.invalidate_caches()

    return install


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {name: replace(choice, package="strop_none") for name, choice in ENGINES.items()}
    monkeypatch.setattr(doctor, "ENGINES", missing)


@pytest.fixture
def diagnosed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has `strop doctor` see a recorded Pi 4 and these engines."""

    def register(*engines: EngineCheck, **files: str) -> None:
        root = recorded(tmp_path, PI_4, {name.replace("__", "/"): files[name] for name in files})
        found = replace(diagnose(root), engines=engines)
        monkeypatch.setattr(command, "diagnose", lambda: found)

    monkeypatch.setattr(doctor, "check_engine", lambda name, here: MISSING)
    return register


def test_every_engine_can_be_probed() -> None:
    assert set(doctor.PROBES) == set(ENGINES)


@pytest.mark.parametrize("name", ["litert", "onnxruntime"])
def test_an_engine_that_is_installed_runs(name: str) -> None:
    pytest.importorskip(ENGINES[name].package, reason=f"{name} is not installed")
    found = check_engine(name, userland())
    assert found.is_running
    assert found.installed not in (None, "unknown")
    assert found.install is None


@pytest.mark.usefixtures("nothing_installed")
def test_an_engine_that_is_missing_has_the_command_that_installs_it() -> None:
    found = check_engine("litert", BOOKWORM_64)
    assert not found.is_running
    assert found.is_usable
    assert found.install == "pip install 'strop[litert]'"
    assert found.wheel == "2.3.0"
    assert check_engine("tflite-runtime", BOOKWORM_32).install == "pip install 'strop[tflite]'"
    assert check_engine("onnxruntime", BOOKWORM_64).install == "pip install 'strop[onnx]'"


@pytest.mark.usefixtures("nothing_installed")
def test_an_engine_without_a_wheel_has_the_reason_instead() -> None:
    found = check_engine("tflite-runtime", TRIXIE_32)
    assert not found.is_usable
    assert found.install is None
    assert found.obstacle is not None
    assert "make a virtual environment with an ordinary Python 3.11" in found.obstacle


def test_a_package_that_loads_runs_whatever_wheels_there_are(
    package: Callable[[str], None],
) -> None:
    package("")
    found = check_engine("tflite-runtime", TRIXIE_32)
    assert found.is_running
    assert found.installed == "unknown"


@pytest.mark.parametrize(
    ("program", "reason"),
    [(CRASH, "killed by signal 4"), ("raise ImportError('GLIBC_2.38 not found')", "GLIBC_2.38")],
)
def test_a_package_that_does_not_load_is_said_to(
    package: Callable[[str], None], program: str, reason: str
) -> None:
    package(program)
    found = check_engine("tflite-runtime", BOOKWORM_64)
    assert not found.is_usable
    assert found.obstacle is not None
    assert found.obstacle.startswith("does not load (")
    assert reason in found.obstacle
    assert "install another version, or another engine" in found.obstacle


def test_a_package_that_takes_for_ever_is_said_to(
    package: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    package("import time; time.sleep(30)")
    monkeypatch.setattr(doctor, "LOAD_TIMEOUT_S", 0.3)
    found = check_engine("tflite-runtime", BOOKWORM_64)
    assert found.obstacle == "not loaded after 0.3 s; is the machine out of memory?"


def test_tflite_runtime_beside_numpy_2_does_not_run_and_can_be_put_right(
    package: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    package("")
    monkeypatch.setattr(doctor, "_numpy_major", lambda: 2)
    found = check_engine("tflite-runtime", BOOKWORM_64)
    assert not found.is_running
    assert found.is_usable
    assert found.obstacle is not None
    assert "built for NumPy 1" in found.obstacle
    assert "run: pip install 'strop[tflite]'" in found.obstacle


def test_the_tables_say_what_runs_and_what_does_not(
    diagnosed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    diagnosed(RUNS, MISSING, HOPELESS, proc__cpuinfo=A72)
    assert cli.main(["doctor"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for text in (
        "board Raspberry Pi 4 Model B Rev 1.4",
        "processor Cortex-A72",
        "int8 dot product no",
        "governor ondemand",
        "clock, asked for 600 of 1800 MHz",
        "temperature 48.3 °C, slowed down from 80 °C on",
        "memory available 3376 of 3793 MiB",
        "litert 2.3.0 yes -",
        "onnxruntime - no pip install 'strop[onnx]' (has a wheel: 1.32.0)",
        "tflite-runtime - no tflite-runtime 2.14.0 has wheels for Python 3.9 to 3.11",
        "throttled vcgencmd get_throttled cannot be asked",
    ):
        assert text in printed


def test_a_processor_with_dot_product_and_throttling_is_shown(
    diagnosed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    diagnosed(RUNS, **{"proc__cpuinfo": A76, THROTTLED_FILE: "50001\n"})
    assert cli.main(["doctor"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "int8 dot product asimddp" in printed
    assert "throttled under-voltage; since boot: under-voltage, throttled" in printed


def test_json_has_everything(
    diagnosed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    diagnosed(RUNS, HOPELESS)
    assert cli.main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format_version"] == 3
    assert found["machine"]["governor"] == "ondemand"
    assert found["board"]["temperature_c"] == 48.312
    assert found["power"].startswith("this machine does not tell its power")
    assert found["instructions"].startswith(("counted", "instructions cannot be counted here: "))
    assert [engine["is_running"] for engine in found["engines"]] == [True, False]
    assert all(finding["remedy"] for finding in found["findings"])
    assert found["python"]["bits"] in (32, 64)


def test_an_engine_that_could_be_installed_is_enough(
    diagnosed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    diagnosed(HOPELESS, MISSING)
    assert cli.main(["doctor"]) == 0
    assert "error" not in capsys.readouterr().err


def test_without_any_engine_it_ends_with_3_and_the_reasons(
    diagnosed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    diagnosed(HOPELESS)
    assert cli.main(["doctor"]) == 3
    printed = capsys.readouterr()
    assert "tflite-runtime" in printed.out
    assert "no engine runs here, and none can be installed:\n  tflite-runtime 2.14.0" in printed.err


def test_this_machine_can_be_diagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "check_engine", lambda name, here: RUNS)
    found: Diagnosis = diagnose()
    assert len(found.engines) == len(ENGINES)
    assert found.python == userland()
