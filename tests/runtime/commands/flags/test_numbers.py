"""Tests of the numbers and lists that flags take."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from strop.runtime.artifact.artifact import Format
from strop.runtime.commands.flags.numbers import (
    count,
    names,
    numbers,
    percent,
    positive,
    seconds,
    share,
)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (positive, "1", 1),
        (count, "0", 0),
        (seconds, "0.5", 0.5),
        (percent, "5", 0.05),
        (share, "1", 1.0),
        (numbers, "123.5,-2", (123.5, -2.0)),
        (names(Format), "onnx,tflite,onnx", (Format.ONNX, Format.TFLITE)),
    ],
)
def test_a_flag_takes(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "needed"),
    [
        (positive, "0", "a whole number, 1 or more"),
        (count, "-1", "a whole number, 0 or more"),
        (count, "2.5", "a whole number, 0 or more"),
        (seconds, "nan", "a number of seconds, 0 or more"),
        (seconds, "inf", "a number of seconds, 0 or more"),
        (percent, "100", "0 to below 100 percent"),
        (share, "0", "a share above 0, to 1"),
        (numbers, "1;2", "one number, or several with commas between"),
        (numbers, "", "one number, or several with commas between"),
        (names(Format), "tflite,h5", "one or more of tflite, onnx, with commas between"),
    ],
)
def test_what_is_none_is_refused_by_what_is_needed(
    read: Callable[[str], object], text: str, needed: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^'{text}': needed is {needed}"):
        read(text)
