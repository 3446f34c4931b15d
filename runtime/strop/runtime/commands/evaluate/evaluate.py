"""`strop evaluate`: accuracy on a folder of images, and agreement with another artifact."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.evaluate import Evaluation, evaluate_outputs
from strop.runtime.classify.output_truth import known_images, require_any_truth, truth_of
from strop.runtime.classify.truth import evenly
from strop.runtime.commands.evaluate import table as report
from strop.runtime.commands.evaluate.boxes import evaluate_boxes, gives_boxes
from strop.runtime.commands.evaluate.masks import evaluate_masks, gives_map
from strop.runtime.commands.evaluate.on_board import (
    EVALUATE,
    Evaluated,
    EvaluateRequest,
    TruthTable,
    evaluate_on_board,
)
from strop.runtime.commands.evaluate.picture_answers import PICTURES, answer_pictures
from strop.runtime.commands.flags.contract import (
    add_contract_flags,
    add_engine_flags,
    open_as_given,
    opening_from_flags,
    opening_of_reference,
)
from strop.runtime.commands.flags.of_output import add_by_output, by_output
from strop.runtime.commands.flags.target import add_target_flags, target_of
from strop.runtime.commands.notes import note_manifest, note_remark, settings
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
        " regression and of landmarks: how far they are off.",
    )
    parser.add_argument("artifact", type=Path, help=".tflite or .onnx")
    parser.add_argument(
        "folder", type=Path, help="images; with one subfolder per class they are labelled"
    )
    parser.add_argument(
        "--against", type=Path, metavar="ARTIFACT", help="the reference to compare with"
    )
    add_by_output(
        parser,
        "--truth",
        Path,
        "FILE",
        "CSV with what is true of each image: its path below the folder, then a column per"
        " label (1 or 0), or per number of a regression; of landmarks NAME_x and NAME_y in the"
        " image's pixels, empty where a point is not there; the first line names the columns. Of"
        " several outputs one for each, by name. Of a detector a COCO file (.json), or a folder"
        " with a VOC file (.xml) for each image",
    )
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="of a segmentation model: what is true of each pixel, a PNG for each image under its"
        " path below the folder, whose pixels are classes; 255 is not counted",
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
            `evaluate_on_board`; two tables are for one output.
    """
    tables = by_output("--truth", options.truth)
    for path in filter(None, (options.artifact, options.against)):
        note_manifest(path)
    opening = opening_from_flags(options)
    if gives_boxes(opening):
        return evaluate_boxes(options)
    # For a board's sake this machine may be without an engine.
    if options.masks is not None or gives_map(opening, may_open=options.target is None):
        return evaluate_masks(options)
    request = EvaluateRequest(
        opening=opening,
        folder=options.folder,
        against=options.against,
        truth=tuple(TruthTable(output=name, file=file) for name, file in tables.items()),
        limit=options.limit,
    )
    target = target_of(options)
    if target is None:
        evaluated = _evaluate(request)
    else:
        images = evenly(list_images(options.folder), options.limit)
        evaluated = evaluate_on_board(target, request, images)
    if options.json:
        console.json(report.record(options, evaluated))
        return 0
    for at, (name, result) in enumerate(zip(evaluated.outputs, evaluated.results, strict=True)):
        if at:
            console.gap()
        _show(result, name if len(evaluated.results) > 1 else "")
    return 0


def _show(result: Evaluation, output: str) -> None:
    """Print the table and the notes of one output; it is named where there are several."""
    (first, *columns), rows = report.table(result)
    console.table((f"{output}: {first}" if output else first, *columns), rows)
    for note in report.notes(result):
        console.note(f"{output}: {note}" if output else note)


def _evaluate(request: EvaluateRequest) -> Evaluated:
    opening = request.opening
    with ExitStack() as stack:
        classifier = stack.enter_context(open_as_given(opening))
        against = None
        if request.against is not None:
            reference = opening_of_reference(opening, request.against)
            against = stack.enter_context(open_as_given(reference))
        tables = {table.output: table.file for table in request.truth}
        known = known_images(classifier, request.folder, tables)
        if against is None:
            require_any_truth(classifier, known, request.folder)
        known = [found.spread(request.limit) for found in known]
        paths = known[0].paths
        echoed = {**settings(classifier), "images": len(paths), "folder": request.folder}
        for head, found in zip(classifier.heads, known, strict=True):
            if head.decision and head.decision.task is Task.BINARY and found.classes is not None:
                below, above = found.labels
                echoed["subfolders"] = f"{below} below the threshold, {above} at or above it"
        if request.truth:
            echoed["truth"] = ", ".join(str(table.file) for table in request.truth)
        if against is not None:
            echoed["against"] = request.against
            echoed["its engine"] = settings(against)["engine"]
        console.settings(f"evaluate {opening.artifact}", echoed)
        for opened in filter(None, (classifier, against)):
            note_remark(opened)
        truths = [truth_of(*each) for each in zip(classifier.heads, known, strict=True)]
        results = evaluate_outputs(
            classifier, paths, truths, against=against, progress=console.progress
        )
        return Evaluated(
            engine=classifier.facts,
            against_engine=None if against is None else against.facts,
            outputs=tuple(head.name for head in classifier.heads),
            results=results,
        )


ON_BOARD = (
    Work(command=EVALUATE, perform=lambda request: [_evaluate(request)]),
    Work(command=PICTURES, perform=answer_pictures),
)
