"""`strop evaluate` of models that give maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image
from tests.runtime.classify.test_map_answer import GREEN, RED, write

from strop.cli import main

FLAGS = ("--resize", "stretch", "--mean", "0", "--std", "1")
COUNT = 4


def write_mask(classes: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(classes).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures whose left half is red, and masks; the last mask is wrong in a quarter."""
    (tmp_path / "images" / "a").mkdir(parents=True)
    (tmp_path / "masks" / "a").mkdir(parents=True)
    for number in range(COUNT):
        pixels, mask = np.empty((40, 80, 3), np.uint8), np.zeros((40, 80), np.uint8)
        pixels[:, :40], pixels[:, 40:], mask[:, 40:] = RED, GREEN, 1
        if number == COUNT - 1:
            mask[:20, :40] = 2
        Image.fromarray(pixels).save(tmp_path / "images" / "a" / f"{number}.png")
        write_mask(mask, tmp_path / "masks" / "a" / f"{number}.png")
    return tmp_path


def asked(folder: Path, kind: str = "scores") -> list[str]:
    return ["evaluate", str(write(folder, kind)), str(folder / "images"), *FLAGS]


def test_masks_give_the_mean_iou_and_the_share_of_pixels(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = ("--masks", str(folder / "masks"))
    assert main([*asked(folder), *masks, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    found = record["found"]
    assert found["pixels"]["value"] == 15 / 16
    assert found["ious"] == {"0": 7 / 8, "1": 1.0, "2": 0.0}
    assert found["mean_iou"]["value"] == pytest.approx(1.875 / 3)
    assert found["images"] == COUNT
    assert (record["reference"], record["between"], record["drop"]) == (None, None, None)
    assert main([*asked(folder), *masks]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("evaluate ")
    assert "mean IoU      0.6250" in printed.out
    assert "pixels right  0.9375" in printed.out


def test_another_artifact_is_compared_on_the_same_pictures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = folder / "other"
    other.mkdir()
    against = ("--against", str(write(other, "classes")))
    assert main([*asked(folder), *against]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split("  ")[0] for row in rows[1:]] == [
        "mean IoU with the reference",
        "same class as the reference, pixels",
    ]
    assert all("1.0000" in row for row in rows[1:])
    assert main([*asked(folder), *against, "--masks", str(folder / "masks"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["drop"] == {"value": 0.0, "interval": {"low": 0.0, "high": 0.0}}
    assert record["reference"] == record["found"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("none", "gives maps; give --masks DIR, what is true of them, or --against"),
        ("lost", "no such file; needed is a mask for each of the 4 images, 1 have none"),
        ("size", "80 x 20 pixels, and its picture has 80 x 40; needed is a mask of the picture's"),
        ("class", "a pixel of class 9, and there are 3 classes; needed are 0 to 2, and 255"),
        ("colours", "a mask of mode RGB; needed is a PNG with a palette"),
        ("truth", "gives maps, for which there is no --truth"),
    ],
)
def test_what_does_not_fit_is_named(
    change: str, error: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, more = folder / "masks" / "a" / "0.png", ["--masks", str(folder / "masks")]
    if change == "lost":
        first.unlink()
    elif change == "size":
        write_mask(np.zeros((20, 80), np.uint8), first)
    elif change == "class":
        write_mask(np.full((40, 80), 9, np.uint8), first)
    elif change == "colours":
        Image.new("RGB", (80, 40)).save(first)
    else:
        more = ["--truth", "x.csv"] if change == "truth" else []
    assert main([*asked(folder), *more]) == 2
    assert error in capsys.readouterr().err


def test_a_map_beside_another_output_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = {"image": (1, 4, 4, 3), "map": (1, 4, 4, 3), "mean": (1, 1, 1, 3)}
    image, *outputs = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    nodes = [
        helper.make_node("Relu", ["image"], ["map"]),
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2]),
    ]
    made = helper.make_model(
        helper.make_graph(nodes, "two", [image], outputs),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    path = folder / "two.onnx"
    path.write_bytes(made.SerializeToString())
    flags = ["evaluate", str(path), str(folder / "images"), *FLAGS]
    assert main([*flags, "--masks", str(folder / "masks")]) == 2
    told = capsys.readouterr().err
    assert "has 2 outputs ([1, 4, 4, 3], [1, 1, 1, 3]), and masks are compared with a file" in told
    assert main(flags) == 2
    assert "give --task NAME=TASK for output_0, output_1" in capsys.readouterr().err
