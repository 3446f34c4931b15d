"""Exports every network of keras.applications as somebody's own .keras file, and tables it.

    uv run python benchmarks/keras_applications.py --images DIR \
        --output benchmarks/results/keras_applications.json --page docs/keras-applications.md

Each network is measured in a process of its own, and the record is written after each: a run that
was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from keras_networks.in_turn import Images, add_flags, in_own_process, run
from keras_networks.measured import Measured

from strop.runtime.errors import SourceError

MEASURE = Path(__file__).with_name("keras_networks") / "measure.py"


def names(only: Sequence[str]) -> tuple[str, ...]:
    """Return the networks to measure.

    Raises:
        SourceError: Keras has no network of that name.
    """
    from keras_networks.networks import network_names  # imports Keras

    known = network_names()
    unknown = [name for name in only if name not in known]
    if unknown:
        raise SourceError(f"--only {','.join(unknown)}: there are {', '.join(known)}")
    return tuple(only) or known


def measure(name: str, images: Images, *, size: int | None) -> Measured:
    """Measure one network."""
    return in_own_process(MEASURE, name, images, [] if size is None else [str(size)])


def main() -> int:
    """Measure what the record does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_flags(parser)
    parser.add_argument(
        "--size", type=int, metavar="PX", help="side of the images (default: each network's own)"
    )
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="NAME,...")
    options = parser.parse_args()
    return run(options, partial(names, options.only), partial(measure, size=options.size))


if __name__ == "__main__":
    sys.exit(main())
