"""What a file is, its first bytes say: names of every era, and files that are something else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tests.export.model_fixtures import KERAS_WARNINGS, images, saved, small_model

from strop.export.source.source import load_model_file
from strop.export.zoo.weights import load_weights
from strop.runtime.errors import SourceError

pytestmark = [pytest.mark.filterwarnings(warning) for warning in KERAS_WARNINGS]


def test_a_model_loads_under_any_name(tmp_path: Path) -> None:
    model = small_model()
    expected = model(images(), training=False)
    for suffix, others in ((".h5", (".keras", ".model", "")), (".keras", (".h5", ".zip"))):
        path = saved(model, tmp_path / f"right{suffix}")
        for other in others:
            renamed = tmp_path / f"model{suffix[1:]}{other}"
            shutil.copy(path, renamed)
            scores = load_model_file(renamed).forward(tf.constant(images()))
            np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_weights_load_under_any_name(tmp_path: Path) -> None:
    model = small_model()
    names = {"new": "a.weights.h5", "old": "b.h5", "whole": "c.keras"}
    model.save_weights(tmp_path / names["new"])
    model.save(tmp_path / names["old"])
    model.save(tmp_path / names["whole"])
    for kind, name in names.items():
        (tmp_path / name).rename(tmp_path / kind)
        other = small_model()
        other.layers[1].kernel.assign(other.layers[1].kernel * 0)
        load_weights(other, tmp_path / kind)
        np.testing.assert_array_equal(other.layers[1].kernel, model.layers[1].kernel)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer.*pull"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page.*needed is a .keras file"),
        (b"\x1c\0\0\0TFL3", r"cut short or damaged"),
        (b"", "an empty file; needed is"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=said):
        load_model_file(path)


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(SourceError, match="no regular file"):
        load_model_file(tmp_path / "pipe.h5")
