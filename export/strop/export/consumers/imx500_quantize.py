"""Quantizes a float .onnx for the IMX500 with Sony's Model Compression Toolkit.

    python quantize.py MODEL.onnx calibration.npy quantized.onnx

`strop export --for imx500` hands this file over with the model. It needs edge-mdt[pt] and
onnx2torch, and nothing of strop.

Sources: https://github.com/SonySemiconductorSolutions/mct-model-optimization ;
the README of the package edge-mdt-tpc.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import model_compression_toolkit as mct
import numpy as np
import onnx
import torch
from edgemdt_tpc import get_target_platform_capabilities
from onnx2torch import convert

CAPABILITIES = "4.0"  # what imx500-converter 3.16 and later can do
TO_CHW = (2, 0, 1)
ARITHMETIC = ("Add", "Div", "Mul", "Sub")


def main(model: str, calibration: str, output: str) -> None:
    """Quantize, write, and say on how many calibration images the class stays the same.

    Args:
        model: A float .onnx, float32 [1, C, H, W], pixels 0..255.
        calibration: uint8 [N, H, W, C], a .npy file.
        output: The .onnx that imxconv-pt takes.
    """
    pixels = np.load(calibration, mmap_mode="r", allow_pickle=False)

    def images() -> Iterator[list[torch.Tensor]]:
        for image in pixels:
            yield [torch.from_numpy(image.transpose(TO_CHW)[None].astype(np.float32))]

    floats = convert(_without_scalars(onnx.load(model))).eval()
    quantized, _ = mct.ptq.pytorch_post_training_quantization(
        floats,
        images,
        target_platform_capabilities=get_target_platform_capabilities(
            tpc_version=CAPABILITIES, device_type="imx500"
        ),
    )
    with torch.no_grad():
        same = [floats(*image).argmax() == quantized(*image).argmax() for image in images()]
    sys.stdout.write(f"{sum(same)} of {len(same)} calibration images keep their class\n")
    mct.exporter.pytorch_export_model(quantized, output, images)


def _without_scalars(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give factors and terms, as of Rescaling layers, a dimension: the toolkit needs an axis."""
    elsewhere = {
        name for node in model.graph.node if node.op_type not in ARITHMETIC for name in node.input
    }
    for constant in model.graph.initializer:
        if not constant.dims and constant.name not in elsewhere:
            constant.dims.append(1)
    return model


if __name__ == "__main__":
    main(*sys.argv[1:])
