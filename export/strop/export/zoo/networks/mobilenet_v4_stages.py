"""What MobileNetV4's networks are made of, block by block.

Sources: D. Qin et al., MobileNetV4, arXiv:2404.10518, the tables of its appendix;
https://github.com/tensorflow/models/blob/master/official/vision/modeling/backbones/mobilenet.py ,
MNV4..._BLOCK_SPECS.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple


class Bottleneck(NamedTuple):
    """A universal inverted bottleneck.

    Attributes:
        start: Side of the depthwise kernel in front of the expansion; 0 for none.
        middle: Side of the depthwise kernel behind the expansion; 0 for none.
        expansion: Channels between the two 1x1 convolutions, for each at the entry.
    """

    start: int
    middle: int
    expansion: int = 4


class Attention(NamedTuple):
    """Multi-query attention: each pixel asks several questions, and all heads share the keys.

    Attributes:
        heads: Queries of a pixel.
        width: Numbers in a query, in a key and in a value.
        stride: Every how many rows and columns there is a key and a value.
    """

    heads: int
    width: int
    stride: int = 1


class Convolution(NamedTuple):
    """A full convolution with batch norm and activation."""

    size: int
    stride: int
    filters: int


class Fused(NamedTuple):
    """An inverted bottleneck whose expansion is a 3x3 convolution of stride 2."""

    filters: int
    expansion: int = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A network between the image and the last 1x1 convolutions, which all have.

    Attributes:
        stem: Channels of the first convolution, which is 3x3 at stride 2.
        early: Stages of full convolutions.
        late: Stages of one width each; the first block of each is a bottleneck of stride 2.
        activation: Keras' name.
        is_scaled: Whether each residual is weighed by trained factors, one per channel.
    """

    stem: int
    early: tuple[tuple[Convolution | Fused, ...], ...]
    late: tuple[tuple[int, tuple[Bottleneck | Attention, ...]], ...]
    activation: str = "relu"
    is_scaled: bool = False


B = Bottleneck
MEDIUM_24, MEDIUM_12 = Attention(4, 64, 2), Attention(4, 64)
LARGE_24, LARGE_12 = Attention(8, 48, 2), Attention(8, 64)

CONV_SMALL = Variant(
    stem=32,
    early=(
        (Convolution(3, 2, 32), Convolution(1, 1, 32)),
        (Convolution(3, 2, 96), Convolution(1, 1, 64)),
    ),
    late=(
        (96, (B(5, 5, 3), *(B(0, 3, 2),) * 4, B(3, 0))),
        (128, (B(3, 3, 6), B(5, 5), B(0, 5), B(0, 5, 3), B(0, 3), B(0, 3))),
    ),
)
CONV_MEDIUM = Variant(
    stem=32,
    early=((Fused(48),),),
    late=(
        (80, (B(3, 5), B(3, 3, 2))),
        (160, (B(3, 5, 6), B(3, 3), B(3, 3), B(3, 5), B(3, 3), B(3, 0), B(0, 0, 2), B(3, 0))),
        (
            256,
            (
                *(B(5, 5, 6), B(5, 5), B(3, 5), B(3, 5), B(0, 0), B(3, 0), B(3, 5, 2), B(5, 5)),
                *(B(0, 0), B(0, 0), B(5, 0, 2)),
            ),
        ),
    ),
)
CONV_LARGE = Variant(
    stem=24,
    early=((Fused(48),),),
    late=(
        (96, (B(3, 5), B(3, 3))),
        (192, (B(3, 5), *(B(3, 3),) * 3, B(3, 5), *(B(5, 3),) * 5, B(3, 0))),
        (
            512,
            (
                *(*(B(5, 5),) * 4, B(5, 0), B(5, 3), B(5, 0), B(5, 0), B(5, 3), B(5, 5)),
                *(B(5, 0),) * 3,
            ),
        ),
    ),
)
HYBRID_MEDIUM = Variant(
    stem=32,
    early=((Fused(48),),),
    late=(
        (80, (B(3, 5), B(3, 3, 2))),
        (
            160,
            (
                *(B(3, 5, 6), B(0, 0, 2), B(3, 3), B(3, 5), MEDIUM_24, B(3, 3), MEDIUM_24),
                *(B(3, 0), MEDIUM_24, B(3, 3), MEDIUM_24, B(3, 0)),
            ),
        ),
        (
            256,
            (
                *(B(5, 5, 6), B(5, 5), B(3, 5), B(3, 5), B(0, 0, 2), B(3, 5, 2), B(0, 0, 2)),
                *(B(0, 0), MEDIUM_12, B(3, 0), MEDIUM_12, B(5, 5), MEDIUM_12),
                *(B(5, 0), MEDIUM_12, B(5, 0)),
            ),
        ),
    ),
    is_scaled=True,
)
HYBRID_LARGE = Variant(
    stem=24,
    early=((Fused(48),),),
    late=(
        (96, (B(3, 5), B(3, 3))),
        (
            192,
            (
                *(B(3, 5), *(B(3, 3),) * 3, B(3, 5), B(5, 3), B(5, 3), LARGE_24),
                *(*(B(5, 3), LARGE_24) * 3, B(3, 0)),
            ),
        ),
        (
            512,
            (
                *(*(B(5, 5),) * 4, B(5, 0), B(5, 3), B(5, 0), B(5, 0), B(5, 3), B(5, 5)),
                *(LARGE_12, B(5, 0)) * 4,
            ),
        ),
    ),
    activation="gelu",
    is_scaled=True,
)
VARIANTS = MappingProxyType(
    {
        "mobilenet_v4_conv_small": CONV_SMALL,
        "mobilenet_v4_conv_medium": CONV_MEDIUM,
        "mobilenet_v4_conv_large": CONV_LARGE,
        "mobilenet_v4_hybrid_medium": HYBRID_MEDIUM,
        "mobilenet_v4_hybrid_large": HYBRID_LARGE,
    }
)
"""By the zoo's names."""
