"""The command line: what it imports, how it ends, what it says on the way out."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from strop import cli
from strop.runtime.errors import GateError, MeasurementError, StropError

FAKE = "strop_fake_command"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a function in the place of `strop run` (or of `name`)."""

    def register(
        run: Callable[[argparse.Namespace], int], *, name: str = "run", module: str = FAKE
    ) -> None:
        def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
            subparsers.add_parser(name).add_argument("--threads", type=int, default=1)

        monkeypatch.setitem(
            sys.modules,
            module,
            SimpleNamespace(add_parser=add_parser, run=run),
        )
        monkeypatch.setitem(cli.COMMANDS, name, cli.Command(module=module, help="fake"))

    return register


def raises(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        raise error

    return run


def test_the_commands_code_is_the_processs(command: Callable[..., None]) -> None:
    command(lambda options: int(options.threads))
    assert cli.main(["run", "--threads", "4"]) == 4


@pytest.mark.parametrize(
    ("error", "code"), [(StropError("a"), 2), (GateError("a"), 1), (MeasurementError("a"), 3)]
)
def test_an_error_of_the_users_is_one_line_and_its_own_code(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str], error: StropError, code: int
) -> None:
    command(raises(error))
    assert cli.main(["run"]) == code
    assert capsys.readouterr() == ("", "error: a\n")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            ZeroDivisionError("ours\n\x1b[2J"),
            70,
            r"a fault of strop itself \(ZeroDivisionError: ours \\x1b\[2J, in cli.py line \d+\);",
        ),
        (RecursionError("too deep"), 70, "RecursionError: too deep"),
        (MemoryError("8 GiB"), 2, r"out of memory \(8 GiB\); needed is more memory"),
        (
            PermissionError(13, "Permission denied", "a\nb.onnx"),
            2,
            r"a\\nb.onnx: Permission denied;",
        ),
        (OSError(28, "No space left on device", b"x.h5"), 2, "x.h5: No space left on device; make"),
    ],
)
def test_what_nobody_foresaw_is_one_line_without_a_traceback(
    command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    said: str,
) -> None:
    command(raises(error))
    assert cli.main(["run"]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(f"^error: .*{said}", line)
    assert line.endswith("STROP_TRACEBACK=1 shows where")


def test_the_traceback_of_a_fault_is_printed_where_it_is_asked_for(
    command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STROP_TRACEBACK", "1")
    command(raises(ZeroDivisionError("ours")))
    assert cli.main(["run"]) == 70
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("Traceback")
    assert last.startswith("error: a fault of strop itself (ZeroDivisionError: ours")


def test_an_error_of_several_lines_is_printed_line_by_line_and_escaped(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raises(GateError("a\u202eb", "c\nd")))
    assert cli.main(["run"]) == 1
    assert capsys.readouterr().err == "error: a\\u202eb\nc\\nd\n"


def test_a_usage_error_shows_a_strange_file_name_escaped(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(lambda options: 0)
    assert cli.main(["run", "\x1b[2J.png"]) == 2
    assert "unrecognized arguments: \\x1b[2J.png" in capsys.readouterr().err


def test_an_interrupt_ends_with_130(command: Callable[..., None]) -> None:
    command(raises(KeyboardInterrupt()))
    assert cli.main(["run"]) == 130


def test_a_missing_package_of_the_export_half_names_the_extra(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    missing = ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
    command(raises(missing), name="export", module="strop.export.fake")
    assert cli.main(["export"]) == 2
    expected = "strop export: tensorflow is not installed here; run: pip install 'strop[export]'"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "module", "missing"),
    [("export", "strop.export.fake", "strop.export.typo"), ("run", FAKE, "tensorflow")],
)
def test_a_missing_module_that_no_extra_brings_is_a_bug_of_ours(
    command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    name: str,
    module: str,
    missing: str,
) -> None:
    command(raises(ModuleNotFoundError("no", name=missing)), name=name, module=module)
    assert cli.main([name]) == 70
    assert "a fault of strop itself (ModuleNotFoundError: no" in capsys.readouterr().err


def test_without_the_export_half_the_extra_is_named() -> None:
    ended = in_process("sys.modules['strop.export'] = None", "export", "-h")
    assert ended.returncode == 2
    assert "pip install 'strop[export]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_lists_every_command_and_imports_none() -> None:
    ended = in_process(
        "import atexit; atexit.register(lambda: print([m for m in sys.modules if '.commands' in m"
        " or m.startswith('strop.export')]))",
        "-h",
    )
    assert ended.returncode == 0
    assert all(name in ended.stdout for name in cli.COMMANDS)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_a_runtime_command_does_not_import_the_export_half(
    command: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("strop.export")]:
        monkeypatch.delitem(sys.modules, name)
    command(lambda options: 0)
    assert cli.main(["run"]) == 0
    assert not [name for name in sys.modules if name.startswith("strop.export")]


def test_no_command_shows_help_and_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: strop" in printed.err


def test_an_unknown_command_is_refused_with_the_choices(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["bnech"]) == 2
    message = capsys.readouterr().err
    assert "bnech" in message
    assert "bench" in message


def test_options_are_not_guessed_from_their_first_letters(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(lambda options: 0)
    assert cli.main(["run", "--thr", "4"]) == 2
    assert "--thr" in capsys.readouterr().err


def test_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"strop {version('strop')}\n"


def test_a_reader_that_goes_away_ends_the_command_without_a_traceback() -> None:
    program = (
        "import sys, types; from strop import cli\n"
        "def run(options):\n"
        "    for i in range(100_000): print('x' * 80)\n"
        "    return 0\n"
        "fake = types.SimpleNamespace(add_parser=lambda sub: sub.add_parser('run'), run=run)\n"
        "sys.modules['fake'] = fake\n"
        "cli.COMMANDS['run'] = cli.Command(module='fake', help='')\n"
        "sys.exit(cli.main(['run']))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr is not None
    with child.stderr:
        assert child.stderr.read() == ""
    assert child.wait() == 141


FULL = (
    "error: standard output: No space left on device; the result is lost there: send it elsewhere"
)


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [
        (">/dev/full", 2, f"{FULL}\n"),
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_standard_stream_that_is_full_or_closed_gives_a_clean_end(
    tmp_path: Path, redirected: str, code: int, said: str
) -> None:
    shown = tmp_path / "stderr"
    for words in ("--version", "baseline show kept"):
        # The second one works in a child process.
        (tmp_path / "kept").mkdir(exist_ok=True)
        command = f'exec "$0" -m strop {words} 2>"$1" {redirected}'
        ended = subprocess.run(
            ["sh", "-c", command, sys.executable, shown],
            stdout=subprocess.PIPE,
            check=False,
            cwd=tmp_path,
        )
        assert (ended.returncode, shown.read_text()) == (code, said)


def test_a_file_that_is_opened_gets_no_standard_streams_number(tmp_path: Path) -> None:
    path = tmp_path / "out"
    program = (
        "import os; from strop.standard_streams import open_closed_streams; open_closed_streams()\n"
        f"file = open({str(path)!r}, 'w'); os.write(1, b'C++'); assert file.fileno() > 2"
    )
    subprocess.run(["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, program], check=True)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("parent", "code"),
    [(os.getpid(), 0), (1 << 22, -signal.SIGKILL)],
    ids=["it is there", "it has ended"],  # a number of its own is no name that both processes know
)
def test_a_strop_whose_parent_has_ended_ends_where_it_is_asked_to(parent: int, code: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "strop", "--version"],
        env={**os.environ, "STROP_PARENT": str(parent)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == code


def test_python_dash_m_strop_is_the_same_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "strop", "-h"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: strop ")


def in_process(setup: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`strop ARGUMENTS` in a fresh process, after `setup`."""
    program = f"import sys; {setup}; from strop.cli import main; sys.exit(main({list(arguments)}))"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
