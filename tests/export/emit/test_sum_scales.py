from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from tests.export.emit.one_op import Side, write_one_op

from strop.export.emit.sum_scales import MOST_STEPS, STEP, sum_scales
from strop.export.ir.graph import QuantParams

CODES = np.arange(-128, 128)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["ADD", "SUB"])
def test_reals_of_all_pairs_of_codes_round_as_litert_does(
    kind: str, seed: int, tmp_path: Path
) -> None:
    random = np.random.default_rng(seed)
    scales = [float(np.float32(scale)) for scale in random.uniform(0.02, 0.05, 3)]
    first, second, result = (
        QuantParams(scales=(scale,), zero_point=int(random.integers(-40, 40))) for scale in scales
    )
    signs = (1, -1 if kind == "SUB" else 1)
    found = sum_scales([first, second], result, signs)
    for chosen, given in zip(found, (first, second), strict=True):
        # Rounding to float32 comes on top.
        assert abs(chosen / given.scale - 1) <= MOST_STEPS * STEP + np.finfo(np.float32).eps

    shape = (1, 256, 256, 1)
    sides = [
        Side(scale=each.scale, zero_point=each.zero_point, shape=shape)
        for each in (first, second, result)
    ]
    columns = np.broadcast_to(CODES, (256, 256))
    sides[1] = Side(
        scale=second.scale,
        zero_point=second.zero_point,
        shape=shape,
        values=tuple(columns.reshape(-1).tolist()),
    )
    options = schema.AddOptionsT() if kind == "ADD" else schema.SubOptionsT()
    path = write_one_op(tmp_path, kind, sides[:2], sides[2], options=options, version=2)
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    rows = columns.T.astype(np.int8).reshape(shape)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rows)
    interpreter.invoke()
    codes = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    one, other = (
        np.float32(scale) * (CODES - given.zero_point).astype(np.float32)
        for scale, given in zip(found, (first, second), strict=True)
    )
    reals = (one[:, None] + signs[1] * other[None, :]) / np.float32(result.scale)
    expected = np.clip(np.rint(reals) + result.zero_point, -128, 127)
    assert np.count_nonzero(codes.reshape(256, 256) != expected) == 0
