"""Networks of torchvision with drawn weights, their checkpoints, and what they answer.

Run by a Python that has torch and torchvision, by against_torchvision.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torchvision

SEED = 0
IMAGES = 2
SPREAD = 3.0  # standard deviation of the scores, so that answers are as far apart as trained ones'


def answer(function: str, size: int, folder: Path) -> None:
    """Write FUNCTION.pth, and FUNCTION.npz with images [N, 3, H, W] and probabilities."""
    torch.manual_seed(SEED)
    model = getattr(torchvision.models, function)()
    norms = [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    dense = [each for each in model.modules() if isinstance(each, torch.nn.Linear)]
    with torch.no_grad():
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
    torch.save(model.state_dict(), folder / f"{function}.pth")
    np.savez(folder / f"{function}.npz", images=images.numpy(), answers=answers.numpy())


def _images(size: int) -> torch.Tensor:
    return torch.rand(IMAGES, 3, size, size) * 4 - 2


if __name__ == "__main__":
    answer(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    sys.stdout.write(f"torch {torch.__version__}, torchvision {torchvision.__version__}\n")
