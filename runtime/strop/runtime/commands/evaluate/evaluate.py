"""`strop evaluate`: accuracy on a folder of images, and agreement with another artifact."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.evaluate import evaluate
from strop.runtime.classify.truth import evenly, images_with_truth, require_truth
from strop.runtime.commands.evaluate import table as report
from strop.runtime.commands.evaluate.on_board import (
    EVALUATE,
    Evaluated,
    EvaluateRequest,
    evaluate_on_board,
)
from strop.runtime.commands.flags.contract import (
    add_contract_flags,
    add_engine_flags,
    open_as_given,
    opening_from_flags,
)
from strop.runtime.commands.flags.target import add_target_flags, target_of
from strop.runtime.commands.notes import note_manifest, note_remark, settings
from strop.runtime.engines import engine_that_fits
from strop.runtime.images.dataset import list_images
from strop.runtime.remote.command import Work


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "evaluate",
        help="accuracy on a folder of images, and agreement with another artifact",
        description="How often the answers are right on a folder with one subfolder per class (of"
        " a binary task: two, first the one below the threshold), or by a table of --truth; with"
        " --against also how often they are the reference's, on any folder of images. Of a"
        " regression: how far the numbers are off.",
    )
    parser.add_argument("artifact", type=Path, help=".tflite or .onnx")
    parser.add_argument(
        "folder", type=Path, help="images; with one subfolder per class they are labelled"
    )
    parser.add_argument(
        "--against", type=Path, metavar="ARTIFACT", help="the reference to compare with"
    )
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        help="CSV with what is true of each image: its path below the folder, then a column per"
        " label (1 or 0), or per number of a regression; the first line names the columns",
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only N images, spread evenly over the folder"
    )
    parser.add_argument("--json", action="store_true", help="a record on stdout, not a table")
    add_engine_flags(parser)
    add_contract_flags(parser)
    add_target_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print shares with 95 % intervals.

    Raises:
        StropError: As `strop.runtime.open`, `labelled_images`, `evaluate` and
            `evaluate_on_board`.
    """
    for path in filter(None, (options.artifact, options.against)):
        note_manifest(path)
    request = EvaluateRequest(
        opening=opening_from_flags(options),
        folder=options.folder,
        against=options.against,
        truth=options.truth,
        limit=options.limit,
    )
    target = target_of(options)
    if target is None:
        evaluated = _evaluate(request)
    else:
        images = evenly(list_images(options.folder), options.limit)
        evaluated = evaluate_on_board(target, request, images)
    result = evaluated.result
    if options.json:
        record = report.record(options, evaluated.engine, evaluated.against_engine, result)
        console.json(record)
        return 0
    if result.task is Task.REGRESS:
        console.table(*report.error_table(result))
    else:
        console.table(report.COLUMNS, report.rows(result))
    for note in report.notes(result):
        console.note(note)
    return 0


def _evaluate(request: EvaluateRequest) -> Evaluated:
    opening = request.opening
    with ExitStack() as stack:
        classifier = stack.enter_context(open_as_given(opening))
        against = None
        if request.against is not None:
            engine = engine_that_fits(opening.engine, request.against)
            reference = replace(opening, artifact=request.against, engine=engine)
            against = stack.enter_context(open_as_given(reference))
        decision, labels = classifier.known_decision(), classifier.contract.labels
        found = images_with_truth(request.folder, request.truth, decision=decision, labels=labels)
        if against is None:
            require_truth(found, request.folder, decision, labels)
        found = found.spread(request.limit)
        echoed = {**settings(classifier), "images": len(found.paths), "folder": request.folder}
        if decision.task is Task.BINARY and found.classes is not None:
            below, above = found.labels
            echoed["subfolders"] = f"{below} below the threshold, {above} at or above it"
        if request.truth is not None:
            echoed["truth"] = request.truth
        if against is not None:
            echoed["against"] = request.against
            echoed["its engine"] = settings(against)["engine"]
        console.settings(f"evaluate {opening.artifact}", echoed)
        for opened in filter(None, (classifier, against)):
            note_remark(opened)
        result = evaluate(
            classifier,
            found.images,
            targets=found.targets,
            against=against,
            progress=console.progress,
        )
        return Evaluated(
            engine=classifier.facts,
            against_engine=None if against is None else against.facts,
            result=result,
        )


ON_BOARD = (Work(command=EVALUATE, perform=lambda request: [_evaluate(request)]),)
