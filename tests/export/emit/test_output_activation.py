"""--result probabilities: the softmax or sigmoid at the end of the file, in float."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import images_for, mobile_block

import strop.runtime
from strop.export.options.choices import Effort, Result
from strop.export.options.options import ExportOptions
from strop.export.pipeline import export
from strop.export.source.source import Source, from_keras_model
from strop.runtime.errors import SourceError


def source(activation: str | None) -> Source:
    model = mobile_block()
    model.layers[-1].activation = keras.activations.get(activation)
    # Built anew, so that the graph has the changed activation.
    return from_keras_model(keras.models.clone_model(model), name="small")


def options(folder: Path, model: Source, result: Result) -> ExportOptions:
    paths = []
    for at, pixels in enumerate(images_for(model, count=24)):
        paths.append(folder / f"{at:02}.png")
        Image.fromarray(pixels).save(paths[-1])
    return ExportOptions(
        output=folder / result.value,
        calibration=tuple(paths),
        result=result,
        effort=Effort.FAST,
        force=True,
    )


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_the_file_gives_what_the_runtime_makes_of_scores(activation: str, tmp_path: Path) -> None:
    model = source(activation)
    given = {result: export(model, options(tmp_path, model, result)).paths for result in Result}
    image = images_for(model, count=1)[0]
    for scores, probabilities in zip(
        given[Result.SCORES], given[Result.PROBABILITIES], strict=True
    ):
        with (
            strop.runtime.open(scores) as by_runtime,
            strop.runtime.open(probabilities) as by_file,
        ):
            assert by_file.output.dtype == "float32"
            assert by_file.facts.partitions in (1, None)
            expected = {one.index: one.score for one in by_runtime.classify(image, top=7)}
            found = {one.index: one.score for one in by_file.classify(image, top=7)}
        assert found.keys() == expected.keys()
        # float32's exponentials, a few units in the last place of values up to 1.
        np.testing.assert_allclose(
            [found[index] for index in expected], list(expected.values()), atol=1e-6
        )


def test_scores_that_are_final_are_no_probabilities(tmp_path: Path) -> None:
    model = source(None)
    with pytest.raises(SourceError, match=r"no softmax or sigmoid.*--result scores"):
        export(model, options(tmp_path, model, Result.PROBABILITIES))
