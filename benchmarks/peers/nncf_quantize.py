"""Runs in NNCF's environment, without strop: quantize one float .onnx.

Usage: python nncf_quantize.py FLOAT.onnx INPUT-NAME IMAGES.npy OUTPUT.onnx
"""

from __future__ import annotations

import json
import sys

import nncf  # type: ignore[import-not-found]  # in an environment of its own
import numpy as np
import onnx
from numpy.typing import NDArray


def main(model: str, name: str, images: str, output: str) -> None:
    """Quantize, save, and write the options as the last line of stdout."""
    pixels = np.load(images)

    def inputs(image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        return {name: image[None].astype(np.float32)}

    quantized = nncf.quantize(
        onnx.load(model),
        nncf.Dataset(list(pixels), inputs),
        subset_size=len(pixels),
        fast_bias_correction=False,
    )
    onnx.save(quantized, output)
    options = {
        "nncf": nncf.__version__,
        "onnx": onnx.__version__,
        "subset_size": len(pixels),
        "fast_bias_correction": False,
        "preset": "default",
    }
    sys.stdout.write("\n" + json.dumps(options) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
