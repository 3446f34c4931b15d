from __future__ import annotations

import numpy as np
from tests.export.graphs import BY_SOFTMAX, mobile_steps

from strop.export.ir.execute import execute
from strop.export.ir.partial_execution import Rest, replay
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.quantize import quantize
from strop.export.quantize.sensitivity import sensitivity


def test_replay_reaches_the_same_scores_from_every_operation() -> None:
    made = mobile_steps()
    image = made.deploy.reals(made.images)
    graph = made.deploy.graph
    expected = execute(graph, image)
    # In one session, sums are taken in another order: a few units in the last place of the largest.
    error = 16 * float(np.finfo(np.float32).eps) * float(np.abs(expected).max())
    rest = Rest(graph)
    for index, values in replay(graph, image):
        for start in (index, index + 1):
            found = rest.scores_from(start, values)
            assert np.abs(found - expected).max() <= error


def test_the_layer_with_the_spoilt_range_is_the_costliest() -> None:
    made = mobile_steps()
    calibration = calibrate(made.deploy, [made.images])
    spoilt = made.deploy.graph.ops[3].output
    high = {**calibration.high, spoilt: calibration.high[spoilt] * 50}
    bad = quantize(
        made.deploy,
        type(calibration)(
            low=calibration.low, high=high, means=calibration.means, images=calibration.images
        ),
    )
    costs = sensitivity(made.deploy, bad, made.images, [BY_SOFTMAX], rest=Rest(made.deploy.graph))
    assert (costs[0].layer, costs[0].part) == (spoilt, "activation")
    assert costs[0].agreement is not None
    assert costs[0].agreement <= 1
    nats = [cost.divergence for cost in costs]
    assert nats == sorted(nats, reverse=True)
    parts = {(cost.layer, cost.part) for cost in costs}
    assert len(parts) == len(costs)


def test_every_cost_is_a_number_of_a_layer_that_exists() -> None:
    made = mobile_steps()
    graph = made.quantized.graph
    rest = Rest(made.deploy.graph)
    for cost in sensitivity(made.deploy, made.quantized, made.images, [BY_SOFTMAX], rest=rest):
        assert np.isfinite(cost.noise)
        assert cost.divergence >= 0
        assert cost.layer in graph.tensors
