"""Six kinds of network, small ones and five with random weights, through eight programs.

What the project's own environment has is asked in this process, other programs in their own;
those that are not installed are skipped by name (`strop consumers --install NAME`).
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.export.consumers.test_programs import TOLERANCE, files_for
from tests.export.graphs import Steps, images_for, steps_of

import strop.runtime
from strop.export.consumers import ask
from strop.export.consumers.catalogue import CONSUMERS
from strop.export.consumers.consumer import Consumer
from strop.export.consumers.environment import Environment
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.readers.images import Images
from strop.export.source.source import from_keras_model, load_model_file
from strop.export.zoo.architectures import architecture
from strop.export.zoo.build import keras_model
from strop.export.zoo.shipped import SHIPPED_CALIBRATION, SHIPPED_MODEL
from strop.export.zoo.spec import ModelSpec
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.images.dataset import list_images, pixels_in_order

SIDE, CLASSES, IMAGES = 32, 7, 16
ALPHAS = {
    "mobilenet_v1": 0.25,
    "mobilenet_v2": 0.35,
    "mobilenet_v3_small": 0.5,
    "efficientnet_lite0": None,
    "shufflenet_v2": 0.5,
}
NETWORKS = (*ALPHAS, "the shipped one")
SIGNATURE = replace(CONSUMERS["litert"], name="litert, signature", reader="litert_signature")
# Those whose kernels are XNNPACK's or ONNX Runtime's, so that nothing may differ. Programs that
# round otherwise, or take 224 x 224 only, are in test_programs.py and in the measured table.
EQUAL = ["litert", "tensorflow", "onnxruntime", "label-image", "coral", "mediapipe", "task-library"]
PROGRAMS = {each.name: each for each in (*(CONSUMERS[name] for name in EQUAL), SIGNATURE)}


def random_network(name: str) -> Steps:
    """A network whose batch norms have met the images, so that answers differ."""
    size = (SIDE, SIDE)
    spec = ModelSpec(model=name, alpha=ALPHAS[name], size=size, classes=CLASSES, weights="random")
    model, member = keras_model(spec), architecture(name)
    images = images_for(from_keras_model(model, name=name), count=IMAGES)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model((images.astype(np.float32) - member.mean) / member.std, training=True)
    source = from_keras_model(model, name=name, mean=member.mean, std=member.std, takes_pixels=True)
    return steps_of(source, images=images)


def shipped_network() -> Steps:
    source = load_model_file(SHIPPED_MODEL)
    paths = list_images(SHIPPED_CALIBRATION)
    contract = Contract(height=source.height, width=source.width, resize=ResizeRule.STRETCH)
    images = np.stack(list(pixels_in_order(paths[:: len(paths) // IMAGES], contract)))
    return steps_of(source, images=images)


@pytest.fixture(scope="module", params=NETWORKS)
def made(request: pytest.FixtureRequest) -> Steps:
    """One at a time, for all programs."""
    return random_network(request.param) if request.param in ALPHAS else shipped_network()


def answer(
    consumer: Consumer, environment: Environment, path: Path, images: Images
) -> NDArray[np.float32]:
    if environment.python != Path(sys.executable):
        return ask.ask(ask.READERS / f"{consumer.reader}.py", environment, path, images)
    reader = import_module(f"strop.export.consumers.readers.{consumer.reader}")
    with warnings.catch_warnings():  # TensorFlow says that its interpreter is deprecated
        warnings.simplefilter("ignore")
        found: NDArray[np.float32] = reader.scores(path, images)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_kind_of_network_is_answered_as_by_strops_runtime(
    made: Steps, name: str, tmp_path: Path
) -> None:
    consumer = PROGRAMS[name]
    environment = environment_of(consumer)
    if environment is None:
        pytest.skip(why_not_here(consumer, environment))
    labels = tuple(f"class {at}" for at in range(made.source.classes))
    (path,) = files_for(consumer, made, tmp_path, labels)
    contract = read_contract(path)
    assert contract is not None
    images = Images(pixels=made.images, labels=labels, mean=contract.mean, std=contract.std)
    found = answer(consumer, environment, path, images)
    with strop.runtime.open(path) as classifier:
        own = np.stack([classifier.scores(image) for image in made.images])
    assert len(set(own.argmax(axis=1))) > 1  # or a constant would be right
    np.testing.assert_array_equal(found.argmax(axis=1), own.argmax(axis=1))
    assert np.abs(found - own).max() <= TOLERANCE
