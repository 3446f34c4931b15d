"""Opens an artifact, here or by another interpreter, and says what its engine runs.

That is exact, and the same every time. As `python -m strop.runtime.check.judge.anatomy ARTIFACT`
this module is the process that opens the artifact by another interpreter; it prints an `Anatomy` as
one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.bench.coldstart import MAX_PRINTED, require_no_crash
from strop.runtime.check.measure.interpreter import Interpreter
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.engines import open_engine
from strop.runtime.engines.engine import Engine, EngineFacts
from strop.runtime.engines.operation import Operation
from strop.runtime.errors import EngineError, MeasurementError, StropError
from strop.runtime.machine.child_process import CHILD_TIMEOUT_S, failure_reason
from strop.runtime.records.json_reader import parse_json
from strop.runtime.records.typed_json import read_typed
from strop.supervised import end_with_parent


@runtime_checkable
class TellsOperations(Protocol):
    """An engine that can say what it runs."""

    def operations(self) -> tuple[Operation, ...] | None:
        """One by one; None where it cannot say it of this artifact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpCount:
    """How often an operation occurs.

    Attributes:
        kind: The engine's name of it.
        count: >= 1.
    """

    kind: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Structure:
    """Operations counted, the most frequent first.

    Attributes:
        ops: All.
        float_ops: Those that compute in float.
        undelegated: Those outside of every delegate partition; None where there are no
            delegates.
        macs: Multiplications with an addition in one inference; None if the engine does not say.
    """

    ops: tuple[OpCount, ...]
    float_ops: tuple[OpCount, ...]
    undelegated: tuple[OpCount, ...] | None
    macs: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Anatomy:
    """What is known of one artifact without timing it.

    Attributes:
        size_bytes: Of the file.
        facts: What runs it.
        structure: What it consists of; None if the engine does not say.
    """

    size_bytes: int
    facts: EngineFacts
    structure: Structure | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One artifact that was run.

    Attributes:
        name: File name, without the folders: reports are published.
        sha256: Of the file, hex.
        anatomy: What is known of it without timing it.
    """

    name: str
    sha256: str
    anatomy: Anatomy


def subject(candidate: Candidate, plan: CheckPlan) -> Subject:
    """Open the artifact once, by whatever is to run it, and say what it is.

    Raises:
        ArtifactError, EngineError: It cannot be run.
    """
    path, engine, threads = candidate.artifact, candidate.engine, plan.num_threads
    if candidate.interpreter is None:
        found = anatomy(path, engine=engine, num_threads=threads)
    else:
        found = anatomy_there(candidate.interpreter, path, engine=engine, num_threads=threads)
    return Subject(name=path.name, sha256=sha256_file(path), anatomy=found)


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


def structure(engine: Engine) -> Structure | None:
    """Count what the engine runs; None if it does not say."""
    found = engine.operations() if isinstance(engine, TellsOperations) else None
    if found is None:
        return None
    macs = [op.macs for op in found]
    has_delegates = all(op.is_delegated is not None for op in found)
    return Structure(
        ops=_counted(op.kind for op in found),
        float_ops=_counted(op.kind for op in found if op.is_float),
        undelegated=_counted(op.kind for op in found if not op.is_delegated)
        if has_delegates
        else None,
        macs=None if None in macs else sum(each or 0 for each in macs),
    )


def _counted(kinds: Iterable[str]) -> tuple[OpCount, ...]:
    return tuple(OpCount(kind=kind, count=n) for kind, n in Counter(kinds).most_common())


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
