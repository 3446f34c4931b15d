r"""Exports networks that are .onnx files, and tables them.

    uv run python benchmarks/onnx_networks.py DIR/*.onnx --images DIR \
        --output benchmarks/results/onnx_networks.json --page docs/onnx-networks.md

torch_networks.py writes such files. Each network is measured in a process of its own, and the
record is written after each: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from keras_networks.in_turn import Images, add_flags, in_own_process, run
from keras_networks.measured import Measured

MEASURE = Path(__file__).with_name("keras_networks") / "measure_onnx.py"
# torchvision's, in 0..255 units: https://docs.pytorch.org/vision/stable/models.html
MEAN, STD = "123.675,116.28,103.53", "58.395,57.12,57.375"


def main() -> int:
    """Measure what the record does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="an .onnx")
    parser.add_argument("--mean", default=MEAN, metavar="M,M,M", help="default: %(default)s")
    parser.add_argument("--std", default=STD, metavar="S,S,S", help="default: %(default)s")
    add_flags(parser)
    options = parser.parse_args()
    files = {path.stem: path for path in options.files}

    def measure(name: str, images: Images) -> Measured:
        return in_own_process(MEASURE, str(files[name]), images, [options.mean, options.std])

    return run(options, lambda: tuple(files), measure)


if __name__ == "__main__":
    sys.exit(main())
