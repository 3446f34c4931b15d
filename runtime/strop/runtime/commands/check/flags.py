"""The flags of `strop check`."""

from __future__ import annotations

import argparse
from pathlib import Path

from strop.runtime.check.judge.gates import GATES
from strop.runtime.check.judge.slo import Slo, slo_from_text
from strop.runtime.check.measure.plan import CheckPlan, Metric
from strop.runtime.check.modes.request import Mode
from strop.runtime.commands.check.outputs import add_output_flags
from strop.runtime.commands.check.self_test import DEFAULT_MINUTES
from strop.runtime.commands.flags.contract import add_engine_flags
from strop.runtime.commands.flags.numbers import percent
from strop.runtime.commands.flags.sign import add_sign_flag
from strop.runtime.commands.flags.target import add_target_flags
from strop.runtime.errors import PlanError
from strop.runtime.units import PERCENT


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
    parser.add_argument(
        "artifacts", nargs="+", type=Path, metavar="NEW", help="a .tflite or .onnx to be checked"
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="OLD",
        help="the artifact to compare with; or DIR#MODEL, by strop baseline",
    )
    _add_mode_flags(parser)
    parser.add_argument(
        "--metric",
        type=Metric,
        choices=list(Metric),
        default=plan.metric,
        metavar="METRIC",
        help=f"{', '.join(Metric)}: what pairs are compared by (default:"
        f" {plan.metric.value}, of the"
        " processor where one thread does the work, so that other tasks do not count)",
    )
    add_engine_flags(parser)
    parser.add_argument(
        "--tol",
        type=percent,
        default=plan.tolerance,
        metavar="PERCENT",
        help=f"up to so much slower is no regression (default: {plan.tolerance * PERCENT:g})",
    )
    parser.add_argument(
        "--limit",
        type=percent,
        default=plan.limit,
        metavar="PERCENT",
        help=f"a pass shows that it is not slower by so much (default: {plan.limit * PERCENT:g})",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--budget",
        type=float,
        default=plan.budget_s,
        metavar="SECONDS",
        help="time for each artifact, at most (default: %(default)g)",
    )
    length.add_argument(
        "--pairs", type=int, metavar="N", help="pairs of processes at most, instead of --budget"
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="of all that is random in the check (default: another one each time)",
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
        help="largest drop of accuracy, as the manifest.json beside NEW certifies it",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with 3 for an inconclusive check, not with 0"
    )
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="test the check on this machine: NEW against its copy, equal and slowed down",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=DEFAULT_MINUTES,
        metavar="N",
        help="duration of --self-test (default: %(default)g)",
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help="combine reports instead: NEW are files of --output, of the same artifacts on"
        " independent machines; a regression is what all of them show",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--output", type=Path, metavar="FILE.json", help="keep the report with all raw samples here"
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite the files of --output and --export"
    )
    add_target_flags(parser)
    add_sign_flag(parser, "the report of --output")
    add_output_flags(parser)


def _add_mode_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mode",
        type=Mode,
        choices=list(Mode),
        metavar="MODE",
        help=f"{', '.join(Mode)} (default: by what there is to compare with)",
    )
    parser.add_argument(
        "--slo",
        type=_slo,
        action="append",
        default=[],
        metavar="P<=TIME",
        help="instead of --baseline: an absolute limit, such as p95<=50ms; can be given several"
        " times",
    )
    parser.add_argument(
        "--baseline-python",
        type=Path,
        metavar="PYTHON",
        help="run the baseline by this Python and its engine, as VENV/bin/python; without"
        " --baseline on NEW itself",
    )


def _slo(text: str) -> Slo:
    try:
        return slo_from_text(text)
    except PlanError as err:
        raise argparse.ArgumentTypeError(str(err)) from err


def _gates(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in GATES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(GATES)}")
    return names
