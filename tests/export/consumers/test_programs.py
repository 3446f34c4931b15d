"""The programs themselves answer as strop's runtime does, on the same pixels.

Each is given a file that is made for it.

`strop consumers --install NAME` installs one; those that are not here are skipped by name.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.export.graphs import BY_SOFTMAX, CLASSES, Steps, mobile_block, steps

import strop.runtime
from strop.export.consumers import ask
from strop.export.consumers.catalogue import CONSUMERS
from strop.export.consumers.consumer import Consumer
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.readers.images import Images
from strop.export.consumers.settings import settled
from strop.export.emit.write import Int8, contract_of, write_int8
from strop.export.options.choices import Result
from strop.export.options.options import ExportOptions
from strop.runtime.artifact.contract import Activation

LABELS = tuple(f"class {at}" for at in range(CLASSES))
ASKED = [consumer for consumer in CONSUMERS.values() if consumer.reader]
# A step of uint8 probabilities, and label_image.py divides its code by 255 where it means 256.
TOLERANCE = 1 / 256 + 1 / 255


@pytest.fixture(scope="module")
def made() -> Steps:
    return steps(mobile_block())


def files_for(consumer: Consumer, made: Steps, folder: Path) -> list[Path]:
    options = ExportOptions(output=folder, labels=LABELS, decision=BY_SOFTMAX)
    options = replace(options, consumer=consumer.name, **settled(consumer, {}))
    ends_in_it = options.result is Result.PROBABILITIES
    contract = contract_of(
        made.source, options, Activation.NONE if ends_in_it else Activation.SOFTMAX
    )
    ending = Activation.SOFTMAX if ends_in_it else Activation.NONE
    int8 = Int8(quantized=made.quantized, contract=contract, ending=ending)
    return write_int8(folder, made.source, options, int8)


@pytest.mark.parametrize("consumer", ASKED, ids=[consumer.name for consumer in ASKED])
def test_on_the_same_pixels_it_answers_as_strops_runtime(
    consumer: Consumer, made: Steps, tmp_path: Path
) -> None:
    environment = environment_of(consumer)
    if environment is None:
        pytest.skip(why_not_here(consumer, environment))
    (path,) = files_for(consumer, made, tmp_path)
    reader = ask.READERS / f"{consumer.reader}.py"
    found = ask.ask(reader, environment, path, Images(pixels=made.images, labels=LABELS))
    with strop.runtime.open(path) as classifier:
        own = np.stack([classifier.scores(image) for image in made.images])
    assert (found.argmax(axis=1) == own.argmax(axis=1)).all()
    assert np.abs(found - own).max() <= TOLERANCE
