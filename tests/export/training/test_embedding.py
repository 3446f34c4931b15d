"""A training of vectors by cosines: what is written, and its loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from tests.export.training.test_train import LABELS, RECIPE, found, photos, recipe, run

from strop.export.source.keras_files import open_keras
from strop.export.training.margin import CosineMarginLoss
from strop.export.training.network import build_network
from strop.export.training.recipe import Recipe
from strop.export.training.record import training_record

__all__ = ["photos", "recipe"]  # fixtures


def test_an_embedding_is_trained_by_cosines_and_written_without_its_classes(
    photos: Path, recipe: Recipe, tmp_path: Path
) -> None:
    output = tmp_path / "vectors.keras"
    recipe = replace(recipe, embedding=8, margin=0.2, epochs=1)
    run(found(photos), output, recipe)
    model = open_keras(output)
    vectors = np.asarray(model(np.random.default_rng(0).uniform(0, 255, (5, 32, 32, 3))))
    assert vectors.shape == (5, 8)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    record = training_record(output)
    assert record is not None
    assert (record.recipe, record.labels) == (recipe, LABELS)
    # The vector's dense layer is a head like any other: it is taken off, and replaced.
    again = replace(RECIPE, weights=str(output))
    network = build_network(again, widths=(len(LABELS),), batch_norm_momentum=0.9)
    assert network.output_shape == (None, len(LABELS))


def test_the_loss_of_cosines_is_cross_entropy_with_a_margin() -> None:
    cosines, truth = np.array([[0.5, 0.1, -1.0]]), np.array([[0.0, 1.0, 0.0]])
    logits = 16 * np.array([0.5, 0.1 - 0.25, -1.0])
    by_hand = np.log(np.exp(logits).sum()) - logits[1]
    found = CosineMarginLoss(0.25, 0.0).call(truth, keras.ops.convert_to_tensor(cosines))
    assert float(found[0]) == pytest.approx(by_hand)
