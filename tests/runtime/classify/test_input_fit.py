from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.input_fit import (
    byte_normalization,
    check_input_fit,
    input_fit,
    input_fit_note,
)
from strop.runtime.classify.prepare import preparation
from strop.runtime.engines import TensorInfo
from strop.runtime.errors import ContractError

SHAPE = (1, 2, 128, 3)
PIXELS = np.arange(256, dtype=np.uint8).repeat(3).reshape(2, 128, 3)


def contract(mean: tuple[float, ...], std: tuple[float, ...], *, version: str = "") -> Contract:
    return Contract(height=2, width=128, mean=mean, std=std, strop_version=version)


def coded(dtype: str, scale: float, zero_point: int) -> TensorInfo:
    return TensorInfo(shape=SHAPE, dtype=dtype, scale=scale, zero_point=zero_point)


MOBILENET = coded("uint8", 1 / 128, 128)  # as Google's mobilenet_v1_1.0_224_quant


@pytest.mark.parametrize("scale", [1.0, 1 / 128, np.float32(1 / 127.5), 0.018658448, 3e-5])
@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 0), ("uint8", 127), ("int8", -14)])
def test_by_its_own_normalization_an_input_takes_bytes_as_they_are(
    dtype: str, zero_point: int, scale: float
) -> None:
    info = coded(dtype, float(scale), zero_point)
    mean, std = byte_normalization(info)
    tensor = preparation(contract((mean,), (std,)), info).apply(PIXELS)
    offset = 128 if dtype == "int8" else 0
    np.testing.assert_array_equal(tensor[0].astype(np.int16) + offset, PIXELS)


def test_mean_0_and_std_1_of_a_normalized_input_are_refused() -> None:
    with pytest.raises(
        ContractError,
        match=r"m: its input holds values from -1 to 0.992 \(scale 0.0078125, zero point 128\),"
        r" pixels with mean 0 and std 1 reach 0 to 255: 99% of the pixel values would be cut off."
        r" Leave out --mean and --std, or .* the input's own are 128 and 128",
    ):
        check_input_fit(contract((0.0,), (1.0,)), MOBILENET, where="m")


@pytest.mark.parametrize(
    ("mean", "std", "note"),
    [
        ((127.5,), (127.5,), ""),
        ((128.0,), (128.0,), ""),
        ((127.0, 128.0, 126.0), (128.0, 127.0, 128.0), ""),
        ((127.5,), (100.0,), "21% of the pixel values would be cut off"),
        ((0.0,), (255.0,), "they use 50% of its codes"),
    ],
)
def test_what_is_odd_is_said(mean: tuple[float, ...], std: tuple[float, ...], note: str) -> None:
    found = input_fit_note(contract(mean, std), MOBILENET)
    assert note in found
    assert bool(found) is bool(note)
    check_input_fit(contract(mean, std), MOBILENET, where="m")


@pytest.mark.parametrize(
    "info", [TensorInfo(shape=SHAPE, dtype="float32"), TensorInfo(shape=SHAPE, dtype="uint8")]
)
def test_an_input_without_codes_holds_everything(info: TensorInfo) -> None:
    assert input_fit(contract((0.0,), (1.0,)), info) is None


def test_bytes_go_into_strops_own_files_whatever_scale_they_state() -> None:
    assert input_fit(contract((0.0,), (1.0,), version="1"), MOBILENET) is None
