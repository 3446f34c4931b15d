"""SSDLite: the papers' counts, and an anchor for each box and each row of scores."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from strop.export.inspect.count_keras import count_keras
from strop.export.options.detector import detection_of
from strop.export.zoo.build import keras_model, open_model
from strop.export.zoo.spec import RANDOM, ModelSpec
from strop.export.zoo.ssd import ssd_detection
from strop.runtime.artifact.detection import ScoreActivation
from strop.runtime.detect.anchors import anchors_of

MILLION = 1_000_000
# They do not say how many classes there are; TensorFlow's files of COCO have 90 and a background.
REL_PUBLISHED = 0.05


def network(name: str, **settings: Any) -> Any:
    with keras.StatelessScope(initialize_variables=False):
        found = keras_model(ModelSpec(model=name, weights=RANDOM, seed=None, **settings))
    keras.utils.clear_session()
    return found


@pytest.mark.parametrize(
    ("name", "alpha", "multiply_adds", "parameters"),
    [
        # MobileNetV2, table 6; MobileNetV3, tables 6 and 7.
        ("ssdlite_mobilenet_v2", 1.0, 800, 4.3),
        ("ssdlite_mobilenet_v2", 0.35, 160, 0.93),
        ("ssdlite_mobilenet_v2", 0.5, 270, 1.54),
        ("ssdlite_mobilenet_v3_large", 1.0, 620, 4.97),
    ],
)
def test_ssdlite_is_counted_as_published(
    name: str, alpha: float, multiply_adds: int, parameters: float
) -> None:
    found = count_keras(network(name, alpha=alpha))
    assert found.multiply_adds / MILLION == pytest.approx(multiply_adds, rel=REL_PUBLISHED)
    assert found.parameters / MILLION == pytest.approx(parameters, rel=REL_PUBLISHED)


@pytest.mark.parametrize(("side", "count"), [(320, 2034), (96, 204), (300, 1917)])
def test_each_anchor_has_a_box_and_scores(side: int, count: int) -> None:
    model = network("ssdlite_mobilenet_v2", alpha=0.35, size=(side, side), classes=3)
    assert [tuple(output.shape) for output in model.outputs] == [(None, count, 4), (None, count, 4)]
    assert model.output_names == ["boxes", "scores"]
    detection = ssd_detection(side)
    assert anchors_of(detection).shape == (count, 4)
    # Logits, of which a softmax makes probabilities.
    assert (detection.activation, detection.background) == (ScoreActivation.SOFTMAX, True)


def test_a_detector_of_the_zoo_needs_no_file_that_says_its_anchors() -> None:
    settings = {"alpha": 0.05, "size": (96, 96), "classes": 2, "weights": RANDOM}
    source = open_model(ModelSpec(model="ssdlite_mobilenet_v2", **settings))  # type: ignore[arg-type]
    assert source.file is None
    assert detection_of(None, None, source) == ssd_detection(96)
