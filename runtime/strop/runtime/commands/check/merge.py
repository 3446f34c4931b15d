"""`strop check --merge`: what reports of several machines say together."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from strop import console
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.exit_code import exit_code_of
from strop.runtime.check.judge.report import read_check_report
from strop.runtime.check.modes.merge import MergedArtifact, MergedReport, merge
from strop.runtime.commands.check.paired import print_changes
from strop.runtime.errors import PlanError
from strop.runtime.reporting.merge import merged_summary
from strop.runtime.reporting.paired import summary

OF_MERGE = frozenset({"merge", "artifacts", "strict", "json", "junit", "markdown"})
REMEDIES = {
    Verdict.INCONCLUSIVE: "check once more on a fresh machine; this is no pass",
    Verdict.INVALID: "check again on quieter machines; nothing was shown",
}


def run_merge(
    options: argparse.Namespace,
    tell: Callable[[MergedReport], None],
    *,
    defaults: argparse.Namespace,
) -> int:
    """Read the reports, print and tell what they say together.

    Args:
        options: `artifacts` are the reports.
        tell: Tells CI.
        defaults: What `options` would be without any flag.

    Raises:
        PlanError: An option is of measuring, or the reports do not belong together.
        MeasurementError: A file is no report.
    """
    _refuse_others(options, defaults)
    report = merge([read_check_report(path) for path in options.artifacts])
    code = exit_code_of(
        {each.verdict for each in report.artifacts},
        has_failed=any(each.failed_gates for each in report.artifacts),
        is_strict=options.strict,
    )
    if options.json:
        console.json(_as_json(report, code))
    for artifact in report.artifacts:
        if not options.json:
            _print(artifact, report)
        if artifact.verdict in REMEDIES:
            console.note(
                f"warning: {artifact.subject.name} is {artifact.verdict.value}:"
                f" {'; '.join(artifact.reasons)}; {REMEDIES[artifact.verdict]}"
            )
    tell(report)
    return code


def _print(artifact: MergedArtifact, report: MergedReport) -> None:
    console.line(merged_summary(artifact))
    for where, each in zip(report.where, artifact.occasions, strict=True):
        console.line(f"  {where}: {summary(each)}")
    print_changes(artifact.changes)


def _as_json(report: MergedReport, code: int) -> dict[str, object]:
    return {
        "exit_code": code,
        "reports": report.where,
        "baseline_sha256": report.baseline.sha256,
        "artifacts": [
            {
                "name": each.subject.name,
                "sha256": each.subject.sha256,
                "verdict": each.verdict.value,
                "reasons": each.reasons,
                "failed_gates": each.failed_gates,
                "occasions": [
                    {
                        "report": where,
                        "verdict": checked.decision.verdict.value,
                        "ratio": checked.decision.ratio,
                        "summary": summary(checked),
                    }
                    for where, checked in zip(report.where, each.occasions, strict=True)
                ],
            }
            for each in report.artifacts
        ],
    }


def _refuse_others(options: argparse.Namespace, defaults: argparse.Namespace) -> None:
    given = [
        f"--{name.replace('_', '-')}"
        for name, value in vars(defaults).items()
        if name not in OF_MERGE and getattr(options, name) != value
    ]
    if given:
        raise PlanError(
            f"--merge and {', '.join(given)}: nothing is measured, the reports have their"
            " thresholds; leave it out"
        )


def add_merge_flag(parser: argparse.ArgumentParser) -> None:
    """Add --merge."""
    parser.add_argument(
        "--merge",
        action="store_true",
        help="NEW are reports of --output, on the same files by independent machines: a regression"
        " is what all of them show",
    )
