"""Calibration images that are unlike the validation images are told."""

from __future__ import annotations

import pytest
from tests.export.graphs import BY_SOFTMAX, images_for, mobile_steps

from strop.export.image_checks.held_out_check import check_held_out
from strop.export.ir.graph import Array
from strop.export.options.choices import Effort
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.tune import Tuned, tune
from strop.export.source.source import Source


@pytest.fixture(scope="module")
def folded() -> tuple[DeployGraph, Source]:
    made = mobile_steps()
    return made.deploy, made.source


def tuned_on(deploy: DeployGraph, images: Array, effort: Effort = Effort.FAST) -> Tuned:
    return tune(deploy, [images], [images], decisions=[BY_SOFTMAX], effort=effort)


def test_images_of_the_same_kind_are_within_twice_what_is_expected(
    folded: tuple[DeployGraph, Source],
) -> None:
    deploy, source = folded
    images = images_for(source, count=104)
    found = check_held_out(tuned_on(deploy, images[:64]), images[64:])
    assert found is not None
    assert found.remedy == ""
    assert found.numbers["images"] == 40
    assert found.numbers["expected_beyond_share"] == pytest.approx(2 / 65)


def test_calibration_images_themselves_never_go_beyond(
    folded: tuple[DeployGraph, Source],
) -> None:
    deploy, source = folded
    images = images_for(source, count=32)
    found = check_held_out(tuned_on(deploy, images), images)
    assert found is not None
    assert found.numbers["beyond_share"] == 0
    # Without narrowed ranges int8 covers all that was seen.
    assert found.numbers["most_cut_off_share"] == 0


def test_narrowed_ranges_alone_are_no_reason_to_speak(
    folded: tuple[DeployGraph, Source],
) -> None:
    deploy, source = folded
    images = images_for(source, count=32)
    found = check_held_out(tuned_on(deploy, images, Effort.DEFAULT), images)
    assert found is not None
    assert found.numbers["beyond_share"] == 0
    assert found.remedy == ""


def test_dim_calibration_images_are_told_with_the_worst_activations(
    folded: tuple[DeployGraph, Source],
) -> None:
    deploy, source = folded
    images = images_for(source, count=104)
    found = check_held_out(tuned_on(deploy, images[:64] // 2), images[64:])
    assert found is not None
    assert "the calibration images are unlike the validation images" in found.remedy
    assert str(found.numbers["most_beyond_tensor"]) in found.remedy
    assert "3.1% would if they were alike" in found.remedy
    assert "Give calibration images of the same source (--calibration-data)" in found.remedy


def test_a_handful_of_images_does_not_judge(folded: tuple[DeployGraph, Source]) -> None:
    deploy, source = folded
    images = images_for(source, count=32)
    assert check_held_out(tuned_on(deploy, images), images[:19]) is None
