"""Networks of keras.applications: what is measured, kept and shown."""

from __future__ import annotations

from pathlib import Path

import keras
import keras_applications
import pytest
from keras_networks import in_turn
from keras_networks.measured import Measured
from keras_networks.networks import network_names, normalization
from keras_networks.page import END, START, write_page

from strop.runtime.errors import RecordError, SourceError

WHOLE = Measured(
    network="MobileNetV2",
    size=96,
    parameters=3_538_984,
    partitions=1,
    tflite_ratio=0.34,
    onnx_ratio=0.32,
    images=40,
    same_scores=39,
    same_class=40,
    most_codes=1.0,
    near_ties=2,
    signal_to_noise_db=7.73,
    bound_db=5.92,
)
REFUSED = Measured(network="Other", size=224, parameters=1_000_000, refused="x: FFT has no form")


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    output = tmp_path / "record.json"
    found = {"Other": REFUSED, "MobileNetV2": WHOLE}
    in_turn.keep(found, output, None)
    assert in_turn.kept(output) == found
    assert in_turn.kept(tmp_path / "none.json") == {}


def test_a_record_of_another_version_is_refused(tmp_path: Path) -> None:
    output = tmp_path / "record.json"
    output.write_text('{"format_version": 0, "networks": []}')
    with pytest.raises(RecordError, match="format version 0, needed is 1; give another --output"):
        in_turn.kept(output)


def test_the_page_has_a_row_for_each_network_and_says_what_is_odd(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before {START} old {END} after")
    write_page(page, [WHOLE, REFUSED])
    text = page.read_text()
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert " old " not in text
    row = "| MobileNetV2 | 96 | 3.5 | 1 | 0.34 | 0.32 | 39 of 40 | 40 of 40 | 7.7 | 5.9 |"
    assert row in text
    assert "| Other | 224 | 1.0 | refused |  |" in text
    assert "- Other, refused: x: FFT has no form" in text
    assert "- MobileNetV2, 2 layers near rounding ties, at most: 1 code" in text


def test_calibration_and_other_images_have_nothing_in_common() -> None:
    images = [Path(f"{number:03}.jpg") for number in range(500)]
    calibration, others = in_turn.spread(images)
    assert len(calibration) == 24
    assert len(others) == 40
    assert not set(calibration) & set(others)


def test_the_networks_are_those_that_keras_has() -> None:
    found = network_names()
    assert len(found) == 40
    assert {"MobileNetV2", "NASNetMobile", "ConvNeXtTiny"} <= set(found)
    with pytest.raises(SourceError, match="--only MobileNetV9: there are ConvNeXtBase, "):
        keras_applications.names(["MobileNetV9"])


@pytest.mark.parametrize(
    ("module", "mean", "std"),
    [
        (keras.applications.mobilenet_v2, (127.5,) * 3, (127.5,) * 3),
        (keras.applications.densenet, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        (keras.applications.efficientnet, (0.0,) * 3, (1.0,) * 3),
        # Blue first: the order that the network was trained with.
        (keras.applications.vgg16, (103.939, 116.779, 123.68), (1.0,) * 3),
    ],
)
def test_mean_and_std_are_those_of_preprocess_input(
    module: object, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    found = normalization(module)
    assert found[0] == pytest.approx(mean, abs=1e-3)
    assert found[1] == pytest.approx(std, abs=1e-3)
