"""Train one member of each family on Fashion-MNIST, and export each in float and int8.

Run it from the repository's root, with Debian's package dataset-fashion-mnist installed:

    uv run python training/fashion_mnist.py build/fashion_mnist
    uv run python training/families.py build/fashion_mnist build/families

What is done already is kept: ended, it goes on when it is started again. The result is
families.json in the second folder, and a table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.machine.machine import machine
from strop.runtime.records.user_files import write_whole
from strop.runtime.records.version import installed_version

FORMAT_VERSION = 1
CALIBRATION_PER_CLASS = 20
MIB = 1 << 20
MINUTE_S = 60


# Few epochs: more steps in each, and nothing that slows learning down to last longer.
SHORT = ("--batch-size", "64", "--dropout", "0", "--augment", "none")
# Without it a step now and then undoes a hundred others in these.
CLIPPED = (*SHORT, "--clip-norm", "1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """What is trained of a family, for how long and how.

    Attributes:
        model: Of the zoo.
        alpha: Its width multiplier.
        size: Of its input, pixels.
        epochs: Of training.
        recipe: More options of `strop train`.
    """

    model: str
    alpha: float = 1.0
    size: int = 48
    epochs: int = 5
    recipe: tuple[str, ...] = SHORT

    @property
    def name(self) -> str:
        return f"{self.model}_{self.alpha:g}_{self.size}"


MEMBERS = (
    Member(model="mobilenet_v1", alpha=0.5),
    Member(model="mobilenet_v2", alpha=0.35, epochs=6),
    Member(model="mobilenet_v3_small", alpha=0.5, epochs=6, recipe=()),
    Member(model="mobilenet_v3_large", alpha=0.35, recipe=()),
    Member(model="mobilenet_v4_conv_small", alpha=0.5, recipe=CLIPPED),
    Member(model="shufflenet_v2", alpha=1.0),
    Member(model="shufflenet_v1_g1", size=64, recipe=CLIPPED),
    Member(model="efficientnet_b0"),
    Member(model="efficientnet_lite0", recipe=CLIPPED),
)


def strop(*words: object) -> dict[str, Any]:
    """Run the command with --json, and read what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "strop", *map(str, words), "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def trained(member: Member, images: Path, folder: Path) -> dict[str, Any]:
    """The record of its training, which is made where it is missing."""
    output = folder / f"{member.name}.keras"
    record = folder / f"{member.name}.training.json"
    if not record.exists():
        strop(
            *("train", images / "train", "--model", member.model, "--alpha", member.alpha),
            *("--size", member.size, "--epochs", member.epochs, "--resize", "stretch"),
            *(*member.recipe, "--output", output),
        )
    found: dict[str, Any] = json.loads(record.read_text())
    return found


def exported(member: Member, images: Path, folder: Path) -> dict[str, Any]:
    """The manifest of its export, which is made where it is missing."""
    bundle = folder / member.name
    if not bundle.exists():
        strop(
            *("export", folder / f"{member.name}.keras", "--precision", "float32,int8"),
            *("--calibration-data", folder / "calibration", "--output", bundle),
            *("--validation-data", images / "test"),
        )
    found: dict[str, Any] = json.loads((bundle / "manifest.json").read_text())
    return found


def calibration_images(images: Path, folder: Path) -> None:
    """Copies of the first images of each class that is trained on."""
    for kind in sorted((images / "train").iterdir()):
        made = folder / "calibration" / kind.name
        made.mkdir(parents=True, exist_ok=True)
        for path in sorted(kind.iterdir())[:CALIBRATION_PER_CLASS]:
            shutil.copy(path, made)


def result(member: Member, training: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """What is published of a member: its accuracy, sizes and how long it was trained."""
    certificate = manifest["certificate"]
    sizes = {each["file"]: each["size_bytes"] for each in manifest["artifacts"]}
    return {
        **asdict(member),
        "epochs": len(training["epochs"]),
        "training_images": sum(training["training_images"]),
        "training_s": sum(epoch["seconds"] for epoch in training["epochs"]),
        "best_epoch": training["best_epoch"],
        "test_images": certificate["images"],
        "float_top1": certificate["float_top1"],
        "artifacts": [
            {
                "file": each["artifact"],
                "size_bytes": sizes[each["artifact"]],
                "top1": each["top1"],
                "drop_interval": each["drop_interval"],
                "agreement": each["agreement"],
            }
            for each in certificate["verdicts"]
        ],
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("images", type=Path, help="what fashion_mnist.py wrote")
    parser.add_argument("output", type=Path, help="folder to write into")
    parser.add_argument(
        "--members", nargs="+", metavar="NAME", help="make only these, by their names"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="of each, to try things out")
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)
    calibration_images(options.images, options.output)
    results = []
    for member in MEMBERS:
        is_done = (options.output / member.name).exists()
        if options.members and member.name not in options.members and not is_done:
            continue
        if options.epochs:
            member = Member(**{**asdict(member), "epochs": options.epochs})
        console.note(f"{member.name} ...")
        training = trained(member, options.images, options.output)
        manifest = exported(member, options.images, options.output)
        results.append(result(member, training, manifest))
        record = {
            "format_version": FORMAT_VERSION,
            "strop_version": installed_version(),
            "machine": asdict(machine()),
            "members": results,
        }
        write_whole(json.dumps(record, indent=1) + "\n", options.output / "families.json")
    console.table(
        ("member", "minutes", "float %", "int8 .tflite %", "int8 .onnx %", "int8 .tflite MiB"),
        [_row(each) for each in results],
    )
    return 0


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    by_suffix = {
        Path(each["file"]).suffix: each for each in found["artifacts"] if ".int8." in each["file"]
    }
    tflite, onnx = by_suffix[".tflite"], by_suffix[".onnx"]
    return (
        f"{found['model']}_{found['alpha']:g}_{found['size']}",
        f"{found['training_s'] / MINUTE_S:.0f}",
        *(f"{100 * share:.2f}" for share in (found["float_top1"], tflite["top1"], onnx["top1"])),
        f"{tflite['size_bytes'] / MIB:.2f}",
    )


if __name__ == "__main__":
    sys.exit(main())
