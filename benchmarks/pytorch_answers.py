"""Networks of torchvision and timm with drawn weights, their checkpoints, and what they answer.

Run by a Python that has torch, torchvision and timm, by against_pytorch.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import safetensors.torch
import timm
import torch
import torchvision

SEED = 0
IMAGES = 2
SPREAD = 3.0  # standard deviation of the scores, so that answers are as far apart as trained ones'


def answer(library: str, function: str, size: int, folder: Path) -> None:
    """Write a checkpoint, and answers.npz with images [N, 3, H, W] and probabilities.

    Of torchvision's networks checkpoint.pth, as its own are, of timm's checkpoint.safetensors.
    """
    torch.manual_seed(SEED)
    is_timm = library == "timm"
    model = timm.create_model(function) if is_timm else getattr(torchvision.models, function)()
    # timm's normalize and activate in one, which is a BatchNorm2d too.
    norms = [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    scales = [each for name, each in model.named_parameters() if name.endswith(".gamma")]
    dense = [each for each in model.modules() if isinstance(each, torch.nn.Linear)]
    with torch.no_grad():
        for scale in scales:
            scale.uniform_(0.1, 0.5)  # untrained, 1e-5: nobody would see an attention that is wrong
        for norm in norms:
            norm.momentum = 1.0
        model.train()
        model(_images(size))  # so that the running statistics fit the weights
        for norm in norms:
            # Around 1, B4 and deeper ones amplify float32's rounding until the classes differ.
            norm.weight.uniform_(0.4, 0.6)
            norm.bias.normal_(0, 0.1)
        model.eval()
        images = _images(size)
        dense[-1].bias.zero_()
        dense[-1].weight *= SPREAD / model(images).std()
        answers = torch.softmax(model(images), 1)
    if is_timm:
        safetensors.torch.save_file(model.state_dict(), folder / "checkpoint.safetensors")
    else:
        torch.save(model.state_dict(), folder / "checkpoint.pth")
    np.savez(folder / "answers.npz", images=images.numpy(), answers=answers.numpy())


def _images(size: int) -> torch.Tensor:
    return torch.rand(IMAGES, 3, size, size) * 4 - 2


if __name__ == "__main__":
    answer(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    version = {"torchvision": torchvision, "timm": timm}[sys.argv[1]].__version__
    sys.stdout.write(f"torch {torch.__version__}, {sys.argv[1]} {version}\n")
