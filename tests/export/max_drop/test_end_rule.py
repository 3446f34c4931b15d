"""Of which exports the end may be in float, and what decides it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strop.export.max_drop.end_rule import EndRule, end_rules
from strop.export.options.choices import OnnxForm, Result, ResultType
from strop.export.options.options import ExportOptions
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import decide


def options(task: Task) -> ExportOptions:
    scores = 1 if task is Task.BINARY else 3
    shape = (2, 2, 3) if task is Task.SEGMENT else ()
    decision = decide(scores, Activation.NONE, task=task, shape=shape, where="m")
    return ExportOptions(output=Path("out"), decision=decision)


def end_rule(asked: ExportOptions) -> EndRule | None:
    (rule,) = end_rules(asked)
    return rule


NUMBERS = (Task.EMBED, Task.REGRESS, Task.LANDMARKS)


@pytest.mark.parametrize("task", list(Task))
def test_only_numbers_need_more_than_256_values(task: Task) -> None:
    assert (end_rule(options(task)) is not None) == (task in NUMBERS)


@pytest.mark.parametrize(
    "asked",
    [
        {"result": Result.PROBABILITIES},
        {"result_type": ResultType.INT8},
        {"onnx_form": OnnxForm.QOPERATOR},
        {"symmetric": True},
        {"full_int8": True},
        {"consumer": "tflite-micro"},
        {"max_float_layers": 0},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_was_asked_for_in_int8_stays_so(asked: dict[str, object]) -> None:
    assert end_rule(replace(options(Task.EMBED), **asked)) is None  # type: ignore[arg-type]


def test_the_limit_is_the_figures_own_or_that_of_max_drop() -> None:
    vectors, numbers = end_rule(options(Task.EMBED)), end_rule(options(Task.REGRESS))
    assert vectors is not None
    assert numbers is not None
    assert [vectors.is_kept(value) for value in (0.994, 0.995)] == [False, True]
    assert vectors.loss([0.99, 0.98]) < vectors.loss([0.999, 0.97])
    assert [numbers.is_kept(value) for value in (0.02, 0.03)] == [True, False]
    assert numbers.loss([0.01, 0.02]) < numbers.loss([0.0, 0.03])
    strict = end_rule(replace(options(Task.REGRESS), max_drop=0.5))
    assert strict is not None
    assert strict.limit == 0.005
    # Points of recall@1 are no cosine.
    assert end_rule(replace(options(Task.EMBED), max_drop=0.5)) == vectors
