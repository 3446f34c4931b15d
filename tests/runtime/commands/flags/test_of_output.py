"""Flags whose value may be for one of several outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.cli import main
from strop.runtime.commands.flags.of_output import OfOutput, by_output, of_output


def test_a_value_is_for_the_output_in_front_of_it() -> None:
    assert of_output(int)("age=3") == OfOutput(output="age", value=3)
    assert of_output(int)("3") == OfOutput(output="", value=3)


def test_a_file_that_is_there_may_have_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "age=3.csv"
    path.touch()
    assert of_output(Path)(str(path)) == OfOutput(output="", value=path)


def test_of_two_values_for_one_output_none_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = [OfOutput(output=name, value=at) for at, name in enumerate(["", "age"])]
    assert by_output("--truth", values) == {"": 0, "age": 1}
    twice = ["--truth", "age=a.csv", "--truth", "age=b.csv"]
    assert main(["evaluate", str(tmp_path / "m.tflite"), str(tmp_path), *twice]) == 2
    assert "--truth: given twice for output age; leave one out" in capsys.readouterr().err
