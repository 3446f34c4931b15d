"""Files of earlier versions of Keras 3 load in this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.export.model_fixtures import KERAS_WARNINGS, SIDE, images
from tests.export.source.test_hostile_keras import edited

from strop.export.source.source import load_model_file

pytestmark = [pytest.mark.filterwarnings(warning) for warning in KERAS_WARNINGS]


def as_keras_3_8(config: Any) -> None:
    """The backbone's input and output as lists of one."""
    backbone = config["config"]["layers"][1]["config"]
    for side in "input_layers", "output_layers":
        assert isinstance(backbone[side][0], str)
        backbone[side] = [backbone[side]]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_backbone_in_a_sequential_loads_as_keras_3_8_wrote_it(
    tmp_path: Path, suffix: str
) -> None:
    image = keras.Input((SIDE, SIDE, 3))
    backbone = keras.Model(image, keras.layers.Conv2D(4, 3)(image))
    layers = [backbone, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    model = keras.Sequential(layers)
    path = tmp_path / f"model{suffix}"
    model.save(path)
    if suffix == ".keras":
        (tmp_path / "edited").mkdir()
        path = edited(tmp_path, tmp_path / "edited", as_keras_3_8)
    else:
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            as_keras_3_8(config)
            file.attrs["model_config"] = json.dumps(config)
    before = path.read_bytes()
    scores = load_model_file(path).forward(tf.constant(images()))
    np.testing.assert_allclose(scores, model(images(), training=False), rtol=1e-5)
    assert path.read_bytes() == before
