"""What `strop evaluate` prints: rows of a table, notes, and the record of --json."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.agreement import mean_label_interval, why_it_says_nothing
from strop.runtime.classify.decision import answer_in_words
from strop.runtime.classify.evaluate import Evaluation
from strop.runtime.classify.regression_error import OutputError
from strop.runtime.engines import EngineFacts
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.intervals import Interval, wilson_interval

# History: 2 has the task, and what is said of others than classify.
FORMAT_VERSION = 2
COLUMNS = ("", "share", "95 % interval", "images")
ERROR_COLUMNS = (
    "output",
    "mean error",
    "95 % interval",
    "largest",
    "share of spread",
    "95 % interval",
    "largest, share",
)
ANSWERS = {Task.CLASSIFY: "top-1", Task.BINARY: "answer", Task.MULTILABEL: "set of labels"}
RIGHT = {Task.CLASSIFY: "top-1", Task.BINARY: "right", Task.MULTILABEL: "whole set right"}


def rows(result: Evaluation) -> list[tuple[str, str, str, str]]:
    """Shares of images, by COLUMNS; of a task whose answers are not numbers."""
    right, answer = RIGHT[result.task], ANSWERS[result.task]
    counted = (
        (right, result.top1_hits),
        ("top-5", result.top5_hits),
        (f"{right} of the reference", result.against_top1_hits),
        (f"same {answer} as the reference", result.agreed),
    )
    found = [
        (
            name,
            f"{hits / result.n:.4f}",
            _interval(wilson_interval(hits, result.n)),
            f"{hits}/{result.n}",
        )
        for name, hits in counted
        if hits is not None
    ]
    by_label = result.label_agreement
    if by_label:
        mean, least = sum(by_label) / len(by_label), min(by_label)
        interval = _interval(mean_label_interval(by_label, result.n))
        worst = result.names[by_label.index(least)]
        found.append(("same labels as the reference, mean", f"{mean:.4f}", interval, ""))
        found.append((f"of them the least, {worst}", f"{least:.4f}", "", ""))
    precision = result.mean_average_precision
    if precision is not None:
        found.append(("mean average precision", f"{precision:.4f}", "", ""))
    drop = result.drop
    if drop is not None:
        name = f"{right} drop from the reference"
        interval = _interval(drop.interval)
        found.append((name, f"{drop.drop:.4f}", interval, f"{drop.lost}-{drop.won}"))
    return found


def error_rows(result: Evaluation) -> list[tuple[str, ...]]:
    """Errors of a REGRESS task, by ERROR_COLUMNS."""
    return [
        (
            error.output,
            f"{error.mean:.4g}",
            _interval(error.mean_interval, form=".4g"),
            f"{error.largest:.4g}",
            *_of_spread(error),
        )
        for error in result.errors
    ]


def _of_spread(error: OutputError) -> tuple[str, str, str]:
    if error.spread <= 0:
        return ("-", "-", "-")
    low, high = error.mean_interval.low / error.spread, error.mean_interval.high / error.spread
    return (
        f"{error.mean / error.spread:.4f}",
        _interval(Interval(low=low, high=high)),
        f"{error.largest / error.spread:.4f}",
    )


def notes(result: Evaluation) -> list[str]:
    """What the figures do not say by themselves: that one answer for all would do as well."""
    if result.task is Task.REGRESS:
        return [
            f"{error.output}: one number for all images, the reference's mean, would be about as"
            f" near (mean error {error.constant:.4g}); the error says nothing about the artifact"
            for error in result.errors
            if not error.is_telling
        ]
    constant, agreed = result.constant, result.agreed
    if constant is None or agreed is None:
        return []
    answer = answer_in_words(result.task, result.names, constant.answer)
    why = why_it_says_nothing(constant, agreed, answer=answer, reference="the reference")
    return [f"the agreement says nothing about the artifact: {why}"] if why else []


def _interval(interval: Interval, form: str = ".4f") -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"


def record(
    options: argparse.Namespace,
    facts: EngineFacts,
    against_facts: EngineFacts | None,
    result: Evaluation,
) -> dict[str, object]:
    """What --json prints."""

    def counted(hits: int | None) -> dict[str, object] | None:
        if hits is None:
            return None
        interval = asdict(wilson_interval(hits, result.n))
        return {"hits": hits, "share": hits / result.n, "interval": interval}

    found: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "artifact": options.artifact.name,
        "sha256": sha256_file(options.artifact),
        "engine": asdict(facts),
        "task": result.task.value,
        "thresholds": result.thresholds,
        "names": result.names,
        "n": result.n,
        "top1": counted(result.top1_hits),
        "top5": counted(result.top5_hits),
        "mean_average_precision": result.mean_average_precision,
        "errors": [asdict(error) for error in result.errors],
        "notes": notes(result),
        "against": None,
        "truth": result.truth,
        "targets": result.targets,
        "ranked": result.ranked,
        "outputs": result.outputs,
    }
    if against_facts is not None:
        drop = result.drop
        found["against"] = {
            "artifact": options.against.name,
            "sha256": sha256_file(options.against),
            "engine": asdict(against_facts),
            "top1": counted(result.against_top1_hits),
            "agreed": counted(result.agreed),
            "label_agreement": result.label_agreement,
            "drop": None
            if drop is None
            else {
                "share": drop.drop,
                "interval": asdict(drop.interval),
                "only_reference_right": drop.lost,
                "only_artifact_right": drop.won,
            },
            "ranked": result.against,
            "outputs": result.against_outputs,
        }
    return found
