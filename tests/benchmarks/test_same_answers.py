"""Answers are compared code by code, and what was answered is not asked for again."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from same_answers import DEVICE, Answers, answer, compare, in_order, read_answers
from tests.runtime.tiny_artifacts import COLOURS, LABELS, onnx_bytes

from strop.runtime.artifact.contract import Activation, Contract


def answers(*rows: tuple[int, ...]) -> Answers:
    return Answers(facts={}, codes=np.array(rows, np.int16))


def test_classes_and_codes_are_counted_on_the_images_that_both_have() -> None:
    reference = answers((9, 1, 0), (0, 5, 4), (0, 0, 7))
    found = compare(answers((9, 1, 0), (0, 4, 7)), reference)
    assert (found.n, found.same_class) == (2, 1)
    assert (found.codes, found.same_codes, found.largest_difference) == (6, 4, 3)


def test_int16_differences_do_not_overflow() -> None:
    assert compare(answers((-32768,)), answers((32767,))).largest_difference == 65535


def test_the_order_is_a_shuffle_that_is_always_alike() -> None:
    paths = [Path(str(at)) for at in range(50)]
    assert in_order(paths) == in_order(paths) != paths
    assert sorted(in_order(paths)) == sorted(paths)


def test_a_stopped_run_goes_on_with_the_first_image_that_is_missing(
    tmp_path: Path,
) -> None:
    contract = Contract(height=16, width=16, activation=Activation.SOFTMAX, labels=LABELS)
    artifact = tmp_path / "tiny.onnx"
    artifact.write_bytes(onnx_bytes(contract))
    images = [str(tmp_path / f"{at}.png") for at in range(len(COLOURS))]
    for path, colour in zip(images, COLOURS, strict=True):
        Image.new("RGB", (16, 16), colour).save(path)
    command = [sys.executable, "-c", DEVICE, str(artifact), "0.5", "told"]
    kept = tmp_path / "kept.jsonl"
    assert read_answers(kept) is None
    assert len(list(answer(command, images, kept))) == 3
    whole = kept.read_bytes()
    lines = whole.splitlines(keepends=True)
    kept.write_bytes(b"".join(lines[:2]) + lines[2][:5])
    assert len(list(answer(command, images, kept))) == 2
    assert kept.read_bytes() == whole
    assert list(answer(["false"], images, kept)) == []
    found = read_answers(kept)
    assert found is not None
    assert found.facts["kernels"] == "mlas"
    assert found.codes.argmax(axis=1).tolist() == [0, 1, 2]


def test_a_place_that_fails_is_not_taken_for_a_short_answer(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="kept: exit code 1"):
        list(answer(["false"], ["a.png"], tmp_path / "kept.jsonl"))
