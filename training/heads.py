"""Train networks for labels, for numbers and for both beside the class, and export each in int8.

Run it from the repository's root, with Debian's package dataset-fashion-mnist installed:

    uv run python training/fashion_mnist.py build/fashion_mnist --limit-per-class 2000
    uv run python training/image_targets.py build/fashion_mnist build/targets
    uv run python training/heads.py build/fashion_mnist build/targets build/heads

What is done already is kept: ended, it goes on when it is started again. The result is heads.json
in the last folder, and the table of docs/train.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from families import CLIPPED, MINUTE_S, calibration_images, strop

from strop import console
from strop.runtime.machine.machine import machine
from strop.runtime.records.user_files import write_whole
from strop.runtime.records.version import installed_version

FORMAT_VERSION = 1
NETWORK = ("--model", "mobilenet_v2", "--alpha", "0.35", "--size", "48", "--resize", "stretch")
POINTS = 100
HEADINGS = ("member", "output", "figure", "float", "int8 `.tflite`", "int8 `.onnx`", "worse by")


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A network and what it learns.

    Attributes:
        name: Of its files.
        tasks: Each output's, by its name; "" for the name of an only one.
        epochs: Of training.
    """

    name: str
    tasks: Mapping[str, str]
    epochs: int = 4

    def flags(self) -> Iterator[str]:
        """The outputs, as `strop train` is asked for them."""
        for output, task in self.tasks.items():
            yield from ("--task", f"{output}={task}" if output else task)

    def tables(self, targets: Path, part: str) -> Iterator[str]:
        """Name the tables of those that do not classify."""
        for output, task in self.tasks.items():
            if task != "classify":
                table = targets / f"{part}.{output or self.name}.csv"
                yield from ("--truth", f"{output}={table}" if output else str(table))


MEMBERS = (
    Member(name="look", tasks={"": "multilabel"}),
    Member(name="size", tasks={"": "regress"}),
    Member(
        name="three",
        tasks={"class": "classify", "look": "multilabel", "size": "regress"},
        epochs=5,
    ),
)


def made(member: Member, images: Path, targets: Path, folder: Path) -> dict[str, Any]:
    """Train and export a member where that is not done, and return what is published of it."""
    model, bundle = folder / f"{member.name}.keras", folder / member.name
    record = model.with_suffix(".training.json")
    if not record.exists():
        strop(
            *("train", images / "train", *NETWORK, *CLIPPED, "--epochs", member.epochs),
            *(*member.flags(), *member.tables(targets, "train"), "--output", model),
        )
    if not bundle.exists():
        strop(
            *("export", model, "--calibration-data", folder / "calibration", "--output", bundle),
            *("--validation-data", images / "test", *member.tables(targets, "test")),
        )
    training = json.loads(record.read_text())
    certificate = json.loads((bundle / "manifest.json").read_text())["certificate"]
    others = certificate.pop("beside", [])
    return {
        "name": member.name,
        "tasks": dict(member.tasks),
        "training_images": sum(training["training_images"]),
        "training_s": sum(epoch["seconds"] for epoch in training["epochs"]),
        "best_epoch": training["best_epoch"],
        "certificates": [certificate, *others],
    }


def rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Make the table's rows of a member: a figure of each output, or of each of its numbers."""
    for certificate in found["certificates"]:
        output = certificate.get("output") or found["name"]
        pair = [_verdict(certificate, suffix) for suffix in (".tflite", ".onnx")]
        if certificate["task"] == "regress":
            for each in zip(*(verdict["errors"] for verdict in pair), strict=True):
                yield (found["name"], output, *_error_cells(each))
            continue
        figure = "right" if certificate["task"] == "classify" else "all labels right"
        float_top1 = certificate["float_top1"]
        yield (
            found["name"],
            output,
            figure,
            *(
                f"{POINTS * share:.2f} %"
                for share in (float_top1, *(each["top1"] for each in pair))
            ),
            _interval(pair[0]["drop"], pair[0]["drop_interval"], POINTS, "points"),
        )


def _error_cells(pair: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    error = pair[0]
    before = error["reference_truth_mean"]
    errors = (before, *(each["truth_mean"] for each in pair))
    of_float = POINTS * error["spread"] / before
    return (
        f"mean error of {error['output']}",
        *(f"{each:.4g}" for each in errors),
        _interval(error["drop"], error["drop_interval"], of_float, "%"),
    )


def _interval(value: float, ends: Mapping[str, float], factor: float, unit: str) -> str:
    low, high = factor * ends["low"], factor * ends["high"]
    return f"{factor * value:+.2f} {unit} [{low:+.2f}, {high:+.2f}]"


def _verdict(certificate: Mapping[str, Any], suffix: str) -> Mapping[str, Any]:
    (found,) = (one for one in certificate["verdicts"] if one["artifact"].endswith(suffix))
    verdict: Mapping[str, Any] = found
    return verdict


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("images", type=Path, help="what fashion_mnist.py wrote")
    parser.add_argument("targets", type=Path, help="what image_targets.py wrote")
    parser.add_argument("output", type=Path, help="folder to write into")
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)
    calibration_images(options.images, options.output)
    results = []
    for member in MEMBERS:
        console.note(f"{member.name} ...")
        results.append(made(member, options.images, options.targets, options.output))
        record = {
            "format_version": FORMAT_VERSION,
            "strop_version": installed_version(),
            "machine": asdict(machine()),
            "members": results,
        }
        write_whole(json.dumps(record, indent=1) + "\n", options.output / "heads.json")
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row for each in results for row in rows(each))]
    for line in lines:
        console.line(f"| {' | '.join(line)} |")
    for each in results:
        console.note(f"{each['name']}: {each['training_s'] / MINUTE_S:.0f} minutes of training")
    return 0


if __name__ == "__main__":
    sys.exit(main())
