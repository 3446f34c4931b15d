"""Lists the architectures of the zoo, with what is known of each before it is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from strop.runtime.artifact.contract import MAX_SIDE, Task
from strop.runtime.errors import SourceError

SIZE_STEP = 32  # pixels; what the architectures' strides multiply to
IMAGENET_CLASSES = 1000
VOC_CLASSES = 21  # with the background
COCO_CLASSES = 90  # its numbers go so far; without the background
FACE_POINTS = 68  # of 300-W


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """An architecture of the zoo.

    Attributes:
        name: What the command line and a ModelSpec take.
        title: The name in its paper.
        function: What builds it, in `module`.
        module: keras.applications, or one of `strop.export.zoo.networks`.
        task: What it gives.
        classes: Of a row of scores; SEGMENT: with the background; DETECT: without it; LANDMARKS:
            how many points; where nothing else is asked for.
        default_size: Side of the input in pixels at a resolution multiplier of 1.
        size_step: A side has to be a multiple of it.
        imagenet_alphas: Width multipliers that Keras publishes ImageNet weights for; none
            where it has none of this architecture.
        imagenet_sizes: Sides in pixels that Keras publishes ImageNet weights for.
        mean: Subtracted in front of the model; 0 where it normalizes by itself.
        std: Divided by in front of the model; 1 where it normalizes by itself.
        has_alpha: Whether there is a width multiplier.
        alphas: Its values, where the paper has a table of them; otherwise any > 0.
        is_minimalistic: Without squeeze-and-excite, hard-swish and 5 x 5 kernels.
        groups: ShuffleNetV1: of its 1x1 convolutions.
        number: EfficientNet-Lite: 0 to 4.
        source: The paper.
    """

    name: str
    title: str
    function: str
    module: str = "keras.applications"
    task: Task = Task.CLASSIFY
    classes: int = IMAGENET_CLASSES
    default_size: int = 224
    size_step: int = 1
    imagenet_alphas: tuple[float, ...] = (1.0,)
    imagenet_sizes: tuple[int, ...] = (224,)
    mean: float = 0.0
    std: float = 1.0
    has_alpha: bool = True
    alphas: tuple[float, ...] = ()
    is_minimalistic: bool = False
    groups: int | None = None
    number: int | None = None
    source: str


_V1 = "A. Howard et al., MobileNets, arXiv:1704.04861"
_V2 = "M. Sandler et al., MobileNetV2, arXiv:1801.04381"
_V3 = "A. Howard et al., Searching for MobileNetV3, arXiv:1905.02244"
_V4 = "D. Qin et al., MobileNetV4, arXiv:2404.10518"
_EFFICIENTNET = "M. Tan and Q. Le, EfficientNet, arXiv:1905.11946"
_LITE = "R. Liu, EfficientNet-Lite, TensorFlow blog, 2020"
_SHUFFLENET_V1 = "X. Zhang et al., ShuffleNet, arXiv:1707.01083"
_SHUFFLENET_V2 = "N. Ma et al., ShuffleNet V2, arXiv:1807.11164"

_DEEPLAB_V3 = "L.-C. Chen et al., DeepLabV3, arXiv:1706.05587"
_DEEPLAB_V3_PLUS = "L.-C. Chen et al., DeepLabV3+, arXiv:1802.02611"

_NETWORKS = "strop.export.zoo.networks"
# Sides in pixels that the compound scaling gives, by the network's number.
_EFFICIENTNET_SIZES = (224, 240, 260, 300, 380, 456, 528, 600)
_LITE_SIZES = (224, 240, 260, 280, 300)
# Sides in pixels that the multiply-adds of its ImageNet table are of.
_V4_SIZES = {
    "conv_small": 224,
    "conv_medium": 256,
    "conv_large": 384,
    "hybrid_medium": 256,
    "hybrid_large": 384,
}


def _of_pictures(name: str, title: str, function: str, task: Task, source: str) -> Architecture:
    """Describe a network of `_PICTURES`, which takes pixels and normalizes them by itself."""
    module, classes, size = _PICTURES[task]
    return Architecture(
        name=name,
        title=title,
        function=function,
        module=f"{_NETWORKS}.{module}",
        task=task,
        classes=classes,
        default_size=size,
        # What is enlarged by whole numbers comes back to the input's own size.
        size_step=MAP_STRIDE if task is Task.SEGMENT else 1,
        imagenet_alphas=(),
        imagenet_sizes=(),
        source=source,
    )


MAP_STRIDE = 16  # pixels of the input for one of a segmentation network's last features

# Module, classes and side in pixels of networks that give more than a row of scores.
_PICTURES = {
    Task.SEGMENT: ("segmentation", VOC_CLASSES, 512),
    Task.DETECT: ("detection", COCO_CLASSES, 320),
    Task.LANDMARKS: ("landmarks", FACE_POINTS, 224),
}

_MEMBERS = (
    Architecture(
        name="mobilenet_v1",
        title="MobileNetV1",
        function="MobileNet",
        imagenet_alphas=(0.25, 0.5, 0.75, 1.0),
        imagenet_sizes=(128, 160, 192, 224),
        mean=127.5,
        std=127.5,
        source=_V1,
    ),
    Architecture(
        name="conv_mobilenet",
        title="MobileNetV1 with standard convolutions",
        function="conv_mobilenet",
        module=f"{_NETWORKS}.conv_mobilenet",
        imagenet_alphas=(),
        imagenet_sizes=(),
        mean=127.5,
        std=127.5,
        source=_V1,
    ),
    Architecture(
        name="mobilenet_v2",
        title="MobileNetV2",
        function="MobileNetV2",
        imagenet_alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
        imagenet_sizes=(96, 128, 160, 192, 224),
        mean=127.5,
        std=127.5,
        source=_V2,
    ),
    Architecture(
        name="mobilenet_v3_small",
        title="MobileNetV3-Small",
        function="MobileNetV3Small",
        imagenet_alphas=(0.75, 1.0),
        source=_V3,
    ),
    Architecture(
        name="mobilenet_v3_large",
        title="MobileNetV3-Large",
        function="MobileNetV3Large",
        imagenet_alphas=(0.75, 1.0),
        source=_V3,
    ),
    Architecture(
        name="mobilenet_v3_small_minimalistic",
        title="MobileNetV3-Small minimalistic",
        function="MobileNetV3Small",
        is_minimalistic=True,
        source=_V3,
    ),
    Architecture(
        name="mobilenet_v3_large_minimalistic",
        title="MobileNetV3-Large minimalistic",
        function="MobileNetV3Large",
        is_minimalistic=True,
        source=_V3,
    ),
    *(
        Architecture(
            name=f"mobilenet_v4_{variant}",
            title=f"MobileNetV4-{variant.title().replace('_', '-')}",
            function=f"mobilenet_v4_{variant}",
            module=f"{_NETWORKS}.mobilenet_v4",
            default_size=size,
            imagenet_alphas=(),
            imagenet_sizes=(),
            mean=127.5,
            std=127.5,
            source=_V4,
        )
        for variant, size in _V4_SIZES.items()
    ),
    *(
        Architecture(
            name=f"efficientnet_b{number}",
            title=f"EfficientNet-B{number}",
            function=f"EfficientNetB{number}",
            default_size=size,
            imagenet_sizes=(size,),
            has_alpha=False,
            source=_EFFICIENTNET,
        )
        for number, size in enumerate(_EFFICIENTNET_SIZES)
    ),
    *(
        Architecture(
            name=f"efficientnet_lite{number}",
            title=f"EfficientNet-Lite{number}",
            function="efficientnet_lite",
            module=f"{_NETWORKS}.efficientnet_lite",
            default_size=size,
            imagenet_alphas=(),
            imagenet_sizes=(),
            mean=127.0,
            std=128.0,
            has_alpha=False,
            number=number,
            source=_LITE,
        )
        for number, size in enumerate(_LITE_SIZES)
    ),
    *(
        Architecture(
            name=f"shufflenet_v1_g{groups}",
            title=f"ShuffleNetV1, {groups} group{'s' if groups > 1 else ''}",
            function="shufflenet_v1",
            module=f"{_NETWORKS}.shufflenet_v1",
            imagenet_alphas=(),
            imagenet_sizes=(),
            mean=127.5,
            std=127.5,
            groups=groups,
            source=_SHUFFLENET_V1,
        )
        for groups in (1, 2, 3, 4, 8)
    ),
    Architecture(
        name="shufflenet_v2",
        title="ShuffleNetV2",
        function="shufflenet_v2",
        module=f"{_NETWORKS}.shufflenet_v2",
        imagenet_alphas=(),
        imagenet_sizes=(),
        mean=127.5,
        std=127.5,
        alphas=(0.5, 1.0, 1.5, 2.0),
        source=_SHUFFLENET_V2,
    ),
    _of_pictures(
        "deeplab_v3_mobilenet_v2",
        "DeepLabV3 on MobileNetV2",
        "deeplab_v3",
        Task.SEGMENT,
        _DEEPLAB_V3,
    ),
    _of_pictures(
        "deeplab_v3_plus_mobilenet_v2",
        "DeepLabV3+ on MobileNetV2",
        "deeplab_v3_plus",
        Task.SEGMENT,
        _DEEPLAB_V3_PLUS,
    ),
    *(
        _of_pictures(
            f"lr_aspp_mobilenet_v3_{size}",
            f"LR-ASPP on MobileNetV3-{size.title()}",
            f"lr_aspp_v3_{size}",
            Task.SEGMENT,
            _V3,
        )
        for size in ("small", "large")
    ),
    *(
        _of_pictures(
            f"{head}_mobilenet_{backbone}",
            f"{title} on MobileNet{network}",
            f"{head}_{backbone}",
            task,
            source,
        )
        for head, title, task in (
            ("ssdlite", "SSDLite", Task.DETECT),
            ("landmarks", "Landmarks", Task.LANDMARKS),
        )
        for backbone, network, source in (("v2", "V2", _V2), ("v3_large", "V3-Large", _V3))
    ),
)

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {member.name: member for member in _MEMBERS}
)
"""The zoo, by name."""


def architecture(name: str) -> Architecture:
    """Look up an architecture by its name.

    Raises:
        SourceError: There is none; the error lists the names.
    """
    if name not in ARCHITECTURES:
        raise SourceError(f"{name}: not in the zoo, which has {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def side_at(member: Architecture, rho: float) -> int:
    """Compute the side of the input in pixels at a resolution multiplier.

    At 1 the default; otherwise a multiple of 32, at least 32.

    Raises:
        SourceError: The multiplier is not above 0, or the input would be too large.
    """
    if not 0 < rho <= MAX_SIDE / member.default_size:
        raise SourceError(
            f"{member.name}: rho is {rho:g}; needed is a multiplier of its {member.default_size}"
            " pixels above 0, such as 0.5"
        )
    if rho == 1:
        return member.default_size
    steps = math.floor(member.default_size * rho / SIZE_STEP + 0.5)
    return max(1, steps) * SIZE_STEP
