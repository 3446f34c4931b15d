"""A recipe says how fast is learned, and refuses what cannot be followed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strop.export.training.recipe import Recipe, batch_norm_momentum
from strop.runtime.errors import SourceError

RECIPE = Recipe(model="mobilenet_v1", epochs=2)


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [RECIPE.learning_rate_at(step, 100) for step in range(100)]
    assert max(rates) == rates[4] == pytest.approx(0.1)
    assert rates[0] == pytest.approx(0.02)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] < 1e-4
    assert [batch_norm_momentum(n) for n in (5, 50, 5000)] == [0.5, 0.9, 0.99]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs is 0; needed is 1 or more"),
        ({"learning_rate": float("nan")}, "needed is above 0"),
        ({"clip_norm": 0.0}, "clip_norm is 0; needed is above 0"),
        ({"dropout": 1.0}, "dropout is 1; needed is 0 to below 1"),
        ({"frozen_epochs": 1}, "is for given weights"),
        ({"margin": 0.2}, "margin is 0.2 without an embedding"),
        ({"embedding": 1}, "embedding is 1; needed is 2 or more numbers"),
        ({"embedding": 8, "margin": 1.0}, "margin is 1; needed is 0 to below 1"),
        ({"frozen_epochs": 3, "weights": "imagenet"}, "needed is 0 to 2, the epochs"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        replace(RECIPE, **setting)
