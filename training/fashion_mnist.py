"""Write Fashion-MNIST as folders of PNG files, for `strop train` and `strop export`.

Run it from the repository's root, with Debian's package dataset-fashion-mnist installed:

    uv run python training/fashion_mnist.py build/fashion_mnist

It writes train/LABEL/NNNNN.png (60,000) and test/LABEL/NNNNN.png (10,000), 28 x 28, grey.

Source: H. Xiao et al., Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms, arXiv:1708.07747.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from train_default import DATASET, read_idx, write_images

PARTS = {"train": "train", "test": "t10k"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write Fashion-MNIST as folders of PNG files.")
    parser.add_argument("output", type=Path, help="folder to write into")
    parser.add_argument("--dataset", type=Path, default=DATASET)
    parser.add_argument("--limit-per-class", type=int, default=6000, metavar="N")
    options = parser.parse_args()
    for part, prefix in PARTS.items():
        images = read_idx(options.dataset / f"{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(options.dataset / f"{prefix}-labels-idx1-ubyte.gz")
        write_images(options.output / part, images, labels, per_class=options.limit_per_class)


if __name__ == "__main__":
    main()
