from __future__ import annotations

import numpy as np
from last_digit import moved

from strop.export.ir.graph import Graph, Tensor, float_constant


def test_each_weight_but_0_is_moved_to_a_number_beside_it() -> None:
    values = np.array([0.0, 1.0, -3e-5, 7e4], np.float32)
    tensors = {"image": Tensor(name="image", shape=(1, 4)), "w": float_constant("w", values)}
    graph = Graph(ops=(), tensors=tensors, input="image", output="image")
    assert np.array_equal(moved(graph, 0).data("w"), values)
    for seed in range(1, 5):
        found = moved(graph, seed).data("w")
        assert found.dtype == np.float32
        assert found[0] == 0
        assert (found != values).tolist() == [False, True, True, True]
        assert np.array_equal(np.nextafter(found, values), values)
