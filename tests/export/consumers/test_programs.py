"""The programs themselves answer as strop's runtime does, on the same pixels.

Each is given a file that is made for it; who takes several outputs has three, whose order is
neither that of their names nor that in which they are computed.

`strop consumers --install NAME` installs one; those that are not here are skipped by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import CLASSES, SIZE, Steps, images_for, mobile_steps

import strop.runtime
from strop.export.consumers import ask
from strop.export.consumers.catalogue import CONSUMERS
from strop.export.consumers.consumer import Consumer
from strop.export.consumers.environment import Environment
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.readers.images import Images
from strop.export.consumers.settings import settled
from strop.export.emit.write import Int8, contract_of, write_int8
from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import input_values
from strop.export.ir.outputs import output_names
from strop.export.options.choices import Result
from strop.export.options.options import ExportOptions, OutputOptions
from strop.export.passes.cut_activation import cut_activations
from strop.export.passes.fold import fold
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.quantize import quantize
from strop.export.source.source import Source, from_keras_model
from strop.runtime.artifact.contract import Activation, ResizeRule, Task
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


@dataclass(frozen=True)
class Several:
    """What a file of three outputs is written from; the second is read by the first."""

    source: Source
    options: ExportOptions
    int8: Int8
    images: Any

    @property
    def step(self) -> float:
        graph = self.int8.quantized.graph
        quants = [graph.tensors[name].quant for name in output_names(graph)]
        return max(quant.scale for quant in quants if quant is not None)


@pytest.fixture(scope="module")
def several() -> Several:
    keras.utils.set_random_seed(1)
    spread = keras.initializers.RandomNormal(0, 0.1)
    dense = partial(keras.layers.Dense, kernel_initializer=spread)
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, 2, activation="relu", kernel_initializer=spread)(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    numbers = dense(4, name="numbers")(x)
    ends = [dense(3, name="z_kind")(numbers), numbers, dense(2, name="look")(x)]
    source = from_keras_model(keras.Model(image, ends), name="several")
    graph, activations = cut_activations(float_graph(source))
    deploy, images = fold(graph, input_values(source)), images_for(source, count=8)
    heads = [
        OutputOptions(
            name=name,
            decision=decide(size, Activation.NONE, task=task, where="a test"),
            labels=tuple(f"{name} {at}" for at in range(size)),
        )
        for name, size, task in (
            ("z_kind", 3, Task.CLASSIFY),
            ("numbers", 4, Task.REGRESS),
            ("look", 2, Task.MULTILABEL),
        )
    ]
    options = ExportOptions(output=Path(), outputs=tuple(heads), resize=ResizeRule.STRETCH)
    int8 = Int8(
        quantized=quantize(deploy, calibrate(deploy, [images])),
        contract=contract_of(source, options, activations),
    )
    assert source.outputs == tuple(head.name for head in heads)
    return Several(source=source, options=options, int8=int8, images=images)


@pytest.mark.parametrize("consumer", ASKED, ids=[consumer.name for consumer in ASKED])
def test_on_the_same_pixels_it_answers_as_strops_runtime(
    consumer: Consumer, made: Steps, several: Several, tmp_path: Path
) -> None:
    environment = environment_or_skip(consumer, made)
    images, tolerance = made.images, TOLERANCE
    names: tuple[str, ...] = ()
    if consumer.takes_several_outputs:
        images = several.images
        names = tuple(head.name for head in several.options.outputs)
        needed = {**settled(consumer, {}), "result": Result.SCORES, "consumer": consumer.name}
        options = replace(several.options, output=tmp_path, **needed)
        (path,) = write_int8(tmp_path, several.source, options, several.int8)
        # A few codes, for those that round otherwise; outputs differ by far more.
        tolerance = 4 * several.step
    else:
        (path,) = files_for(consumer, made, tmp_path)
    reader = ask.READERS / f"{consumer.reader}.py"
    asked = Images(pixels=images, labels=LABELS, outputs=names)
    found = ask.ask(reader, environment, path, asked)
    with strop.runtime.open(path) as classifier:
        own = np.stack([classifier.scores(image) for image in images])
        first = classifier.heads[0].columns
    assert (found[:, first].argmax(axis=1) == own[:, first].argmax(axis=1)).all()
    assert np.abs(found - own).max() <= tolerance


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
