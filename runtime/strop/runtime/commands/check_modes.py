"""Which mode a check runs in: as asked for, or by what there is to compare with."""

from __future__ import annotations

import argparse

from strop.runtime.check.mode import Mode
from strop.runtime.check.slo import Slo, slo_from_text
from strop.runtime.errors import PlanError


def add_mode_flags(parser: argparse.ArgumentParser) -> None:
    """Add --mode and --slo."""
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
        help="in place of --baseline: an absolute limit, as p95<=50ms; several times for several",
    )


def chosen_mode(options: argparse.Namespace) -> Mode:
    """The mode of this check.

    Raises:
        PlanError: The options contradict each other.
    """
    asked: Mode | None = options.mode
    if asked not in (None, Mode.BUDGET) and options.slo:
        raise PlanError(f"--slo and --mode {asked.value}: limits are for --mode budget alone")
    if asked is Mode.BUDGET and not options.slo:
        raise PlanError("--mode budget: no limit is given; needed is --slo 'p95<=50ms'")
    if options.slo and options.baseline is not None:
        raise PlanError(
            "--slo and --baseline: two questions, with two answers; check twice, once with each"
        )
    if options.slo:
        return Mode.BUDGET
    return Mode.PAIRED if asked is None else asked


def _slo(text: str) -> Slo:
    try:
        return slo_from_text(text)
    except PlanError as err:
        raise argparse.ArgumentTypeError(str(err)) from err
