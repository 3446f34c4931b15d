"""Images that are too few or too uneven are told by what calibration saw of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.export.graphs import images_for, mobile_steps

from strop.export.image_checks.finding import ImageFinding
from strop.export.image_checks.range_checks import check_ranges
from strop.export.ir.graph import Array
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.calibrate import GROUPS, calibrate
from strop.export.quantize.equalize import equalize
from strop.export.source.source import Source


@pytest.fixture(scope="module")
def folded() -> tuple[DeployGraph, Source]:
    made = mobile_steps()
    return made.deploy, made.source


def findings(deploy: DeployGraph, images: Array) -> dict[str, ImageFinding]:
    calibration = calibrate(deploy, [images[:30], images[30:]] if len(images) > 30 else [images])
    return {found.name: found for found in check_ranges(deploy.graph, calibration)}


def number(found: ImageFinding, name: str) -> float:
    value = found.numbers[name]
    assert isinstance(value, float)
    return value


def test_every_image_counts_in_one_group_whatever_the_batches(
    folded: tuple[DeployGraph, Source],
) -> None:
    deploy, source = folded
    images = images_for(source, count=21)
    calibration = calibrate(deploy, [images[:5], images[5:6], images[6:]])
    for name in deploy.graph.activations():
        assert calibration.group_low[name].min(0).tolist() == calibration.low[name].tolist()
        assert calibration.group_high[name].max(0).tolist() == calibration.high[name].tolist()
    third = calibrate(deploy, [images[3::GROUPS]])
    for name in deploy.graph.activations():
        # Sums in other batches: a few float32 roundings.
        assert calibration.group_high[name][3] == pytest.approx(third.high[name], 1e-4, 1e-4)


def test_groups_are_scaled_with_the_channels(folded: tuple[DeployGraph, Source]) -> None:
    deploy, source = folded
    scaled = equalize(deploy, calibrate(deploy, [images_for(source, count=32)])).calibration
    for name in deploy.graph.activations():
        assert scaled.group_high[name].max(0) == pytest.approx(scaled.high[name])
        assert scaled.group_low[name].min(0) == pytest.approx(scaled.low[name])


def test_the_same_image_again_and_again_is_enough_of_it(
    folded: tuple[DeployGraph, Source],
) -> None:
    deploy, source = folded
    found = findings(deploy, np.repeat(images_for(source, count=1), 40, axis=0))
    # Batches of other sizes round float32 sums otherwise.
    assert number(found["growth"], "rel_increase") == pytest.approx(0, abs=1e-4)
    assert number(found["halves"], "worst_rel_distance") == pytest.approx(0, abs=1e-4)
    assert {one.remedy for one in found.values()} == {""}


def test_more_images_of_a_kind_widen_the_ranges_less(folded: tuple[DeployGraph, Source]) -> None:
    deploy, source = folded
    images = images_for(source, count=320)
    few, many = findings(deploy, images[:16])["growth"], findings(deploy, images)["growth"]
    assert number(many, "rel_increase") < number(few, "rel_increase")
    for found in (few, many):
        widths = [number(found, f"{part}_rel_width") for part in ("eighth", "quarter", "half")]
        assert widths == sorted(widths)
        assert widths[-1] <= 1


def test_too_few_images_are_told_how_many_more_to_give(
    folded: tuple[DeployGraph, Source],
) -> None:
    deploy, source = folded
    calibration = calibrate(deploy, [images_for(source, count=16)])
    ramp = np.arange(1.0, GROUPS + 1)[:, np.newaxis]
    low = dict.fromkeys(calibration.group_low, 0 * ramp)
    high = dict.fromkeys(calibration.group_high, ramp)
    grown = replace(calibration, group_low=low, group_high=high)
    remedy = check_ranges(deploy.graph, grown)[1].remedy
    # The largest of four numbers from 1 to 8 is 7.2 on average: 8 / 7.2 - 1.
    assert "11.1% wider with all 16 calibration images than with half of them" in remedy
    assert "give some 32 (--calibration-data)" in remedy


def test_one_odd_image_among_many_is_told(folded: tuple[DeployGraph, Source]) -> None:
    deploy, source = folded
    images = images_for(source, count=64) // 8 + 100
    images[17] = np.random.default_rng(0).integers(0, 2, images[17].shape) * 255
    remedy = findings(deploy, images)["halves"].remedy
    assert "halves of the calibration images disagree about the ranges" in remedy
    assert "take out those that are unlike the ones in use, or give more" in remedy


def test_groups_of_single_images_are_not_judged(folded: tuple[DeployGraph, Source]) -> None:
    deploy, source = folded
    assert findings(deploy, images_for(source, count=15)) == {}
