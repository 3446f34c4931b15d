"""Train the members of the sweep in docs/sweep.md on Fashion-MNIST, all by one recipe.

Run it from the repository's root, with Debian's package dataset-fashion-mnist installed:

    uv run python training/fashion_mnist.py build/fashion_mnist_1500 --limit-per-class 1500
    uv run python training/sweep_weights.py build/fashion_mnist_1500 build/sweep_weights

It writes MODEL_ALPHA_PIXELS.keras, as `strop sweep --weights build/sweep_weights` reads them, and
keeps what is there.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from families import Member, trained

from strop import console

MODELS = ("mobilenet_v1", "mobilenet_v3_small")
ALPHAS = (0.25, 0.5)
SIZES = (32, 40, 48)
EPOCHS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the members of the sweep.")
    parser.add_argument("images", type=Path, help="what fashion_mnist.py wrote")
    parser.add_argument("output", type=Path, help="folder to write into")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for model, alpha, size in itertools.product(MODELS, ALPHAS, SIZES):
        member = Member(model=model, alpha=alpha, size=size, epochs=EPOCHS)
        record = trained(member, options.images, options.output)
        seconds = sum(epoch["seconds"] for epoch in record["epochs"])
        accuracy = record["outputs"][0]["validation"]
        rows.append((member.name, f"{seconds:.0f}", f"{100 * accuracy:.2f}"))
    console.table(("member", "seconds", "validation %"), rows)


if __name__ == "__main__":
    main()
