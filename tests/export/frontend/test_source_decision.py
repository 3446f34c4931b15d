"""The task that a model's ending and its number of scores speak for."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
from tests.export.model_fixtures import saved

from strop.export.frontend.source_decision import endings, source_decision, source_decisions
from strop.export.source.source import from_keras_model, load_model_file
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.errors import ContractError

layers = keras.layers


def model(scores: int, activation: str | None, *, by_layer: bool = False) -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(image))
    x = layers.Dense(scores, activation=None if by_layer else activation)(x)
    if by_layer:
        x = layers.Reshape((scores,))(layers.Activation(activation)(x))
    return keras.Model(image, x)


@pytest.mark.parametrize("by_layer", [False, True])
@pytest.mark.parametrize(
    ("scores", "activation", "task", "thresholds"),
    [
        (1, "sigmoid", Task.BINARY, (0.5,)),
        (3, "sigmoid", Task.MULTILABEL, (0.5, 0.5, 0.5)),
        (3, "softmax", Task.CLASSIFY, ()),
        (1, "linear", Task.BINARY, (0.0,)),
        (3, "linear", Task.CLASSIFY, ()),
    ],
)
def test_the_ending_decides(
    scores: int, activation: str, task: Task, thresholds: tuple[float, ...], *, by_layer: bool
) -> None:
    source = from_keras_model(model(scores, activation, by_layer=by_layer), name="m")
    found = source_decision(source)
    assert (found.task, found.thresholds) == (task, thresholds)
    # The output is what the thresholds are of, so that nothing is to be applied to it.
    assert found.activation is Activation.NONE


def test_a_map_beside_other_outputs_is_refused_with_both_ways_out() -> None:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3, name="mask")(image)
    kind = layers.Dense(3, name="kind")(layers.GlobalAveragePooling2D()(x))
    source = from_keras_model(keras.Model(image, [kind, x]), name="m")
    with pytest.raises(ContractError) as found:
        source_decisions(source, tasks={"mask": Task.SEGMENT}, thresholds={})
    assert str(found.value) == (
        "m: output mask is a map of classes, which is exported alone; give --outputs mask, and"
        " --outputs kind for a file of the others"
    )


def test_the_ending_of_a_saved_model_is_found_within_its_functions(tmp_path: Path) -> None:
    source = load_model_file(saved(model(1, "sigmoid"), tmp_path / "m"))
    assert endings(source) == (Activation.SIGMOID,)


def test_a_task_that_is_given_wins_if_it_can() -> None:
    source = from_keras_model(model(2, "sigmoid"), name="m")
    assert source_decision(source, task=Task.REGRESS).thresholds == ()
    assert source_decision(source, task=Task.CLASSIFY).task is Task.CLASSIFY
    assert source_decision(source, thresholds=(0.2, 0.9)).thresholds == (0.2, 0.9)
    with pytest.raises(ContractError, match="m: the task is binary, which takes one score"):
        source_decision(source, task=Task.BINARY)
