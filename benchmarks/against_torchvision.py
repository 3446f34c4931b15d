"""Whether strop's networks with a checkpoint of torchvision answer as torchvision does.

torchvision draws weights, writes its own checkpoints and answers random images; strop reads the
checkpoints and answers the same ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from strop import console
from strop.export.tensorflow_logs import quiet_tensorflow
from strop.export.zoo.architectures import architecture
from strop.runtime.records.version import installed_version

FORMAT_VERSION = 1
ANSWERS = Path(__file__).with_name("torchvision_answers.py")
TIMEOUT_S = 600
MAX_SIZE = 224  # pixels; the networks are the same at every size
NETWORKS: tuple[tuple[str, float, str], ...] = (  # the zoo's name, alpha, torchvision's
    ("mobilenet_v2", 1.0, "mobilenet_v2"),
    ("mobilenet_v3_small", 1.0, "mobilenet_v3_small"),
    ("mobilenet_v3_large", 1.0, "mobilenet_v3_large"),
    *(
        ("shufflenet_v2", alpha, f"shufflenet_v2_x{alpha:.1f}".replace(".", "_"))
        for alpha in (0.5, 1.0, 1.5, 2.0)
    ),
    *((f"efficientnet_b{number}", 1.0, f"efficientnet_b{number}") for number in range(8)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One network.

    Attributes:
        network: torchvision's name.
        size: Side of the images in pixels.
        parameters: That are trained.
        largest: Of the probabilities.
        difference: The largest between probabilities of the two.
        same_top1: Whether both have the same first class for all images.
    """

    network: str
    size: int
    parameters: int
    largest: float
    difference: float
    same_top1: bool


def compare(name: str, alpha: float, function: str, *, python: str) -> tuple[Comparison, str]:
    """One network's comparison, and the versions of the other side."""
    from strop.export.zoo.torch_weights import torch_model

    size = min(architecture(name).default_size, MAX_SIZE)
    with tempfile.TemporaryDirectory() as folder:
        versions = subprocess.run(
            [python, str(ANSWERS), function, str(size), folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
        ).stdout.strip()
        model = torch_model(name, Path(folder, f"{function}.pth"), alpha=alpha, size=size)
        with np.load(Path(folder, f"{function}.npz"), allow_pickle=False) as drawn:
            images, expected = drawn["images"].transpose(0, 2, 3, 1), drawn["answers"]
    found = model.predict(images, verbose=0)
    return Comparison(
        network=function,
        size=size,
        parameters=sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        largest=float(expected.max()),
        difference=float(abs(found - expected).max()),
        same_top1=bool(np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))),
    ), versions


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print a table, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--python", required=True, help="an interpreter that has torch and torchvision"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    options = parser.parse_args(argv)
    quiet_tensorflow()
    found, versions = [], ""
    for name, alpha, function in NETWORKS:
        comparison, versions = compare(name, alpha, function, python=options.python)
        found.append(comparison)
        console.note(f"{function}: {comparison.difference:.1e}")
    console.table(
        ("network", "pixels", "parameters", "largest", "difference", "same top-1"),
        [
            (
                *(each.network, each.size, each.parameters, f"{each.largest:.3f}"),
                *(f"{each.difference:.1e}", "yes" if each.same_top1 else "no"),
            )
            for each in found
        ],
    )
    if options.output is not None:
        record = {
            "format_version": FORMAT_VERSION,
            "strop_version": installed_version(),
            "against": versions,
            "networks": [asdict(each) for each in found],
        }
        options.output.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
