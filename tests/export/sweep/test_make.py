"""What a sweep makes of model files that TensorFlow does not run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.onnx_files.test_layers import net_of
from tests.export.sweep.fake_sweep import ASKED
from tests.export.tflite_files.nets import CLASSES, SIDE, WIDTH, plain

from strop.export.options.choices import Precision
from strop.export.options.options import ExportOptions
from strop.export.request import ExportRequest
from strop.export.sweep.make import Job, make
from strop.export.sweep.members import Wanted, members
from strop.runtime.artifact.artifact import Format
from strop.runtime.records.version import installed_version

MEAN, STD = (120.0,), (60.0,)


def job_of(path: Path, images: Path) -> Job:
    wanted = Wanted(
        models=(str(path),),
        alphas=(),
        sizes=(),
        rhos=(),
        precisions=(Precision.FLOAT32,),
        formats=(Format.TFLITE,),
        weights="imagenet",
    )
    ((member,), _) = members(wanted)
    settings = ExportOptions(
        output=Path(), precisions=(Precision.FLOAT32,), formats=(Format.TFLITE,)
    )
    spec = replace(member.spec(), mean=MEAN, std=STD)
    request = ExportRequest(spec=spec, settings=settings, calibration_data=images)
    asked = replace(ASKED, strop_version=installed_version(), mean=MEAN, std=STD)
    return Job(member=member, asked=asked, request=request)


@pytest.mark.parametrize("name", ["net.tflite", "net.onnx"])
def test_a_file_of_another_program_is_a_member(name: str, tmp_path: Path) -> None:
    path, images = tmp_path / name, tmp_path / "images"
    path.write_bytes(plain() if name == "net.tflite" else net_of("relu", 17).SerializeToString())
    images.mkdir()
    for at, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3))):
        Image.fromarray(pixels.astype(np.uint8)).save(images / f"{at}.png")
    made = make(job_of(path, images))
    assert [each.agreement for each in made.record.artifacts] == [1.0]
    counts = made.record.counts
    assert counts is not None
    if name == "net.tflite":
        assert counts.spatial == SIDE * SIDE * WIDTH * 3 * 3 * 3
        assert counts.dense == WIDTH * CLASSES
    assert counts.multiply_adds > 0
