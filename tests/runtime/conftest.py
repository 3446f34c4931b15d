"""Tiny real artifacts, 16 x 16 RGB pixels in, scores of four classes out; and a board for them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.runtime.remote.ssh_board import MISSING, SshBoard, ssh_board
from tests.runtime.tiny_artifacts import COLOURS, LABELS, WEIGHTS, onnx_bytes

from strop.runtime.artifact.artifact import append_contract
from strop.runtime.artifact.contract import Activation, Contract


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract(
        height=16,
        width=16,
        activation=Activation.SOFTMAX,
        labels=LABELS,
        source="tiny",
        strop_version="0.1.0",
    )


@pytest.fixture(scope="session")
def bare_tflite() -> bytes:
    """int8 inside, uint8 in, int8 out, by TensorFlow's own converter; no contract."""
    with warnings.catch_warnings():
        # TensorFlow warns of its own deprecations, and of input statistics that
        # a representative dataset replaces.
        warnings.simplefilter("ignore")
        import keras
        import tensorflow as tf

        pixels = keras.Input((16, 16, 3), batch_size=1)
        mixed = keras.layers.Conv2D(3, 1, use_bias=False, activation="relu")
        means = keras.layers.GlobalAveragePooling2D()(mixed(pixels))
        head = keras.layers.Dense(4)
        model = keras.Model(pixels, head(means))
        mixed.set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3)])
        head.set_weights([WEIGHTS, np.array([0, 0, 0, 0.5], np.float32)])
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [np.full((1, 16, 16, 3), colour, np.float32)] for colour in (*COLOURS, (255,) * 3)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.int8
        artifact: bytes = converter.convert()
    return artifact


@pytest.fixture(scope="session")
def tiny_tflite(
    bare_tflite: bytes, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("artifacts") / "tiny.int8.tflite"
    path.write_bytes(append_contract(bare_tflite, contract))
    return path


@pytest.fixture(scope="session")
def tiny_onnx(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same function in float behind a uint8 input."""
    path = tmp_path_factory.mktemp("artifacts") / "tiny.int8.onnx"
    path.write_bytes(onnx_bytes(contract))
    return path


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images a class, in subfolders named by the labels' first words."""
    folder = tmp_path_factory.mktemp("images")
    for name, colour in zip(("n1", "n2", "n3"), COLOURS, strict=True):
        (folder / name).mkdir()
        Image.new("RGB", (40, 30), colour).save(folder / name / "a.png")
        Image.new("RGB", (16, 16), colour).save(folder / name / "b.BMP", "BMP")
    return folder


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshBoard]:
    """An sshd on loopback, which the `ssh` on PATH reaches as "board"."""
    if MISSING is not None:
        pytest.skip(MISSING)
    (tmp_path / "board").mkdir()
    with ssh_board(tmp_path / "board") as started:
        monkeypatch.setenv("PATH", f"{started.folder}/client:{os.environ['PATH']}")
        yield started
