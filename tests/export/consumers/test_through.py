"""What a consumer's reader is given of the images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.consumers.fakes import FAKE, put_on

from strop.export.consumers.presence import environment_of
from strop.export.consumers.through import programs_of
from strop.runtime.artifact.artifact import append_contract
from strop.runtime.artifact.contract import Contract, ResizeRule

MEANS = """
import numpy as np

def scores(path, images):
    return np.stack([values.mean(axis=(0, 1)) for values in images.values()])
"""


def test_values_are_those_that_the_file_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the source's: a network of the zoo has a mean, and its files take pixels."""
    fake = replace(FAKE, loads_images=False)
    put_on(monkeypatch, tmp_path, reader=MEANS, fake=fake)
    contract = Contract(
        height=4, width=4, resize=ResizeRule.STRETCH, mean=(100.0, 110.0, 120.0), std=(2.0,)
    )
    path = tmp_path / "m.tflite"
    path.write_bytes(append_contract(b"\x1c\0\0\0TFL3", contract))
    Image.new("RGB", (4, 4), (102, 104, 106)).save(tmp_path / "a.png")
    (program,) = programs_of(fake, environment_of(fake), ())
    found = program.scores(path, [tmp_path / "a.png"])
    np.testing.assert_array_equal(found, np.array([[1, -3, -7]], np.float32))
