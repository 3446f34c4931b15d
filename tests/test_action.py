"""The GitHub action: its inputs reach strop as they are, and never a shell."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ACTION = (ROOT / "action.yml").read_text()
GATE = ROOT / ".ci/gate"

# A Python whose environments hold a pip that keeps its words, and a strop that does too.
PYTHON = """#!/usr/bin/env bash
mkdir -p "$3/bin"
for name in python strop; do
    cat >"$3/bin/$name" <<'TEXT'
#!/usr/bin/env bash
printf '%s\\0' "$@" >"$KEPT/$(basename "$0")"
[ "$(basename "$0")" = python ] || { echo '{}' >"$KEPT/report.json"; exit "$STROP_CODE"; }
TEXT
    chmod +x "$3/bin/$name"
done
"""


class Gate:
    """Runs the action's script with a strop that only keeps its words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"
        self.output.write_text("")
        python = folder / "python3"
        python.write_text(PYTHON)
        python.chmod(python.stat().st_mode | stat.S_IXUSR)

    def run(self, code: int = 0, **inputs: str) -> subprocess.CompletedProcess[str]:
        given = {
            "STROP_ARTIFACTS": "new.tflite",
            "STROP_BASELINE": "baselines#m",
            "STROP_PYTHON": str(self.folder / "python3"),
            "STROP_REPORT": str(self.folder / "report.json"),
            **{f"STROP_{name}": value for name, value in inputs.items()},
        }
        return subprocess.run(
            [GATE],
            cwd=self.folder,
            env={
                **os.environ,
                **given,
                "KEPT": str(self.folder),
                "STROP_CODE": str(code),
                "GITHUB_OUTPUT": str(self.output),
                "RUNNER_TEMP": str(self.folder),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def words(self, program: str = "strop") -> list[str]:
        return (self.folder / program).read_text().split("\0")[:-1]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_inputs_are_words_of_strop_and_never_of_a_shell(gate: Gate) -> None:
    hostile = "a b$(touch pwned)`touch pwned`;touch pwned\n\n--force.onnx\n"
    assert gate.run(ARTIFACTS=hostile, BASELINE="'\"; touch pwned; #", TOL="3").returncode == 0
    assert gate.words() == [
        "check",
        "--baseline='\"; touch pwned; #",
        f"--output={gate.folder}/report.json",
        "--force",
        "--tol=3",
        "--",
        "a b$(touch pwned)`touch pwned`;touch pwned",
        "--force.onnx",
    ]
    assert not (gate.folder / "pwned").exists()


def test_every_option_has_its_flag_and_only_where_it_is_given(gate: Gate) -> None:
    gate.run(BUDGET="60", LIMIT="6", ALLOW="size", MAX_DROP="1", STRICT="true")
    flags = [word for word in gate.words() if word.startswith("--") and word != "--"]
    assert flags[3:] == ["--budget=60", "--limit=6", "--allow=size", "--max-drop=1", "--strict"]
    gate.run(STRICT="false")
    assert len([word for word in gate.words() if word.startswith("--") and word != "--"]) == 3


def test_the_strop_beside_the_action_is_installed_with_the_engines(gate: Gate) -> None:
    gate.run(ENGINES="onnx")
    assert gate.words("python")[-1] == f"{ROOT}[onnx]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENGINES", "onnx] --index-url=http://x"),
        ("ENGINES", "-r,x"),
        ("REPORT", "a\nverdict=passed"),
    ],
)
def test_what_would_be_an_option_or_a_second_output_is_refused(
    gate: Gate, name: str, value: str
) -> None:
    done = gate.run(0, **{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert gate.output.read_text() == ""


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(0, "passed"), (1, "failed"), (2, "refused"), (3, "not-measured"), (4, "no-baseline")],
)
def test_the_exit_code_is_strops_and_the_output_says_it(
    gate: Gate, code: int, verdict: str
) -> None:
    assert gate.run(code).returncode == code
    assert gate.output.read_text().splitlines() == [
        f"verdict={verdict}",
        f"report={gate.folder}/report.json",
    ]


def test_nothing_is_left_of_the_environment(gate: Gate) -> None:
    gate.run(1)
    assert [path for path in gate.folder.iterdir() if path.name.startswith("strop.")] == []


def test_no_input_is_part_of_a_script() -> None:
    scripts = [line for line in ACTION.splitlines() if line.lstrip("- ").startswith("run:")]
    assert len(scripts) == 1
    assert "${{" not in scripts[0]
    # A script of several lines would have to be looked at as a whole.
    assert "|" not in scripts[0]
    assert ">" not in scripts[0]


def test_every_input_is_given_to_the_script_and_used_there() -> None:
    inputs = set(re.findall(r"^  ([a-z-]+):$", ACTION.partition("outputs:")[0], re.MULTILINE))
    given = dict(re.findall(r"(STROP_[A-Z_]+): \$\{\{ inputs\.([a-z-]+) \}\}", ACTION))
    assert set(given.values()) == inputs
    script = GATE.read_text()
    for variable in given:
        used = variable in script or variable.removeprefix("STROP_") in script
        assert used, variable


def test_the_gate_of_strop_itself_compares_with_what_is_promoted() -> None:
    (name,) = re.findall(r"--baseline baselines#(\w+)", (ROOT / ".ci/run").read_text())
    index = json.loads((ROOT / "baselines/index.json").read_text())
    (promoted,) = [each for each in index["models"] if each["model"] == name]
    assert (ROOT / f"baselines/artifacts/{promoted['sha256']}.tflite").is_file()
