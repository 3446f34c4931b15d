"""Lists parameters and multiply-adds of each architecture, so that no list waits for Keras.

The tests count every one of them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COUNTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "mobilenet_v1": (4231976, 568740352),
        "conv_mobilenet": (29294088, 4867293184),
        "mobilenet_v2": (3504872, 300774272),
        "mobilenet_v3_small": (2542856, 56510400),
        "mobilenet_v3_large": (5483032, 216589760),
        "mobilenet_v3_small_minimalistic": (2044736, 52288448),
        "mobilenet_v3_large_minimalistic": (3924288, 209136704),
        "mobilenet_v4_conv_small": (3774024, 186005568),
        "mobilenet_v4_conv_medium": (9715512, 1080244224),
        "mobilenet_v4_conv_large": (32590864, 6376220672),
        "mobilenet_v4_hybrid_medium": (11074648, 1272100864),
        "mobilenet_v4_hybrid_large": (37764624, 7715305472),
        "efficientnet_b0": (5288548, 385814752),
        "efficientnet_b1": (7794184, 686802832),
        "efficientnet_b2": (9109994, 993561872),
        "efficientnet_b3": (12233232, 1827141392),
        "efficientnet_b4": (19341616, 4393771024),
        "efficientnet_b5": (30389784, 10266384752),
        "efficientnet_b6": (43040704, 19067593536),
        "efficientnet_b7": (66347960, 37745884192),
        "efficientnet_lite0": (4652008, 385187552),
        "efficientnet_lite1": (5416680, 600185232),
        "efficientnet_lite2": (6092072, 859736272),
        "efficientnet_lite3": (8197096, 1383321872),
        "efficientnet_lite4": (13006568, 2553034336),
        "shufflenet_v1_g1": (1531936, 143078976),
        "shufflenet_v1_g2": (1733848, 140836512),
        "shufflenet_v1_g3": (1865728, 137460672),
        "shufflenet_v1_g4": (1968344, 134339776),
        "shufflenet_v1_g8": (2434768, 138365952),
        "shufflenet_v2": (2278604, 144907992),
        "deeplab_v3_mobilenet_v2": (2113557, 2603958272),
        "deeplab_v3_plus_mobilenet_v2": (2271109, 5231165440),
        "lr_aspp_mobilenet_v3_small": (1077954, 634732544),
        "lr_aspp_mobilenet_v3_large": (3221538, 1974665088),
        "ssdlite_mobilenet_v2": (4500543, 804397504),
        "ssdlite_mobilenet_v3_large": (5006735, 613143104),
        "landmarks_mobilenet_v2": (2398088, 299668352),
        "landmarks_mobilenet_v3_large": (3102648, 214211520),
    }
)
