"""TFLite's reference kernels, whose arithmetic Arm's Ethos-U follows, by LiteRT.

Vela computes the NPU's multipliers and tables "in the same way as in the reference"
(https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela, tag 5.2.0,
ethosu/vela/tflite_graph_optimiser.py, fp_math.py). It promises equal results nowhere.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """What they give for each image; every core takes a share of them."""
    pixels = images.pixels
    if pixels is None:
        raise ValueError("an NPU opens no image files")
    cores = max(1, min(len(pixels), os.cpu_count() or 1))
    with ThreadPoolExecutor(cores) as pool:
        parts = list(pool.map(lambda some: _share(path, some), np.array_split(pixels, cores)))
    return np.concatenate(parts)


def _share(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (put,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = got["quantization"]
    rows = []
    for image in pixels:
        # The codes that a file was certified with are the bytes, for int8 less 128.
        codes = image if put["dtype"] == np.uint8 else (image ^ np.uint8(128)).view(np.int8)
        interpreter.set_tensor(put["index"], np.expand_dims(codes, 0))
        interpreter.invoke()
        found = interpreter.get_tensor(got["index"]).reshape(-1).astype(np.float32)
        rows.append(np.float32(scale) * (found - np.float32(zero_point)))
    return np.stack(rows)
