"""Exports the zoo's networks for maps, boxes and points at their usual sizes, and tables them.

    uv run python benchmarks/picture_networks.py --images DIR \
        --output benchmarks/results/picture_networks.json --page docs/zoo.md

Each network is measured in a process of its own, and the record is written after each: a run that
was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from keras_networks.in_turn import Images, add_flags, in_own_process, run
from keras_networks.measured import Measured

from strop.runtime.errors import SourceError

MEASURE = Path(__file__).with_name("keras_networks") / "measure_pictures.py"
# The usual ones; the maps of the zoo have sides that are multiples of 16.
SIZES = {
    "ssdlite_mobilenet_v2": 320,
    "ssdlite_mobilenet_v3_large": 320,
    "deeplab_v3_mobilenet_v2": 256,
    "deeplab_v3_plus_mobilenet_v2": 512,
    "lr_aspp_mobilenet_v3_large": 512,
    "landmarks_mobilenet_v3_large": 224,
}


def names(only: Sequence[str]) -> tuple[str, ...]:
    """Return the networks to measure.

    Raises:
        SourceError: One is not listed here.
    """
    unknown = [name for name in only if name not in SIZES]
    if unknown:
        raise SourceError(f"--only {','.join(unknown)}: there are {', '.join(SIZES)}")
    return tuple(only) or tuple(SIZES)


def measure(name: str, images: Images) -> Measured:
    """Measure one network."""
    return in_own_process(MEASURE, name, images, [str(SIZES[name])])


def main() -> int:
    """Measure what the record does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_flags(parser)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="NAME,...")
    options = parser.parse_args()
    return run(options, lambda: names(options.only), measure)


if __name__ == "__main__":
    sys.exit(main())
