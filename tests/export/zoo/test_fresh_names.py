"""A network that is built a second time in a process becomes the same bytes."""

from __future__ import annotations

import keras
import pytest

from strop.export.frontend.convert import convert
from strop.export.source.source import Source
from strop.export.zoo.build import open_model
from strop.export.zoo.fresh_names import with_fresh_names
from strop.export.zoo.spec import ModelSpec


def built(*, is_headless: bool = False) -> Source:
    """A small network of which Keras names some layers."""
    return open_model(
        ModelSpec(
            model="mobilenet_v1",
            alpha=0.25,
            size=(32, 32),
            classes=7,
            weights="random",
            seed=0,
            is_headless=is_headless,
        )
    )


def layers_of(source: Source) -> list[str]:
    return [source.model.name, *(layer.name for layer in source.model.layers)]


@pytest.mark.parametrize("is_headless", [False, True])
def test_layers_are_named_as_the_first_time(is_headless: bool) -> None:
    first = layers_of(built(is_headless=is_headless))
    assert layers_of(built(is_headless=is_headless)) == first


def test_a_second_export_has_the_same_bytes() -> None:
    first = convert(built())
    keras.layers.Conv2D(1, 1)
    assert convert(built()) == first


def test_names_of_the_callers_own_layers_go_on() -> None:
    def number() -> int:
        return int(keras.layers.Dense(1).name.rpartition("dense")[2].lstrip("_") or 0)

    before = number()
    assert with_fresh_names(number) == 0
    assert number() == before + 1


def test_an_error_comes_to_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        with_fresh_names(lambda: 1 // 0)
