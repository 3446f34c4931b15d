from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strop.runtime.artifact.contract import Contract, Layout
from strop.runtime.classify.prepare import preparation
from strop.runtime.engines import TensorInfo
from strop.runtime.errors import ContractError

SHAPE = (1, 2, 2, 3)
PIXELS = np.array([[[0, 1, 2], [100, 127, 128]], [[200, 254, 255], [3, 4, 5]]], np.uint8)


def info(dtype: str, scale: float = 0.0, zero_point: int = 0) -> TensorInfo:
    return TensorInfo(shape=SHAPE, dtype=dtype, scale=scale, zero_point=zero_point)


def contract(mean: tuple[float, ...] = (0.0,), std: tuple[float, ...] = (1.0,)) -> Contract:
    return Contract(height=2, width=2, mean=mean, std=std)


def test_an_artifact_of_strop_takes_the_pixels_as_they_are() -> None:
    ours = Contract(height=2, width=2, strop_version="0.1.0")
    tensor = preparation(ours, info("uint8", 0.0078, 128)).apply(PIXELS)
    assert np.shares_memory(tensor, PIXELS)
    assert np.array_equal(tensor, PIXELS[np.newaxis])


def test_a_foreign_uint8_input_without_scale_takes_plain_pixels() -> None:
    assert preparation(contract(), info("uint8")).table is None


@pytest.mark.parametrize(
    ("dtype", "zero_point", "mean", "std"),
    [
        ("uint8", 128, (127.5,), (127.5,)),
        ("int8", 0, (127.5,), (127.5,)),
        ("int8", -3, (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)),
    ],
)
def test_every_code_is_the_nearest_to_the_real_value(
    dtype: str, zero_point: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    scale = 2 / 255
    every = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
    wide = TensorInfo(shape=(1, 1, 256, 3), dtype=dtype, scale=scale, zero_point=zero_point)
    tensor = preparation(contract(mean, std), wide).apply(every)
    limits = np.iinfo(dtype)
    real = (every - np.array(mean)) / np.array(std)
    low, high = ((limit - zero_point) * scale for limit in (limits.min, limits.max))
    back = (tensor[0].astype(float) - zero_point) * scale
    assert tensor.dtype == dtype
    # Half a step, and float64's own rounding.
    assert np.abs(back - real.clip(low, high)).max() <= scale / 2 + 1e-12


def test_a_tie_is_rounded_away_from_zero() -> None:
    tensor = preparation(contract((2.0,)), info("int8", 2.0)).apply(PIXELS)
    # Pixels 1, 3 and 5 are -0.5, 0.5 and 1.5 steps from zero.
    assert [int(tensor[0, 0, 0, 1]), int(tensor[0, 1, 1, 0]), int(tensor[0, 1, 1, 2])] == [-1, 1, 2]


def test_a_float_input_gets_the_normalized_value_of_each_channel() -> None:
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    tensor = preparation(contract(mean, std), info("float32")).apply(PIXELS)
    expected = ((PIXELS - np.array(mean)) / np.array(std)).astype(np.float32)
    assert tensor.dtype == np.float32
    assert np.array_equal(tensor[0], expected)


def test_one_mean_serves_all_channels() -> None:
    tensor = preparation(contract((127.5,), (127.5,)), info("float32")).apply(PIXELS)
    assert np.array_equal(tensor[0], ((PIXELS - 127.5) / 127.5).astype(np.float32))


@pytest.mark.parametrize(("dtype", "mean"), [("uint8", 127.5), ("int8", 0.0)])
def test_an_integer_input_without_scale_is_refused(dtype: str, mean: float) -> None:
    with pytest.raises(ContractError, match="Export it with a uint8 or float32 input"):
        preparation(contract((mean,)), info(dtype))


def test_pixels_less_128_are_a_flipped_bit() -> None:
    # As strop writes it: codes of pixel - 114, of scale 1.
    info = TensorInfo(shape=(1, 16, 16, 1), dtype="int8", scale=1.0, zero_point=114 - 128)
    prepared = preparation(Contract(height=16, width=16, channels=1, mean=(114.0,)), info)
    assert prepared.flips_sign
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    tensor = prepared.apply(pixels)
    assert tensor.dtype == np.int8
    assert tensor.flatten().tolist() == list(range(-128, 128))
    assert prepared.table is not None
    assert tensor.flatten().tolist() == prepared.table[0].tolist()


IN_PLACE = pytest.mark.parametrize(
    ("tensor_info", "mean"),
    [
        (info("uint8"), (0.0,)),
        (info("int8", 1.0, -128), (0.0,)),
        (info("int8", 0.5, 3), (7.0,)),
        (info("float32"), (0.0,)),
        (info("float32"), (7.0,)),
        (info("float32"), (1.0, 2.0, 3.0)),
    ],
)


@IN_PLACE
def test_a_tensor_filled_in_place_is_the_one_that_is_made(
    tensor_info: TensorInfo, mean: tuple[float, ...]
) -> None:
    prepared = preparation(contract(mean), tensor_info)
    backwards = PIXELS[..., ::-1]  # a camera's BGR, not contiguous
    tensor = np.zeros(SHAPE, tensor_info.dtype)
    prepared.fill(backwards, tensor)
    assert tensor.any()
    assert np.array_equal(tensor, prepared.apply(backwards.copy()))


@IN_PLACE
def test_channels_first_has_the_same_values(
    tensor_info: TensorInfo, mean: tuple[float, ...]
) -> None:
    last = preparation(contract(mean), tensor_info)
    ours = Contract(height=2, width=2, layout=Layout.NCHW, mean=mean)
    first = preparation(ours, replace(tensor_info, shape=ours.input_shape)).apply(PIXELS)
    assert first.dtype == tensor_info.dtype
    assert np.array_equal(first.transpose(0, 2, 3, 1), last.apply(PIXELS))
