"""Hold strop's int8 files of maps, boxes and points against those of the other tools.

    uv run python benchmarks/picture_peers.py MODEL.keras --images DIR --truth MASKS|FILE \
        --calibration-data DIR --strop DIR --output results.json

MODEL.keras is of `strop train`, DIR of --strop what `strop export MODEL.keras` made of it.
TFLiteConverter (full int8) and quantize_static make their files of the same model and calibration
images, in this run. All files see the same images; the figure is the mean IoU, the mean average
precision (COCO's, and at IoU 0.5), or the mean distance of points, on the input. Latency is of
single inferences, in turn, in short blocks: the ratio to the float file of the same engine is the
median over the rounds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from strop import console
from strop.export.tensorflow_logs import quiet_tensorflow
from strop.runtime.errors import StropError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Hold strop's int8 files of maps, boxes and points against other tools'.",
        allow_abbrev=False,
    )
    parser.add_argument("model", type=Path, help="a .keras of strop train")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--truth", type=Path, required=True, metavar="MASKS|FILE")
    parser.add_argument("--calibration-data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--calibration-limit", type=int, default=200, metavar="N")
    parser.add_argument("--strop", type=Path, metavar="DIR", help="an export of the same model")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, keep the record; 1 if a tool failed."""
    options = parser().parse_args(arguments)
    quiet_tensorflow()
    # Only now: importing it imports TensorFlow.
    from peers.pictures import compare_pictures

    try:
        return compare_pictures(options)
    except StropError as err:
        console.error(str(err))
        return err.exit_code


if __name__ == "__main__":
    sys.exit(main())
