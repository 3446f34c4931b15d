"""`strop baseline`: the released artifacts that a repository keeps, and how one becomes that."""

from __future__ import annotations

import argparse
import getpass
import secrets
from dataclasses import asdict
from pathlib import Path

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.baseline.directory import SHORT_DIGITS, BaselineDirectory
from strop.runtime.baseline.index import Index
from strop.runtime.baseline.promotion import promotion
from strop.runtime.baseline.session import (
    DEFAULT_PROCESSES,
    SESSION_DURATIONS,
    BaselineSession,
    MachineClass,
    measure_session,
)
from strop.runtime.check.judge.report import read_check_report
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.termination import ending_on_signals
from strop.runtime.commands.flags.contract import add_engine_flags
from strop.runtime.commands.notes import cool_board
from strop.runtime.errors import BaselineError, MeasurementError
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S
from strop.runtime.reporting.wording import milliseconds

SEED_BITS = 32


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `strop baseline`."""
    parser = subparsers.add_parser(
        "baseline",
        help="record, promote and show the baselines that a repository keeps",
        description="Keep released artifacts, and their numbers, in a folder of the repository;"
        " strop check --baseline FOLDER#MODEL compares with what was promoted there.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_record(actions)
    _add_promote(actions)
    show = actions.add_parser("show", help="what is kept, and what is promoted")
    show.add_argument("folder", type=Path, metavar="DIR", help="folder of the baselines")
    show.add_argument("--json", action="store_true", help="print it as JSON")


def _add_record(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    record = actions.add_parser("record", help="measure an artifact, and keep both as a candidate")
    record.add_argument("artifact", type=Path, metavar="ARTIFACT", help="a .tflite or .onnx file")
    record.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="folder of the baselines"
    )
    add_engine_flags(record)
    record.add_argument(
        "--machine",
        type=MachineClass,
        choices=list(MachineClass),
        default=MachineClass.SHARED,
        metavar="CLASS",
        help="dedicated: nothing else ever runs on this machine; shared (default)",
    )
    record.add_argument(
        "--processes",
        type=int,
        default=DEFAULT_PROCESSES,
        metavar="N",
        help="new processes to measure in (default: %(default)s)",
    )


def _add_promote(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    promote = actions.add_parser("promote", help="make a recorded artifact a model's baseline")
    promote.add_argument(
        "artifact", metavar="ARTIFACT", help="the file, or the first digits of its hash"
    )
    promote.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="folder of the baselines"
    )
    promote.add_argument(
        "--name", required=True, metavar="MODEL", help="name of the model, as in DIR#MODEL"
    )
    promote.add_argument("--reason", required=True, metavar="TEXT", help="why, for reviewers")
    promote.add_argument("--by", metavar="WHO", help="who promotes it (default: the login name)")
    promote.add_argument(
        "--from",
        dest="reports",
        type=Path,
        action="append",
        default=[],
        metavar="REPORT.json",
        help="file of strop check --output against the present baseline; can be given several"
        " times",
    )


def run(options: argparse.Namespace) -> int:
    """Record, promote or show.

    Raises:
        ArtifactError, EngineError: The artifact cannot be run.
        BaselineError: What is asked for is not in the folder.
        GateError: The reports are nothing to promote by.
        OutputError: The folder cannot be written to.
        PlanError: A name, a reason or a number that is none.
        MeasurementError: It could not be measured, or a report or session cannot be read.
    """
    actions = {"record": _record, "promote": _promote, "show": _show}
    return actions[options.action](options)


def _record(options: argparse.Namespace) -> int:
    plan = CheckPlan(
        num_threads=options.threads, seed=secrets.randbits(SEED_BITS), **SESSION_DURATIONS
    )
    console.settings(
        "baseline record",
        {
            "artifact": options.artifact,
            "into": options.into,
            "threads": plan.num_threads,
            "machine": options.machine.value,
            "processes": options.processes,
        },
    )
    candidate = Candidate(artifact=options.artifact, engine=options.engine)
    with ending_on_signals():
        cool_board(DEFAULT_LIMIT_S)
        session = measure_session(
            candidate, plan=plan, machine_class=options.machine, processes=options.processes
        )
    if not session.is_valid:
        raise MeasurementError(
            f"{options.artifact}: {session.invalid_share:.0%} of its blocks do not count,"
            f" {plan.max_invalid_share:.0%} may; nothing is kept. End what else runs there, or"
            " measure on another machine"
        )
    directory = BaselineDirectory(options.into)
    directory.add_artifact(options.artifact, session.subject.sha256)
    kept = directory.add_session(session)
    console.line(
        f"{session.subject.name} {session.subject.sha256[:SHORT_DIGITS]} p50"
        f" {_milliseconds(session)} ms, {len(session.processes)} processes"
    )
    console.note(f"kept as a candidate: {kept}; strop baseline promote makes it the baseline")
    return 0


def _promote(options: argparse.Namespace) -> int:
    directory = BaselineDirectory(options.into)
    path = Path(options.artifact)
    sha256 = sha256_file(path) if path.is_file() else directory.hash_of(options.artifact)
    made = promotion(
        directory,
        options.name,
        sha256,
        reason=options.reason,
        promoted_by=getpass.getuser() if options.by is None else options.by,
        evidence=[read_check_report(path) for path in options.reports],
    )
    written = directory.write_index(directory.index().with_promotion(made))
    before = "none" if made.replaces is None else made.replaces[:SHORT_DIGITS]
    console.line(f"{made.model}: {before} -> {made.sha256[:SHORT_DIGITS]}")
    for line in made.evidence:
        console.line(f"  {line}")
    console.note(f"written: {written}; commit it, with the artifact, for review")
    return 0


def _show(options: argparse.Namespace) -> int:
    if not options.folder.is_dir():
        raise BaselineError(f"{options.folder}: no such folder; strop baseline record makes one")
    directory = BaselineDirectory(options.folder)
    index = directory.index()
    known = {each: directory.sessions(each) for each in directory.artifact_hashes()}
    if options.json:
        console.json(_as_json(directory, index, known))
        return 0
    console.table(
        ("model", "artifact", "promoted", "by", "reason"),
        [
            (
                each.model,
                each.sha256[:SHORT_DIGITS],
                each.promoted_at,
                each.promoted_by,
                each.reason,
            )
            for each in index.models
        ],
    )
    console.gap()
    console.table(
        ("artifact", "file", "name", "sessions", "dedicated", "last p50 ms"),
        [
            (
                sha256[:SHORT_DIGITS],
                "here" if directory.artifact(sha256) is not None else None,
                sessions[-1].subject.name if sessions else None,
                len(sessions),
                sum(each.machine_class is MachineClass.DEDICATED for each in sessions),
                _milliseconds(sessions[-1]) if sessions else None,
            )
            for sha256, sessions in known.items()
        ],
    )
    return 0


def _as_json(
    directory: BaselineDirectory, index: Index, known: dict[str, tuple[BaselineSession, ...]]
) -> dict[str, object]:
    return {
        "models": [asdict(each) for each in index.models],
        "artifacts": [
            {
                "sha256": sha256,
                "has_file": directory.artifact(sha256) is not None,
                "sessions": [
                    {
                        "name": session.subject.name,
                        "created_at": session.created_at,
                        "machine_class": session.machine_class.value,
                        "hardware_id": session.place.hardware.id,
                        "stack_id": session.stack_id,
                        "p50_ns": session.p50_ns,
                    }
                    for session in sessions
                ],
            }
            for sha256, sessions in known.items()
        ],
    }


def _milliseconds(session: BaselineSession) -> str | None:
    return None if session.p50_ns is None else milliseconds(session.p50_ns)
