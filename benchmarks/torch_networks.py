"""Writes networks of torchvision and timm as .onnx, for onnx_networks.py.

    uv run --no-project --with torch --with torchvision --with timm --with onnx \
        python benchmarks/torch_networks.py DIR [--mobilenet-v2 mobilenet_v2-b0353104.pth]

Runs without strop, in an environment of its own. Weights are random but for those given; batch norm
has the statistics of drawn pictures, so that activations are alive, and MobileOne and RepVGG are
reparametrized.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision

SEED = 0
SIDE = 96
IMAGENET_SIDE = 224  # that the given weights were trained with
OPSET = 17
PICTURES = 8  # drawn coarse and enlarged, as neighbouring pixels are alike
# torchvision's normalization, of 0..1
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TORCHVISION = (
    *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0"),
    *("shufflenet_v2_x1_0", "resnet18", "regnet_x_400mf", "regnet_y_400mf", "convnext_tiny"),
)
TIMM = (
    *("mobilenetv4_conv_small", "mobilenetv4_conv_medium", "mobilenetv4_hybrid_medium"),
    *("mobileone_s0", "repvgg_a0"),
)
# With those of the others an image's last digit changes its scores, of thousands, by hundreds.
FACTORS = {"efficientnet_b0": (0.4, 0.6)}


def pictures(side: int) -> torch.Tensor:
    """Draw some, normalized."""
    coarse = torch.rand(PICTURES, 3, 4, 4)
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return (smooth - mean) / std


def with_statistics(model: Any, factors: tuple[float, float]) -> Any:
    """Draw batch norm's weights, and set its statistics to those of pictures."""
    normalizations = [
        each for each in model.modules() if isinstance(each, torch.nn.modules.batchnorm._BatchNorm)
    ]
    for each in model.modules():
        if isinstance(each, torch.nn.Dropout):
            each.p = 0.0
    model.train()
    images = pictures(SIDE)
    with torch.no_grad():
        for each in normalizations:
            each.momentum = 1.0
            if each.weight is not None:
                each.weight.uniform_(*factors)
                each.bias.normal_(0, 0.1)
        model(images)
    return model.eval()


def network(name: str) -> Any:
    """Build one of random weights."""
    torch.manual_seed(SEED)
    factors = FACTORS.get(name, (0.5, 1.5))
    if name in TORCHVISION:
        return with_statistics(getattr(torchvision.models, name)(), factors)
    model = with_statistics(timm.create_model(name, pretrained=False), factors)
    return timm.utils.model.reparameterize_model(model).eval()


def main() -> None:
    """Write them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="for the files; made if missing")
    parser.add_argument("--mobilenet-v2", type=Path, metavar="PTH", help="torchvision's weights")
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="NAME,...")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only or (*TORCHVISION, *TIMM):
        side = SIDE
        if name == "mobilenet_v2" and options.mobilenet_v2 is not None:
            model, side = torchvision.models.mobilenet_v2(), IMAGENET_SIDE
            model.load_state_dict(torch.load(options.mobilenet_v2, weights_only=True))
            model.eval()
        else:
            model = network(name)
        path = options.folder / f"{name}.onnx"
        image = torch.rand(1, 3, side, side)
        torch.onnx.export(model, (image,), str(path), dynamo=False, opset_version=OPSET)


if __name__ == "__main__":
    main()
