"""`strop check`: whether an artifact is slower than a baseline, for CI."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from strop import console
from strop.runtime.check.judge.exit_code import exit_code
from strop.runtime.check.judge.gates import GATES
from strop.runtime.check.judge.mode import Mode
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.termination import ending_on_signals
from strop.runtime.check.modes.paired import GateOptions, check_paired
from strop.runtime.commands.bench.cool_board import cool_board
from strop.runtime.commands.check.budget import run_budget
from strop.runtime.commands.check.merge import add_merge_flag, run_merge
from strop.runtime.commands.check.modes import (
    add_mode_flags,
    baseline_of,
    candidates,
    chosen_mode,
    mode_by_memory,
    note_engines,
    refuse_elsewhere,
)
from strop.runtime.commands.check.on_board import check_on_board, plan_there
from strop.runtime.commands.check.outputs import (
    Report,
    add_output_flags,
    check_outputs,
    refuse_exports,
)
from strop.runtime.commands.check.paired import print_report
from strop.runtime.commands.check.self_test import DEFAULT_MINUTES, qualify, run_self_test
from strop.runtime.commands.check.stored import run_stored
from strop.runtime.commands.flags.contract import add_engine_flags
from strop.runtime.commands.flags.manifest_note import note_manifest
from strop.runtime.commands.flags.numbers import percent
from strop.runtime.commands.flags.target import add_target_flags, has_target
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S
from strop.runtime.records.json_records import require_writable, write_whole
from strop.runtime.units import PERCENT

SEED_BITS = 32


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `strop check`."""
    plan = CheckPlan()
    parser = subparsers.add_parser(
        "check",
        help="whether an artifact is slower than a baseline, for CI",
        description="Measure artifacts beside a baseline file, in pairs of fresh processes, and"
        " say whether they are slower. Exit code 1: a regression is shown; 3: nothing that"
        " counts was measured; 4: no baseline.",
    )
    parser.add_argument("artifacts", nargs="+", type=Path, metavar="NEW")
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="OLD",
        help="the artifact to compare with; or DIR#MODEL, by strop baseline",
    )
    add_mode_flags(parser)
    add_engine_flags(parser)
    parser.add_argument(
        "--tol",
        type=percent,
        default=plan.tolerance,
        metavar="PERCENT",
        help=f"slower by no more is no regression (default: {plan.tolerance * PERCENT:g})",
    )
    parser.add_argument(
        "--limit",
        type=percent,
        default=plan.limit,
        metavar="PERCENT",
        help=f"a pass excludes that it is slower by so much (default: {plan.limit * PERCENT:g})",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--budget",
        type=float,
        default=plan.budget_s,
        metavar="SECONDS",
        help="for each artifact, at most (default: %(default)g)",
    )
    length.add_argument(
        "--pairs", type=int, metavar="N", help="pairs of processes at most, in place of --budget"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of all that is drawn by lot (default: by chance)"
    )
    parser.add_argument(
        "--allow",
        type=_gates,
        default=(),
        metavar="GATE[,GATE]",
        help=f"what may be worse than in the baseline: {', '.join(GATES)}",
    )
    parser.add_argument(
        "--max-drop",
        type=percent,
        metavar="POINTS",
        help="of accuracy, as the manifest.json beside NEW certifies it, at most",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit code 3 for an inconclusive check, not 0"
    )
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="try the check on this machine: NEW against its copy, equal and slowed down",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=DEFAULT_MINUTES,
        metavar="N",
        help="for --self-test (default: %(default)g)",
    )
    add_merge_flag(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--output", type=Path, metavar="FILE.json", help="keep the report with all raw samples here"
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite the files of --output and --export"
    )
    add_target_flags(parser)
    add_output_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, decide, print, keep the report, tell CI.

    Raises:
        BaselineError: There is no baseline file.
        ArtifactError, EngineError, ContractError: What was given cannot be run, or has no
            certificate where one is asked for.
        OutputError: `--output` exists, or a file cannot be written.
        PlanError: Options contradict each other, or ask for what cannot be shown.
        TargetError: The board cannot be reached, or lacks something.
        MeasurementError: It could not be measured.
    """
    with check_outputs(options) as tell:
        return _run(options, tell)


def _run(options: argparse.Namespace, tell: Callable[[Report], None]) -> int:
    plan = _plan(options)
    is_elsewhere = has_target(options)
    if options.merge:
        return run_merge(options, tell, defaults=_defaults())
    if options.self_test:
        return run_self_test(options, plan)
    mode = chosen_mode(options)
    if mode in (Mode.BUDGET, Mode.STORED):
        refuse_exports(options, mode)
        refuse_elsewhere(options, mode)
        return (run_budget if mode is Mode.BUDGET else run_stored)(options, plan, tell)
    refuse_elsewhere(options, mode)
    options.baseline = baseline_of(options)
    if options.output is not None:
        require_writable(options.output, force=options.force)
    if mode is None and not is_elsewhere:
        mode = mode_by_memory(options)
    options.mode = mode
    console.settings("check", _settings(options, plan))
    for path in filter(Path.is_file, options.artifacts):
        note_manifest(path)
    gates = GateOptions(allowed=options.allow, max_drop=options.max_drop)
    measure = check_on_board if is_elsewhere else _measure
    report = measure(options, plan, gates)
    code = exit_code(report, is_strict=options.strict)
    print_report(report, code=code, as_json=options.json)
    note_engines(report)
    if options.output is not None:
        write_whole(report.to_json(), options.output)
        console.note(f"raw samples: {options.output}")
    tell(report)
    return code


def perform(options: argparse.Namespace) -> int:
    """What a board does for `--target`: measure, and print the report with all raw samples.

    Raises:
        StropError: As `run`.
    """
    plan = plan_there(options)
    made = (
        qualify(options, plan)
        if options.self_test
        else _measure(options, plan, GateOptions(allowed=tuple(options.allow)))
    )
    console.line(made.to_json().rstrip())
    return 0


def _measure(options: argparse.Namespace, plan: CheckPlan, gates: GateOptions) -> CheckReport:
    with ending_on_signals(), candidates(options, options.baseline) as (old, news):
        return check_paired(
            old,
            news,
            plan=plan,
            gates=gates,
            cooled=cool_board(DEFAULT_LIMIT_S),
            on_pair=lambda path, done, planned: _say(path, done, planned, plan),
            # A board gets it as text.
            mode=Mode(options.mode) if options.mode else mode_by_memory(options),
        )


def _plan(options: argparse.Namespace) -> CheckPlan:
    seed = secrets.randbits(SEED_BITS) if options.seed is None else options.seed
    return replace(
        CheckPlan(),
        tolerance=options.tol,
        limit=options.limit,
        pairs=options.pairs,
        budget_s=options.budget,
        num_threads=options.threads,
        seed=seed,
    )


def _defaults() -> argparse.Namespace:
    """What no flag at all would be parsed to."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["check", "NEW"])


def _settings(options: argparse.Namespace, plan: CheckPlan) -> dict[str, object]:
    length = (
        f"{plan.stage1_pairs} to {plan.max_pairs} within {plan.budget_s:g} s for each artifact"
        if plan.pairs is None
        else f"{plan.stage1_pairs} to {plan.pairs}"
    )
    return {
        "artifacts": [str(path) for path in options.artifacts],
        "baseline": options.baseline,
        "mode": options.mode.value if options.mode else "paired, as far as the board's memory goes",
        "threads": plan.num_threads,
        "tolerance": f"{plan.tolerance:.1%}",
        "limit": f"{plan.limit:.1%}",
        "pairs": length,
        "inputs": f"{plan.inputs} of random pixels",
        "seed": plan.seed,
        "output": options.output,
    }


def _say(path: Path, done: int, planned: int, plan: CheckPlan) -> None:
    if done == plan.stage1_pairs + 1:
        console.note(
            f"{path.name}: {plan.stage1_pairs} pairs are no clear pass; measuring {planned} at most"
        )


def _gates(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in GATES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(GATES)}")
    return names
