"""The table of depthwise windows: what is timed, and how a line is read."""

from __future__ import annotations

from depthwise_windows import LAYERS, Case, layers_of, row, runs

FORMS = ("depthwise", "groups")
CASE = Case(window=7, stride=2, side=9, channels=24)


def test_every_way_of_a_case_runs() -> None:
    found = runs(CASE)
    assert set(found) == {"float", *(f"{form}{end}" for form in FORMS for end in ("", ", .onnx"))}
    for invoke in found.values():
        invoke()


def test_the_layers_have_the_window_and_the_stride() -> None:
    graph = layers_of(CASE)
    assert [graph.tensors[op.inputs[1]].shape for op in graph.ops] == [(1, 7, 7, 24)] * LAYERS
    assert [graph.tensors[op.output].shape[1] for op in graph.ops] == [5, 3, 2]


def test_a_line_has_ratios_of_the_depthwise_form() -> None:
    us = {"float": 2.0, "depthwise": 4.0, "groups": 1.0}
    line = row(CASE, us | {"depthwise, .onnx": 3.0, "groups, .onnx": 9.0})
    assert line == "| 7x7 | 2 | 9x9 | 24 | 8 | 4 | 2.00 | 0.25 | 0.50 | 3.0 |"
