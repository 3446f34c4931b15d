"""Networks of PyTorch whose checkpoints are read, by the zoo's names: torchvision's and timm's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any

from strop.export.zoo.networks.mobilenet_v4 import timm_network
from strop.export.zoo.networks.mobilenet_v4_stages import VARIANTS
from strop.export.zoo.networks.torchvision.efficientnet import SCALES, efficientnet
from strop.export.zoo.networks.torchvision.mobilenet import (
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
)
from strop.export.zoo.networks.torchvision.shufflenet_v2 import shufflenet_v2


def _fixed_width(number: int, *, alpha: float, size: int, classes: int) -> Any:
    """An EfficientNet, which has no width multiplier: the zoo refuses another than 1."""
    return efficientnet(number, size=size, classes=classes)


BUILDERS = MappingProxyType[str, Callable[..., Any]](
    {
        "mobilenet_v2": mobilenet_v2,
        "mobilenet_v3_large": mobilenet_v3_large,
        "mobilenet_v3_small": mobilenet_v3_small,
        "shufflenet_v2": shufflenet_v2,
        **{
            f"efficientnet_b{number}": partial(_fixed_width, number)
            for number in range(len(SCALES))
        },
        **{name: partial(timm_network, name) for name in VARIANTS},
    }
)
"""Called with `alpha`, `size` in pixels and `classes`; the result has no weights yet."""
CLASSIFIERS = ("classifier.3", "classifier.1", "classifier", "fc")
"""Modules that the last layer may be; of several that are there, the first."""
