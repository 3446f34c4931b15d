"""Codes of many values are those of each."""

from __future__ import annotations

import numpy as np

from strop.export.ir.graph import CODE_MAX, CODE_MIN, QuantParams
from strop.export.quantize.codes import BLOCK, codes_of_reals, reals_of_codes, rounded


def test_more_values_than_a_block_are_rounded_and_cut_off_one_by_one() -> None:
    quant = QuantParams(scales=(0.0235,), zero_point=-3)
    values = np.random.default_rng(0).normal(0, 2, (3, BLOCK // 2 + 1)).astype(np.float32)
    values[0, :3] = quant.scale * np.float32(0.5), -100, 100
    exact = np.rint(values / np.float32(quant.scale)) + np.float32(quant.zero_point)
    codes = codes_of_reals(values.T, quant)
    assert codes.dtype == np.int8
    np.testing.assert_array_equal(codes.T, exact.clip(CODE_MIN, CODE_MAX))
    np.testing.assert_array_equal(rounded(values, quant).T, reals_of_codes(codes, quant))


def test_no_values_have_no_codes() -> None:
    quant = QuantParams(scales=(1.0,), zero_point=0)
    assert codes_of_reals(np.zeros((0, 4), np.float32), quant).shape == (0, 4)
