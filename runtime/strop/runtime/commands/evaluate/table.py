"""Makes what `strop evaluate` prints: rows of a table, notes, and the record of --json."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.agreement import Share
from strop.runtime.classify.embedding import EmbeddingError
from strop.runtime.classify.evaluate import Evaluation
from strop.runtime.classify.point_error import PointDistance, PointErrors
from strop.runtime.classify.regression_error import OutputError
from strop.runtime.classify.task_words import WORDS
from strop.runtime.commands.evaluate.on_board import Evaluated
from strop.runtime.commands.evaluate.point_table import point_notes, point_table
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.intervals import Interval
from strop.runtime.units import PERCENT

# History: 2 has the task, and what is said of others than classify; 3 has embeddings; 4 has several
# outputs; 5 has points.
FORMAT_VERSION = 5
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
# With a truth and a reference.
TRUTH_COLUMNS = ("off the truth", "the reference", "drop, % of spread", "95 % interval")


def table(result: Evaluation) -> tuple[tuple[str, ...], Sequence[tuple[str, ...]]]:
    """Name the columns of a task's figures, and make their rows."""
    if result.task is Task.LANDMARKS:
        return point_table(result.comparison)
    if WORDS[result.task].is_error:
        return error_table(result)
    return COLUMNS, rows(result)


def rows(result: Evaluation) -> list[tuple[str, str, str, str]]:
    """Make the rows of shares, by COLUMNS, of a task whose answers are not numbers."""
    right, answer = WORDS[result.task].measure, WORDS[result.task].answer
    compared = result.comparison
    counted = (
        (right, compared.found.top1),
        ("top-5", compared.found.top5),
        (f"{right} of the reference", compared.reference.top1),
        (f"same {answer} as the reference", compared.agreement),
    )
    found = [
        (name, f"{each.share:.4f}", _interval(each.interval), f"{each.hits}/{each.images}")
        for name, each in counted
        if each is not None
    ]
    by_label, interval = compared.label_agreement, compared.label_agreement_interval
    if interval is not None:
        mean, least = sum(by_label) / len(by_label), min(by_label)
        worst = result.names[by_label.index(least)]
        mean_row = ("same labels as the reference, mean", f"{mean:.4f}", _interval(interval), "")
        found += [mean_row, (f"of them the least, {worst}", f"{least:.4f}", "", "")]
    precision = compared.found.mean_average_precision
    if precision is not None:
        found.append(("mean average precision", f"{precision:.4f}", "", ""))
    drop = compared.drop
    if drop is not None:
        name = f"{right} drop from the reference"
        between = _interval(drop.interval)
        found.append((name, f"{drop.drop:.4f}", between, f"{drop.lost}-{drop.won}"))
    return found + _vector_rows(compared.embedding)


def _vector_rows(error: EmbeddingError | None) -> list[tuple[str, str, str, str]]:
    """Make the rows of an EMBED task's cosines and pairs."""
    if error is None:
        return []
    found = [
        ("cosine to the reference, median", f"{error.cosine_median:.5f}", "", ""),
        ("cosine, 1st percentile", f"{error.cosine_low:.5f}", "", ""),
        ("cosine, worst", f"{error.cosine_worst:.5f}", "", ""),
    ]
    pairs = error.verification
    if pairs is not None:
        at = f"pairs judged right at {pairs.threshold:.4f}"
        drop = _interval(pairs.drop_interval)
        found += [
            (at, f"{pairs.accuracy:.4f}", "", ""),
            (f"{at}, the reference", f"{pairs.reference_accuracy:.4f}", "", ""),
            ("drop of these from the reference", f"{pairs.drop:.4f}", drop, ""),
        ]
    return found


def error_table(result: Evaluation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Name the columns of a REGRESS task's errors, and make a row for each number."""
    errors = result.comparison.errors
    is_known = all(error.truth_mean is not None for error in errors)
    rows = [
        (
            error.output,
            f"{error.mean:.4g}",
            _interval(error.mean_interval, form=".4g"),
            f"{error.largest:.4g}",
            *_of_spread(error),
            *(_off_the_truth(error) if is_known else ()),
        )
        for error in errors
    ]
    return (*ERROR_COLUMNS, *(TRUTH_COLUMNS if is_known else ())), rows


def _off_the_truth(error: OutputError) -> tuple[str, ...]:
    low, high = PERCENT * error.drop_interval.low, PERCENT * error.drop_interval.high
    return (
        f"{error.truth_mean:.4g}",
        f"{error.reference_truth_mean:.4g}",
        f"{PERCENT * error.drop:+.2f}",
        _interval(Interval(low=low, high=high), form="+.2f"),
    )


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
    """Warn where one answer for all images would do as well."""
    points = result.comparison.points
    if points is not None:
        return point_notes(points)
    if result.task is Task.REGRESS:
        return [
            f"{error.output}: one number for all images, the reference's mean, would be about as"
            f" near (mean error {error.constant:.4g}); the error says nothing about the artifact"
            for error in result.comparison.errors
            if not error.is_telling
        ]
    why = result.comparison.why_it_says_nothing(result.right, reference="the reference")
    return [f"the agreement says nothing about the artifact: {why}"] if why else []


def _interval(interval: Interval, form: str = ".4f") -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"


def record(options: argparse.Namespace, evaluated: Evaluated) -> dict[str, object]:
    """Make the record that --json prints; of several outputs by their names."""
    found: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "artifact": options.artifact.name,
        "sha256": sha256_file(options.artifact),
        "engine": asdict(evaluated.engine),
    }
    reference: dict[str, object] | None = None
    if evaluated.against_engine is not None:
        reference = {
            "artifact": options.against.name,
            "sha256": sha256_file(options.against),
            "engine": asdict(evaluated.against_engine),
        }
    said = [_of_output(result, reference) for result in evaluated.results]
    if len(said) == 1:
        return found | said[0]
    return found | {"outputs": dict(zip(evaluated.outputs, said, strict=True))}


def _of_output(result: Evaluation, reference: dict[str, object] | None) -> dict[str, object]:
    compared = result.comparison
    found: dict[str, object] = {
        "task": result.task.value,
        "thresholds": result.thresholds,
        "names": result.names,
        "n": result.n,
        "top1": _counted(compared.found.top1),
        "top5": _counted(compared.found.top5),
        "mean_average_precision": compared.found.mean_average_precision,
        "errors": [asdict(error) for error in compared.errors],
        "points": _fields(compared.found.points),
        "notes": notes(result),
        "against": None,
        "truth": result.truth,
        "targets": result.targets,
        "ranked": result.ranked,
        "outputs": result.outputs,
    }
    if reference is not None:
        drop = compared.drop
        found["against"] = {
            **reference,
            "top1": _counted(compared.reference.top1),
            "agreed": _counted(compared.agreement),
            "label_agreement": compared.label_agreement,
            "embedding": _fields(compared.embedding),
            "points": _fields(compared.points),
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


def _fields(found: EmbeddingError | PointDistance | PointErrors | None) -> dict[str, object] | None:
    return None if found is None else asdict(found)


def _counted(found: Share | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {"hits": found.hits, "share": found.share, "interval": asdict(found.interval)}
