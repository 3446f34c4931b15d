"""What strop does with damaged files; the long run of the same is `python -m tests.fuzz`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from tests.fuzz.campaign import REPOSITORY, run_cases
from tests.fuzz.case import generator, lay_out
from tests.fuzz.kinds import KINDS
from tests.fuzz.planted import PLANTED
from tests.fuzz.seeds import make_seeds
from tests.fuzz.worker import Result, is_fault

SEED = 18  # another one gives other files
LIGHT = [kind for kind, each in KINDS.items() if not each.needs_tensorflow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where seeds, scratch and failing files are; made here, where TensorFlow is loaded."""
    made = tmp_path_factory.mktemp("fuzz")
    here = Path.cwd()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of HDF5 files
            make_seeds(made / "seeds")
    finally:
        os.chdir(here)  # a training's seed is made in its folder
    return made


def test_the_harness_sees_what_a_command_may_not_do(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.fuzz.planted", str(tmp_path)]
    ended = subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, check=True)
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {each["name"]: each["outcome"] for each in found} == {
        planted.__name__: outcome.value for planted, outcome in PLANTED.items()
    }


@pytest.mark.parametrize("kind", LIGHT)
def test_a_seed_gives_the_same_file_again(kind: str, folder: Path, tmp_path: Path) -> None:
    def made(seed: int) -> dict[str, bytes]:
        work = lay_out(tmp_path / "case")
        KINDS[kind].make(generator(kind, seed), folder / "seeds", work)
        return {path.name: path.read_bytes() for path in work.rglob("*") if path.is_file()}

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_no_damaged_file_does_what_it_may_not(folder: Path) -> None:
    cases = [
        (kind, SEED * 1000 + i) for kind, each in KINDS.items() for i in range(each.share_in_ci)
    ]
    found: list[Result] = []
    run_cases(cases, folder, jobs=1, say=found.append)
    assert {(each.kind, each.seed) for each in found} == set(cases)
    assert not [each for each in found if is_fault(each)]
    # The files are not so broken that nothing of them is read.
    assert {each.outcome for each in found} == {"ran", "refused in one line"}
