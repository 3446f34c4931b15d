"""The programs themselves answer as strop's runtime does, on the same pixels.

Each is given a file that is made for it.

`strop consumers --install NAME` installs one; those that are not here are skipped by name.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import CLASSES, Steps, mobile_steps

import strop.runtime
from strop.export.consumers import ask
from strop.export.consumers.catalogue import CONSUMERS
from strop.export.consumers.consumer import Consumer
from strop.export.consumers.environment import Environment
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.readers.images import Images
from strop.export.consumers.settings import settled
from strop.export.emit.write import Int8, contract_of, write_int8
from strop.export.options.choices import Result
from strop.export.options.options import ExportOptions
from strop.runtime.artifact.contract import Activation
from strop.runtime.classify.decision import decide
from strop.runtime.errors import ConsumerError

LABELS = tuple(f"class {at}" for at in range(CLASSES))
ASKED = [consumer for consumer in CONSUMERS.values() if consumer.reader]
# A step of uint8 probabilities, and label_image.py divides its code by 255 where it means 256.
TOLERANCE = 1 / 256 + 1 / 255


@pytest.fixture(scope="module")
def made() -> Steps:
    return mobile_steps()


def options_for(
    consumer: Consumer, folder: Path = Path(), labels: tuple[str, ...] = LABELS
) -> ExportOptions:
    decision = decide(len(labels), Activation.SOFTMAX, where="a test")
    options = ExportOptions(output=folder, labels=labels, decision=decision)
    return replace(options, consumer=consumer.name, **settled(consumer, {}))


def environment_or_skip(consumer: Consumer, made: Steps) -> Environment:
    environment = environment_of(consumer)
    if environment is None:
        pytest.skip(why_not_here(consumer, environment))
    try:
        consumer.refuse(made.source, options_for(consumer))
    except ConsumerError as err:
        pytest.skip(f"{consumer.name} has tests of its own: {err}")
    return environment


def files_for(
    consumer: Consumer, made: Steps, folder: Path, labels: tuple[str, ...] = LABELS
) -> list[Path]:
    options = options_for(consumer, folder, labels)
    ends_in_it = options.result is Result.PROBABILITIES
    contract = contract_of(made.source, options, () if ends_in_it else (Activation.SOFTMAX,))
    endings = (Activation.SOFTMAX,) if ends_in_it else ()
    int8 = Int8(quantized=made.quantized, contract=contract, endings=endings)
    return write_int8(folder, made.source, options, int8)


@pytest.mark.parametrize("consumer", ASKED, ids=[consumer.name for consumer in ASKED])
def test_on_the_same_pixels_it_answers_as_strops_runtime(
    consumer: Consumer, made: Steps, tmp_path: Path
) -> None:
    environment = environment_or_skip(consumer, made)
    (path,) = files_for(consumer, made, tmp_path)
    reader = ask.READERS / f"{consumer.reader}.py"
    found = ask.ask(reader, environment, path, Images(pixels=made.images, labels=LABELS))
    with strop.runtime.open(path) as classifier:
        own = np.stack([classifier.scores(image) for image in made.images])
    assert (found.argmax(axis=1) == own.argmax(axis=1)).all()
    assert np.abs(found - own).max() <= TOLERANCE


OPENING = [consumer for consumer in ASKED if consumer.loads_images]


@pytest.mark.parametrize("consumer", OPENING, ids=[consumer.name for consumer in OPENING])
def test_files_of_its_size_are_its_pixels_in_colour_and_in_grey(
    consumer: Consumer, made: Steps, tmp_path: Path
) -> None:
    environment = environment_or_skip(consumer, made)
    (path,) = files_for(consumer, made, tmp_path)
    images = [Image.fromarray(pixels) for pixels in made.images]
    images[1] = images[1].convert("L")
    paths = tuple(tmp_path / f"{at}.png" for at in range(len(images)))
    for image, file in zip(images, paths, strict=True):
        image.save(file)
    reader = ask.READERS / f"{consumer.reader}.py"
    found = ask.ask(reader, environment, path, Images(paths=paths, labels=LABELS))
    with strop.runtime.open(path) as classifier:
        own = np.stack([classifier.scores(np.asarray(image.convert("RGB"))) for image in images])
    assert np.abs(found - own).max() <= TOLERANCE
