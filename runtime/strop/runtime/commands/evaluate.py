"""`strop evaluate`: accuracy on a folder of images, and agreement with another artifact."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from strop import console
from strop.runtime import classifier as classifiers
from strop.runtime.artifact import detect_format, sha256_file
from strop.runtime.classifier import Classifier
from strop.runtime.commands.contract_flags import (
    add_contract_flags,
    add_engine_flags,
    contract_from_flags,
)
from strop.runtime.commands.evaluate_on_board import evaluate_on_board
from strop.runtime.commands.manifest_note import note_manifest
from strop.runtime.commands.run import settings
from strop.runtime.commands.target_flags import add_target_flags, has_target
from strop.runtime.dataset import LabelledImage, is_labelled, labelled_images, list_images
from strop.runtime.engines import ENGINES, EngineFacts
from strop.runtime.errors import ImageError
from strop.runtime.evaluate import Evaluation, evaluate
from strop.runtime.record import installed_version
from strop.runtime.statistics import Interval, paired_drop_interval, wilson_interval

T = TypeVar("T")
# History: 1, the first.
FORMAT_VERSION = 1


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "evaluate",
        help="accuracy on a folder of images, and agreement with another artifact",
        description="Top-1 and top-5 on a folder with one subfolder a class; with --against"
        " also the agreement, on any folder of images.",
    )
    parser.add_argument("artifact", type=Path, help=".tflite or .onnx")
    parser.add_argument("folder", type=Path, help="images, in one subfolder a class if labelled")
    parser.add_argument(
        "--against", type=Path, metavar="ARTIFACT", help="the reference to compare with"
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
        note_manifest(path, sha256_file(path))
    if has_target(options):
        images = _spread(list_images(options.folder), options.limit)
        facts, against_facts, result = evaluate_on_board(options, images)
    else:
        facts, against_facts, result = _evaluate(options)
    if options.json:
        console.json(_record(options, facts, against_facts, result))
    else:
        console.table(("", "share", "95 % interval", "images"), _rows(result))
    return 0


def _evaluate(options: argparse.Namespace) -> tuple[EngineFacts, EngineFacts | None, Evaluation]:
    with ExitStack() as stack:
        classifier = stack.enter_context(_open(options, options.artifact))
        against = (
            None
            if options.against is None
            else stack.enter_context(_open(options, options.against))
        )
        images = _images(options, classifier)
        echoed = {**settings(classifier), "images": len(images), "folder": options.folder}
        if against is not None:
            echoed["against"] = options.against
            echoed["its engine"] = settings(against)["engine"]
        console.settings(f"evaluate {options.artifact}", echoed)

        def progress(steps: Iterator[None]) -> Iterator[None]:
            return console.progress(steps, len(images), "classifying")

        result = evaluate(classifier, images, against=against, progress=progress)
        return classifier.facts, None if against is None else against.facts, result


def _open(options: argparse.Namespace, path: Path) -> Classifier:
    engine = options.engine
    is_reference = path is options.against
    if is_reference and engine is not None and ENGINES[engine].format is not detect_format(path):
        engine = None  # --engine is for the artifact; the reference may be of the other format
    contract = contract_from_flags(options, path)
    return classifiers.open(path, engine=engine, num_threads=options.threads, contract=contract)


def _images(options: argparse.Namespace, classifier: Classifier) -> tuple[LabelledImage, ...]:
    labels = classifier.contract.labels
    if labels and is_labelled(options.folder):
        images = labelled_images(options.folder, labels)
    elif options.against is not None:
        paths = list_images(options.folder)
        images = tuple(LabelledImage(path=path, class_index=None) for path in paths)
    else:
        found = "images outside of subfolders" if labels else "an artifact without labels"
        raise ImageError(
            f"{options.folder}: {found}, so no answer can be right or wrong; sort the images into"
            " one subfolder a class and give --labels, or give --against ARTIFACT"
        )
    return _spread(images, options.limit)


def _spread(images: tuple[T, ...], limit: int | None) -> tuple[T, ...]:
    """At most `limit` images; the first ones would be of the first classes only."""
    if limit is None or limit >= len(images):
        return images
    if limit < 1:
        raise ImageError(f"--limit is {limit}; needed is 1 or more")
    return tuple(images[i * len(images) // limit] for i in range(limit))


def _rows(result: Evaluation) -> list[tuple[str, str, str, str]]:
    counted = (
        ("top-1", result.top1_hits),
        ("top-5", result.top5_hits),
        ("top-1 of the reference", result.against_top1_hits),
        ("same top-1 as the reference", result.agreed),
    )
    rows = [
        (
            name,
            f"{hits / result.n:.4f}",
            _interval(wilson_interval(hits, result.n)),
            f"{hits}/{result.n}",
        )
        for name, hits in counted
        if hits is not None
    ]
    drop = _drop(result)
    if drop is not None:
        share, interval, only_reference, only_artifact = drop
        rows.append(
            (
                "top-1 drop from the reference",
                f"{share:.4f}",
                _interval(interval),
                f"{only_reference}-{only_artifact}",
            )
        )
    return rows


def _drop(result: Evaluation) -> tuple[float, Interval, int, int] | None:
    lost, gained = result.only_reference_right, result.only_artifact_right
    if lost is None or gained is None:
        return None
    interval = paired_drop_interval(lost, gained, result.n)
    return (lost - gained) / result.n, interval, lost, gained


def _interval(interval: Interval) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}"


def _record(
    options: argparse.Namespace,
    facts: EngineFacts,
    against_facts: EngineFacts | None,
    result: Evaluation,
) -> dict[str, object]:
    def counted(hits: int | None) -> dict[str, object] | None:
        if hits is None:
            return None
        interval = asdict(wilson_interval(hits, result.n))
        return {"hits": hits, "share": hits / result.n, "interval": interval}

    record: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "artifact": options.artifact.name,
        "sha256": sha256_file(options.artifact),
        "engine": asdict(facts),
        "n": result.n,
        "top1": counted(result.top1_hits),
        "top5": counted(result.top5_hits),
        "against": None,
        "truth": result.truth,
        "ranked": result.ranked,
    }
    if against_facts is not None:
        drop = _drop(result)
        record["against"] = {
            "artifact": options.against.name,
            "sha256": sha256_file(options.against),
            "engine": asdict(against_facts),
            "top1": counted(result.against_top1_hits),
            "agreed": counted(result.agreed),
            "drop": None
            if drop is None
            else {
                "share": drop[0],
                "interval": asdict(drop[1]),
                "only_reference_right": drop[2],
                "only_artifact_right": drop[3],
            },
            "ranked": result.against,
        }
    return record
