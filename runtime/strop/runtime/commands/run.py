"""`strop run`: classify images."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime import classifier as classifiers
from strop.runtime.artifact import sha256_file
from strop.runtime.classifier import DEFAULT_TOP, Classifier, Prediction
from strop.runtime.commands.contract_flags import (
    add_contract_flags,
    add_engine_flags,
    contract_from_flags,
)
from strop.runtime.record import installed_version

# History: 1, the first.
FORMAT_VERSION = 1


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "run", help="classify images", description="Classify images with an artifact."
    )
    parser.add_argument("artifact", type=Path, help=".tflite or .onnx")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument(
        "--top",
        type=int,
        default=DEFAULT_TOP,
        metavar="K",
        help=f"classes an image (default: {DEFAULT_TOP})",
    )
    parser.add_argument("--json", action="store_true", help="a record on stdout, not a table")
    add_engine_flags(parser)
    add_contract_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Classify each image and print its labels and scores.

    Raises:
        StropError: As `strop.runtime.open` and `Classifier.classify`.
    """
    contract = contract_from_flags(options, options.artifact)
    with classifiers.open(
        options.artifact, engine=options.engine, num_threads=options.threads, contract=contract
    ) as classifier:
        console.settings(f"run {options.artifact}", settings(classifier))
        results = [(path, classifier.classify(path, top=options.top)) for path in options.images]
        if options.json:
            console.json(_record(options.artifact, classifier, results))
        else:
            console.table(
                ("image", "score", "label"),
                [
                    (str(path), f"{prediction.score:.4f}", prediction.label)
                    for path, predictions in results
                    for prediction in predictions
                ],
            )
    return 0


def settings(classifier: Classifier) -> dict[str, object]:
    """What a command echoes of an opened artifact."""
    contract, facts = classifier.contract, classifier.facts
    return {
        "engine": f"{facts.engine} {facts.version}, {facts.kernels}",
        "threads": facts.num_threads,
        "input": f"{classifier.input.dtype} {list(classifier.input.shape)}",
        "resize": f"{contract.resize.value}, crop fraction {contract.crop_fraction}",
        "mean, std": f"{list(contract.mean)}, {list(contract.std)}",
        "activation": contract.activation.value,
        "labels": len(contract.labels) or None,
    }


def _record(
    artifact: Path, classifier: Classifier, results: list[tuple[Path, tuple[Prediction, ...]]]
) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "artifact": artifact.name,
        "sha256": sha256_file(artifact),
        "engine": asdict(classifier.facts),
        "images": [
            {
                "path": str(path),
                "predictions": [asdict(prediction) for prediction in predictions],
            }
            for path, predictions in results
        ],
    }
