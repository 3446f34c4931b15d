"""The table of convolutions in groups: what is timed, and how a line is read."""

from __future__ import annotations

import pytest
from depthwise_windows import LAYERS, Case, layers_of, row, runs

FORMS = ("int8", "merged")
CASE = Case(window=7, stride=2, side=9, channels=24)
GROUPS = Case(window=3, stride=1, side=5, channels=24, group=4)


@pytest.mark.parametrize("case", [CASE, GROUPS])
def test_every_way_of_a_case_runs(case: Case) -> None:
    found = runs(case)
    assert set(found) == {"float", *(f"{form}{end}" for form in FORMS for end in ("", ", .onnx"))}
    for invoke in found.values():
        invoke()


def test_the_layers_have_the_window_and_the_stride() -> None:
    graph = layers_of(CASE)
    assert [graph.tensors[op.inputs[1]].shape for op in graph.ops] == [(1, 7, 7, 24)] * LAYERS
    assert [graph.tensors[op.output].shape[1] for op in graph.ops] == [5, 3, 2]


def test_groups_read_channels_together() -> None:
    graph = layers_of(GROUPS)
    assert [graph.tensors[op.inputs[1]].shape for op in graph.ops] == [(24, 3, 3, 4)] * LAYERS


def test_a_line_has_ratios_of_the_form_as_it_is() -> None:
    us = {"float": 2.0, "int8": 4.0, "merged": 1.0}
    us |= {"int8, .onnx": 3.0, "merged, .onnx": 9.0}
    assert row(CASE, us) == "| 7x7 | 2 | 9x9 | 24 | 1 | 8 | 4 | 2.00 | 0.25 | 0.50 | 12 | 3.00 |"
    assert row(GROUPS, us) == "| 3x3 | 1 | 5x5 | 24 | 4 | 8 | 4 | 2.00 | 0.25 | 0.50 | 12 | 3.00 |"
