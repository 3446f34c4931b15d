"""Find calibration images that are unlike the ones in use, by images that were held out.

int8 ranges are narrowed on purpose, so that values beyond them say nothing about the images.
What calibration saw does: an image of the same kind has the largest value of all N + 1 in
one of N + 1 cases, and the smallest likewise, whatever the network and the activation. More
than that means that the kind is another one.

Measured on 50 held-out images, as a multiple of that expectation, 2 / (N + 1):

| calibration images | ImageNet, MobileNetV2 | shipped model |
|---|---|---|
| 20 of the same kind, four choices | 0.5 to 1.3 | 0.3 to 1.3 |
| 50 | 0.8 | 0.4 |
| 100, 200 | 0.9 | 0.3, 0.3 |
| at half the brightness, 100 and 200 | 5.7 | 6.0 |
| at half the contrast | 6.4 | 29 |
| noise | 12 | 56 |

Half the brightness takes the agreement of ImageNet's int8 file from 0.968 to 0.918, noise to
0.203. The share of values that int8 cuts off does not show the former: less than 2e-6 with
100 good images, 7e-6 with the dim ones, and 1.1e-5 with 20 good ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from strop.export.image_checks.finding import ImageFinding
from strop.export.image_checks.range_checks import chosen_activations
from strop.export.ir.execute import batch_size, execute
from strop.export.ir.graph import CODE_MAX, CODE_MIN, Array, QuantParams
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.tune import Tuned

MIN_IMAGES = 20
UNLIKE = 2.0  # times the expectation; at most 1.3 with images of the same kind
TOLERANCE = 1e-6  # of a range; float32 sums differ by that between batches
NAMED = 3  # tensors in a message


def check_held_out(tuned: Tuned, images: Array) -> ImageFinding | None:
    """Say whether images outside of calibration exceed the ranges that calibration saw.

    Cost: two runs of the images.

    Args:
        tuned: The float graphs, what calibration saw, and the int8 ranges.
        images: uint8 [N, H, W, C], not among the calibration images.

    Returns:
        The share of image and activation pairs that go beyond, with the share that is to
        be expected, and the share of values that int8 cuts off; None with fewer than
        MIN_IMAGES images.
    """
    if len(images) < MIN_IMAGES:
        return None
    beyond = _beyond(tuned, images)
    cut_off = _cut_off(tuned, images)
    share = float(np.mean(list(beyond.values())))
    expected = 2 / (tuned.seen.images + 1)
    worst = sorted(beyond, key=lambda name: -beyond[name])[:NAMED]
    most = max(cut_off, key=lambda name: cut_off[name])
    remedy = ""
    # One image more: a single odd one among those that judge proves nothing.
    if share > UNLIKE * expected + 1 / len(images):
        named = ", ".join(f"{name} ({beyond[name]:.0%} of images)" for name in worst)
        remedy = (
            f"the calibration images are unlike the validation images: of these, {share:.1%} go"
            f" beyond what calibration saw of an activation, and {expected:.1%} would if they"
            f" were alike; most at {named}. Give calibration images of the same source"
            " (--calibration-data)"
        )
    return ImageFinding(
        name="held_out",
        numbers={
            "images": len(images),
            "beyond_share": share,
            "expected_beyond_share": expected,
            "most_beyond_share": beyond[worst[0]],
            "most_beyond_tensor": worst[0],
            "cut_off_share": float(np.mean(list(cut_off.values()))),
            "most_cut_off_share": cut_off[most],
            "most_cut_off_tensor": most,
        },
        remedy=remedy,
    )


def _beyond(tuned: Tuned, images: Array) -> dict[str, float]:
    """Of every activation, the share of images with a value that no calibration image had."""
    seen = tuned.seen

    def is_beyond(name: str, values: Array) -> Array:
        low, high = min(seen.low[name].min(), 0.0), max(seen.high[name].max(), 0.0)
        slack = TOLERANCE * (high - low)
        flat = values.reshape(len(values), -1)
        found: Array = ((flat < low - slack) | (flat > high + slack)).any(1)
        return found

    return _shares(tuned.folded, images, is_beyond)


def _cut_off(tuned: Tuned, images: Array) -> dict[str, float]:
    """Of every activation, the share of values that int8 changes by more than half a step."""

    def is_outside(name: str, values: Array) -> Array:
        low, high = _limits(tuned.quantized.graph.quant(name))
        return (values < low) | (values > high)

    return _shares(tuned.deploy, images, is_outside)


def _limits(quant: QuantParams) -> tuple[float, float]:
    """The real values that are rounded to the first and the last code."""
    low = quant.scale * (CODE_MIN - 0.5 - quant.zero_point)
    return low, quant.scale * (CODE_MAX + 0.5 - quant.zero_point)


def _shares(
    deploy: DeployGraph, images: Array, test: Callable[[str, Array], Array]
) -> dict[str, float]:
    """The share that passes a test, of every activation whose range is chosen."""
    passed = dict.fromkeys(chosen_activations(deploy.graph), 0)
    totals = dict.fromkeys(passed, 0)

    def count(name: str, values: Array) -> Array:
        if name in passed:
            result = test(name, values)
            passed[name] += int(np.count_nonzero(result))
            totals[name] += result.size
        return values

    at_once = batch_size(*images.shape[1:3])
    for start in range(0, len(images), at_once):
        execute(deploy.graph, deploy.reals(images[start : start + at_once]), count)
    return {name: passed[name] / totals[name] for name in passed}
