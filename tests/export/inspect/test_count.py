"""Counts against the papers' tables: where ours differ, by how much and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import pytest

from strop.cli import main
from strop.export.inspect.count import Count, Role
from strop.export.inspect.count_keras import count_keras
from strop.export.options.choices import Precision
from strop.export.zoo.architectures import ARCHITECTURES
from strop.export.zoo.build import keras_model
from strop.export.zoo.counts import COUNTS
from strop.export.zoo.spec import RANDOM, ModelSpec

MILLION = 1_000_000
MEBI, GIBI = 2**20 / MILLION, 2**30 / MILLION


@contextmanager
def no_variables() -> Iterator[None]:
    """Give models the shapes of their weights only: drawing the numbers takes longest."""
    with keras.StatelessScope(initialize_variables=False):
        yield
    keras.utils.clear_session()  # the next model would draw them


def counted(function: str, size: int = 224, **settings: Any) -> Count:
    with no_variables():
        build = getattr(keras.applications, function)
        return count_keras(build(weights=None, input_shape=(size, size, 3), **settings))


def counted_member(name: str, alpha: float | None = None) -> Count:
    with no_variables():
        return count_keras(
            keras_model(ModelSpec(model=name, alpha=alpha, weights=RANDOM, seed=None))
        )


def share(count: Count, role: Role) -> tuple[float, float]:
    """Of multiply-adds, and of weights, in percent."""
    part = count.of(role)
    weights = [sum(layer.weights for layer in each.layers) for each in (part, count)]
    return 100 * part.multiply_adds / count.multiply_adds, 100 * weights[0] / weights[1]


# MobileNets, arXiv:1704.04861, tables 6 and 7: width, size, million multiply-adds, million
# parameters.
V1_TABLES = [
    (1.0, 224, 569, 4.2),
    (0.75, 224, 325, 2.6),
    (0.5, 224, 149, 1.3),
    (0.25, 224, 41, 0.5),
    (1.0, 192, 418, 4.2),
    (1.0, 160, 290, 4.2),
    (1.0, 128, 186, 4.2),
]


@pytest.mark.parametrize(("alpha", "size", "multiply_adds", "parameters"), V1_TABLES)
def test_mobilenet_v1_is_counted_as_in_its_paper(
    alpha: float, size: int, multiply_adds: int, parameters: float
) -> None:
    found = counted("MobileNet", size, alpha=alpha)
    assert found.multiply_adds / MILLION == pytest.approx(multiply_adds, abs=0.8)
    assert found.parameters / MILLION == pytest.approx(parameters, abs=0.05)


def test_mobilenet_v1_has_its_papers_shares() -> None:
    """Table 2; its 569 M and 4.24 M are 568.74 M and 4.232 M here."""
    found = counted("MobileNet")
    assert (found.multiply_adds, found.parameters) == (568_740_352, 4_231_976)
    expected = {
        Role.POINTWISE: (94.86, 74.59),
        Role.DEPTHWISE: (3.06, 1.06),
        # Printed as 1.19; with the 1.91 that it is here the paper's column adds up to 100.
        Role.SPATIAL: (1.91, 0.02),
        Role.DENSE: (0.18, 24.33),
    }
    for role, shares in expected.items():
        assert share(found, role) == pytest.approx(shares, abs=0.006)


def test_a_depthwise_separable_layer_costs_1_over_n_plus_1_over_k_squared() -> None:
    """MobileNets, section 3.1, of the same layer with a full convolution."""
    found = [layer for layer in counted("MobileNet").layers if layer.multiply_adds][1:-1]
    pairs = list(zip(found[::2], found[1::2], strict=True))
    assert len(pairs) == 13
    for depthwise, pointwise in pairs:
        rows, columns = depthwise.kernel
        filters = pointwise.shape[-1]
        full = pointwise.multiply_adds * rows * columns
        ratio = (depthwise.multiply_adds + pointwise.multiply_adds) / full
        assert ratio == pytest.approx(1 / filters + 1 / (rows * columns), rel=1e-12)


# Million multiply-adds, million parameters, of each member's default size and width.
PUBLISHED = {
    # MobileNets, arXiv:1704.04861, table 4.
    "conv_mobilenet": (4866, 29.3),
    # MobileNetV2, arXiv:1801.04381, table 4.
    "mobilenet_v2": (300, 3.4),
    # MobileNetV3, arXiv:1905.02244, table 3.
    "mobilenet_v3_large": (219, 5.4),
    "mobilenet_v3_small": (56, 2.5),
    # MobileNetV4, arXiv:2404.10518, its ImageNet table, whose M and G are nearer to 2^20 and
    # 2^30. Of the smallest's multiply-adds it has one digit, 0.2 G.
    "mobilenet_v4_conv_small": (None, 3.8),
    "mobilenet_v4_conv_medium": (1.0 * GIBI, 9.2 * MEBI),
    "mobilenet_v4_conv_large": (5.9 * GIBI, 31 * MEBI),
    "mobilenet_v4_hybrid_medium": (1.2 * GIBI, 10.5 * MEBI),
    "mobilenet_v4_hybrid_large": (7.2 * GIBI, 35.9 * MEBI),
    # EfficientNet, arXiv:1905.11946, table 2.
    "efficientnet_b0": (390, 5.3),
    "efficientnet_b1": (700, 7.8),
    "efficientnet_b2": (1000, 9.2),
    "efficientnet_b3": (1800, 12),
    "efficientnet_b4": (4200, 19),
    "efficientnet_b5": (9900, 30),
    "efficientnet_b6": (19000, 43),
    "efficientnet_b7": (37000, 66),
    # The README beside the authors' EfficientNet-Lite.
    "efficientnet_lite0": (407, 4.7),
    "efficientnet_lite1": (631, 5.4),
    "efficientnet_lite2": (899, 6.1),
    "efficientnet_lite3": (1440, 8.2),
    "efficientnet_lite4": (2640, 13.0),
    # ShuffleNet, arXiv:1707.01083, table 2 (no parameters there).
    "shufflenet_v1_g1": (143, None),
    "shufflenet_v1_g2": (140, None),
    "shufflenet_v1_g3": (137, None),
    "shufflenet_v1_g4": (133, None),
    "shufflenet_v1_g8": (137, None),
    # ShuffleNet V2, arXiv:1807.11164, tables 5 and 8.
    "shufflenet_v2": (146, 2.3),
}
# Most are rounded to two or three digits. Further off than that are Lite0 to 4, 3 to 5.4 %
# less here (their README does not say what it counts), B4 and B5, 4.6 and 3.7 % more at the
# sizes of the authors' code, 380 and 456, and V3-Large, 1.1 % less.
REL_MULTIPLY_ADDS = 0.055
REL_PARAMETERS = 0.032  # 3.4 for 3.50


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_member_is_counted_as_listed_and_as_published(name: str) -> None:
    found = counted_member(name)
    assert (found.parameters, found.multiply_adds) == COUNTS[name]
    if name in PUBLISHED:
        multiply_adds, parameters = PUBLISHED[name]
        if multiply_adds is not None:
            found_millions = found.multiply_adds / MILLION
            assert found_millions == pytest.approx(multiply_adds, rel=REL_MULTIPLY_ADDS)
        if parameters is not None:
            assert found.parameters / MILLION == pytest.approx(parameters, rel=REL_PARAMETERS)


@pytest.mark.parametrize(
    ("name", "alpha", "multiply_adds", "parameters"),
    [
        # 6.9 M parameters in its paper's table; in its authors' own model files 6.06 M as here.
        ("mobilenet_v2", 1.4, 585, 6.06),
        ("mobilenet_v3_large", 0.75, 155, 4.0),
        ("mobilenet_v3_small", 0.75, 44, 2.0),
        ("shufflenet_v1_g3", 0.5, 38, None),
        ("shufflenet_v2", 0.5, 41, 1.4),
        ("shufflenet_v2", 1.5, 299, 3.5),
        ("shufflenet_v2", 2.0, 591, 7.4),
    ],
)
def test_widths_are_counted_as_published(
    name: str, alpha: float, multiply_adds: int, parameters: float | None
) -> None:
    found = counted_member(name, alpha)
    assert found.multiply_adds / MILLION == pytest.approx(multiply_adds, rel=0.025)
    if parameters is not None:
        assert found.parameters / MILLION == pytest.approx(parameters, rel=0.025)


def test_weights_in_int8_take_a_quarter_and_biases_and_scales_four_bytes() -> None:
    found = counted("MobileNet")
    weights = 3_139_584 + 44_640 + 864 + 1_024_000
    channels = sum(layer.shape[-1] for layer in found.layers if layer.weights)
    assert found.weight_bytes(Precision.FLOAT32) == 4 * (weights + channels)
    assert found.weight_bytes(Precision.FLOAT16) == 2 * (weights + channels)
    assert found.weight_bytes(Precision.INT8) == weights + 8 * channels


def test_a_model_inside_a_model_is_counted_with_it() -> None:
    inner = keras.Sequential(
        [keras.Input((8, 8, 4)), keras.layers.Conv2D(6, 3, strides=2, padding="same", groups=2)]
    )
    model = keras.Sequential(
        [keras.Input((8, 8, 4)), inner, keras.layers.Flatten(), keras.layers.Dense(5)]
    )
    found = count_keras(model)
    assert [layer.kind for layer in found.layers] == ["Conv2D", "Flatten", "Dense"]
    convolution, _, dense = found.layers
    assert (convolution.weights, convolution.parameters) == (3 * 3 * 2 * 6, 3 * 3 * 2 * 6 + 6)
    assert convolution.multiply_adds == 4 * 4 * 3 * 3 * 2 * 6
    assert (convolution.role, dense.role) == (Role.SPATIAL, Role.DENSE)
    assert dense.multiply_adds == 4 * 4 * 6 * 5
    assert found.activations == 4 * 4 * 6 + 5


def test_zoo_counts_the_member_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["zoo", "mobilenet_v1", "--alpha", "0.5", "--rho", str(160 / 224)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "MobileNetV1, 160x160x3, alpha 0.5, 1000 classes" in text
    # Table 7's 0.50 at 160 pixels: 76 M of 1.32 M parameters.
    (whole,) = (line for line in text.splitlines() if line.startswith("all"))
    assert whole.split()[:6] == ["all", "55", "1331592", "100.0", "76.5", "100.0"]


def test_zoo_lists_layers_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "shufflenet_v2", "--alpha", "0.5", "--classes", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["size"], found["classes"]) == ("shufflenet_v2", 224, 10)
    assert found["multiply_adds"] == sum(layer["multiply_adds"] for layer in found["layers"])
    assert found["parameters"] == sum(part["parameters"] for part in found["roles"].values())


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--alpha", "0.5"], "--alpha is of one member; give its name: mobilenet_v1, "),
        (["shufflenet_v2", "--alpha", "0.7"], "alpha is 0.7; its paper has 0.5, 1, 1.5, 2"),
        (["efficientnet_b0", "--alpha", "0.5"], "there is no width multiplier"),
        (["mobilenet"], "mobilenet: not in the zoo, which has mobilenet_v1, "),
    ],
)
def test_what_zoo_cannot_count_is_said(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["zoo", *words]) == 2
    assert why in capsys.readouterr().err
