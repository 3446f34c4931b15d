"""Whether strop's networks with a checkpoint of torchvision or timm answer as theirs do.

They draw weights, write their own checkpoints and answer random images; strop reads the checkpoints
and answers the same images.
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

# 2: each network has its library and the versions; 1 had torchvision's only, of one version.
FORMAT_VERSION = 2
ANSWERS = Path(__file__).with_name("pytorch_answers.py")
TIMEOUT_S = 600
MAX_SIZE = 224  # pixels; the networks are the same at every size
TORCHVISION, TIMM = "torchvision", "timm"
NETWORKS: tuple[tuple[str, float, str, str], ...] = (  # the zoo's name, alpha, library, its name
    ("mobilenet_v2", 1.0, TORCHVISION, "mobilenet_v2"),
    ("mobilenet_v3_small", 1.0, TORCHVISION, "mobilenet_v3_small"),
    ("mobilenet_v3_large", 1.0, TORCHVISION, "mobilenet_v3_large"),
    *(
        ("shufflenet_v2", alpha, TORCHVISION, f"shufflenet_v2_x{alpha:.1f}".replace(".", "_"))
        for alpha in (0.5, 1.0, 1.5, 2.0)
    ),
    *(
        (f"efficientnet_b{number}", 1.0, TORCHVISION, f"efficientnet_b{number}")
        for number in range(8)
    ),
    ("mobilenet_v4_conv_small", 0.35, TIMM, "mobilenetv4_conv_small_035"),
    ("mobilenet_v4_conv_small", 0.5, TIMM, "mobilenetv4_conv_small_050"),
    ("mobilenet_v4_hybrid_medium", 0.75, TIMM, "mobilenetv4_hybrid_medium_075"),
    *(
        (f"mobilenet_v4_{each}", 1.0, TIMM, f"mobilenetv4_{each}")
        for each in ("conv_small", "conv_medium", "conv_large", "hybrid_medium", "hybrid_large")
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One network.

    Attributes:
        library: torchvision or timm.
        versions: Of it and of torch.
        network: The library's name.
        size: Side of the images in pixels.
        parameters: That are trained.
        largest: Of the probabilities.
        difference: The largest between probabilities of the two.
        same_top1: Whether both have the same first class for all images.
    """

    library: str
    versions: str
    network: str
    size: int
    parameters: int
    largest: float
    difference: float
    same_top1: bool


def compare(name: str, alpha: float, library: str, function: str, *, python: str) -> Comparison:
    """Compare one network."""
    from strop.export.zoo.torch_weights import torch_model

    size = min(architecture(name).default_size, MAX_SIZE)
    with tempfile.TemporaryDirectory() as folder:
        versions = subprocess.run(
            [python, str(ANSWERS), library, function, str(size), folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
        ).stdout.strip()
        (checkpoint,) = Path(folder).glob("checkpoint.*")
        model = torch_model(name, checkpoint, alpha=alpha, size=size)
        with np.load(Path(folder, "answers.npz"), allow_pickle=False) as drawn:
            images, expected = drawn["images"].transpose(0, 2, 3, 1), drawn["answers"]
    found = model.predict(images, verbose=0)
    return Comparison(
        library=library,
        versions=versions,
        network=function,
        size=size,
        parameters=sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        largest=float(expected.max()),
        difference=float(abs(found - expected).max()),
        same_top1=bool(np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))),
    )


def kept(path: Path | None, found: Sequence[Comparison]) -> list[dict[str, object]]:
    """Networks of an earlier record that were not compared again."""
    if path is None or not path.exists():
        return []
    names = {each.network for each in found}
    before = json.loads(path.read_text())["networks"]
    return [each for each in before if each["network"] not in names]


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print a table, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--python", required=True, help="an interpreter that has torch, torchvision and timm"
    )
    parser.add_argument(
        "--networks", nargs="+", metavar="NAME", help="only these, by their library's name"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.json", help="other networks in it are kept"
    )
    options = parser.parse_args(argv)
    quiet_tensorflow()
    found: list[Comparison] = []
    for name, alpha, library, function in NETWORKS:
        if options.networks and function not in options.networks:
            continue
        comparison = compare(name, alpha, library, function, python=options.python)
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
            "networks": [*kept(options.output, found), *(asdict(each) for each in found)],
        }
        options.output.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
