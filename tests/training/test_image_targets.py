"""What training/heads.py publishes is what the certificates say, in the units of its table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from heads import MEMBERS, rows
from image_targets import measures, write_targets
from PIL import Image


def verdict(suffix: str, **figures: object) -> dict[str, object]:
    return {"artifact": f"m.int8.{suffix}", **figures}


def test_a_row_has_every_figure_of_an_output_and_the_interval_of_what_it_loses() -> None:
    interval = {"low": -0.001, "high": 0.004}
    error = {"output": "width", "spread": 5.0, "reference_truth_mean": 0.5, "truth_mean": 0.51}
    number = {**error, "drop": 0.002, "drop_interval": interval}
    classes = {"top1": 0.88, "drop": 0.01, "drop_interval": interval}
    certificates = [
        {
            "task": "classify",
            "output": "class",
            "float_top1": 0.89,
            "verdicts": [verdict("onnx", **classes), verdict("tflite", **classes)],
        },
        {
            "task": "regress",
            "output": "",
            "verdicts": [verdict(suffix, errors=[number]) for suffix in ("tflite", "onnx")],
        },
    ]
    assert list(rows({"name": "m", "certificates": certificates})) == [
        ("m", "class", "right", "89.00 %", "88.00 %", "88.00 %", "+1.00 points [-0.10, +0.40]"),
        # Of the spread of 5 the error of 0.5 is a tenth: shares of the spread count ten times.
        ("m", "m", "mean error of width", "0.5", "0.51", "0.51", "+2.00 % [-1.00, +4.00]"),
    ]


def test_every_member_has_a_table_for_each_output_that_does_not_classify() -> None:
    named = {member.name: list(member.tables(Path("t"), "test")) for member in MEMBERS}
    assert named == {
        "look": ["--truth", "t/test.look.csv"],
        "size": ["--truth", "t/test.size.csv"],
        "three": ["--truth", "look=t/test.look.csv", "--truth", "size=t/test.size.csv"],
    }


@pytest.mark.parametrize(
    ("columns", "width", "symmetry"),
    [
        (slice(4, 12), 8, 0.5),  # its mirror image has the half of it elsewhere
        (slice(4, 16), 12, 1),
        (slice(0, 0), 0, 1),
    ],
)
def test_an_image_is_measured(tmp_path: Path, columns: slice, width: int, symmetry: float) -> None:
    pixels = np.full((10, 20), 0, np.uint8)
    pixels[2:6, columns] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert measures(tmp_path / "a.png") == pytest.approx((pixels.mean(), symmetry, width))


def test_labels_are_above_the_median_of_what_is_learned_from(tmp_path: Path) -> None:
    for part, greys in (("train", (0, 100, 200)), ("test", (90, 110))):
        (tmp_path / part).mkdir()
        for grey in greys:
            image = Image.fromarray(np.full((4, 4), grey, np.uint8))
            image.save(tmp_path / part / f"{grey:03}.png")
    write_targets(tmp_path, tmp_path / "made")
    found = (tmp_path / "made/test.look.csv").read_text().split()
    assert found == ["image,bright,symmetric,wide", "090.png,0,0,0", "110.png,1,0,0"]
