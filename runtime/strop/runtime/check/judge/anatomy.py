"""What an artifact is to another interpreter's engine.

Run as `python -m strop.runtime.check.judge.anatomy ARTIFACT`, this module is the process that
opens it there and prints one line of JSON, an `Anatomy`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.bench.coldstart import MAX_PRINTED, require_no_crash
from strop.runtime.check.judge.gates import Anatomy
from strop.runtime.check.judge.report import Subject
from strop.runtime.check.judge.structure import structure
from strop.runtime.check.measure.interpreter import Interpreter
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.engines import open_engine
from strop.runtime.errors import EngineError, MeasurementError, StropError
from strop.runtime.machine.child_process import CHILD_TIMEOUT_S, failure_reason
from strop.runtime.records.json_reader import parse_json
from strop.runtime.records.typed_json import read_typed
from strop.supervised import end_with_parent


def anatomy(path: Path, *, engine: str | None, num_threads: int) -> Anatomy:
    """Open the artifact once, in this process, and verify its content.

    Raises:
        ArtifactError, EngineError, ContractError: It cannot be run.
    """
    read_contract(path)
    with open_engine(path, engine=engine, num_threads=num_threads) as opened:
        return Anatomy(
            size_bytes=path.stat().st_size, facts=opened.facts, structure=structure(opened)
        )


def anatomy_there(
    interpreter: Interpreter, path: Path, *, engine: str | None, num_threads: int
) -> Anatomy:
    """The same by another interpreter.

    Raises:
        ArtifactError: The file killed the process.
        EngineError: It cannot be run there.
        MeasurementError: The process gave no answer.
    """
    command = [interpreter.python, "-m", __name__, "--threads", str(num_threads)]
    if engine is not None:
        command += ["--engine", engine]
    try:
        child = subprocess.run(
            [*command, "--", str(path)],
            env=interpreter.environment({**os.environ, "PYTHONSAFEPATH": "1"}),
            capture_output=True,
            text=True,
            timeout=CHILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise MeasurementError(
            f"{path}: not opened by {interpreter.python} in {CHILD_TIMEOUT_S} s; is the machine out"
            " of memory?"
        ) from err
    require_no_crash(child, path)
    if child.returncode != 0:
        raise EngineError(f"by {interpreter.python}: {failure_reason(child)}")
    printed = (child.stdout.splitlines() or [""])[-1]
    record = parse_json(
        printed,
        where=f"{path}: {interpreter.python} printed {printed[-MAX_PRINTED:]!r}",
        error=MeasurementError,
        remedy="needed is a record; does something print when it starts?",
    )
    return read_typed(record, Anatomy, at=interpreter.python)


def main(argv: Sequence[str] | None = None) -> int:
    """The process: print an `Anatomy` as one line of JSON."""
    parser = argparse.ArgumentParser(prog="strop.runtime.check.judge.anatomy", allow_abbrev=False)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--engine")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    end_with_parent()
    try:
        found = anatomy(options.artifact, engine=options.engine, num_threads=options.threads)
    except StropError as err:
        sys.stderr.write(" ".join(str(err).splitlines()) + "\n")
        return err.exit_code
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())


def subject(candidate: Candidate, plan: CheckPlan) -> Subject:
    """Open the artifact once and say what it is.

    Raises:
        ArtifactError, EngineError: It cannot be run.
    """
    path, engine, threads = candidate.artifact, candidate.engine, plan.num_threads
    if candidate.interpreter is None:
        found = anatomy(path, engine=engine, num_threads=threads)
    else:
        found = anatomy_there(candidate.interpreter, path, engine=engine, num_threads=threads)
    return Subject(name=path.name, sha256=sha256_file(path), anatomy=found)
