"""An answer in three parts: the image, the engine, and what comes after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from strop.runtime.artifact.artifact import read_contract
from strop.runtime.bench import split
from strop.runtime.bench.split import SplitSamples, measure_split, split_figures
from strop.runtime.engines import open_engine
from strop.runtime.errors import MeasurementError

SAMPLES = SplitSamples(image_ns=(5, 9, 7), engine_ns=(3, 1, 2), after_ns=(8, 8, 1))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.png" for name in ("a", "b")]
    for place, path in enumerate(paths):
        Image.fromarray(np.full((40, 30, 3), 90 * place, np.uint8)).save(path)
    return paths


def test_figures_are_medians_of_the_parts() -> None:
    found = split_figures(SAMPLES)
    assert (found.image_ns, found.engine_ns, found.after_ns, found.n) == (7, 2, 8, 3)


def test_parts_of_other_numbers_of_answers_are_refused() -> None:
    with pytest.raises(MeasurementError, match="parts are of other numbers of answers"):
        replace(SAMPLES, after_ns=(1,))


def test_the_parts_of_an_answer_add_up(
    tiny_onnx: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "LEAST_S", 0.01)
    contract = read_contract(tiny_onnx)
    assert contract is not None
    ticks = iter(range(0, 10**12, 1000))  # every look at the clock is a microsecond later
    with open_engine(tiny_onnx) as engine:
        found = measure_split(
            engine, contract, photos, where=str(tiny_onnx), clock=lambda: next(ticks) * 1000
        )
        assert engine.facts.engine == "onnxruntime"  # and it is still open
        engine.invoke()
    assert len(found.image_ns) == split.LEAST_ANSWERS
    # One look before the image, one on each side of the engine's call, one after the answer.
    assert set(found.image_ns) == set(found.engine_ns) == set(found.after_ns) == {1_000_000}
