"""Checks that a quantized input can hold the pixels as mean and std normalize them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.prepare import PIXEL_VALUES, pixel_codes, pixel_values
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.errors import ContractError

MAX_CUT_SHARE = 0.5  # above, no calibration of the input explains it
NOTED_CUT_SHARE = 0.05  # quantizers cut off a few rare values on purpose
NOTED_USED_SHARE = 0.6  # below, the input was calibrated for other values


# Not a dataclass, which takes 0.4 ms to make: every first result waits for it.
class InputFit(NamedTuple):
    """The range of the normalized pixels 0 to 255 beside the range of an input's codes.

    Attributes:
        lowest: What the lowest code stands for.
        highest: What the highest code stands for.
        darkest: The least value that a pixel becomes.
        brightest: The greatest value that a pixel becomes.
        cut_share: Of the pixel values, over all channels, those that no code stands for.
        used_share: Of the codes, those between the least and the greatest that pixels take.
    """

    lowest: float
    highest: float
    darkest: float
    brightest: float
    cut_share: float
    used_share: float


def byte_normalization(info: TensorInfo) -> tuple[float, float]:
    """Mean and std by which the bytes go into a quantized input as they are.

    An int8 input takes them less 128, as everywhere.
    """
    offset = -int(np.iinfo(info.dtype).min)
    return float(info.zero_point + offset), 1 / info.scale


def input_fit(contract: Contract, info: TensorInfo) -> InputFit | None:
    """Compare mean and std with the input; None if it is not quantized or takes bytes."""
    if info.dtype == "float32" or info.scale <= 0 or contract.strop_version:
        return None
    values = pixel_values(contract)
    codes = pixel_codes(values, info)
    limits: Any = np.iinfo(info.dtype)
    # One code beyond is rounding: 255 / 127.5 of a range up to 127 / 128.
    is_cut = (codes < limits.min - 1) | (codes > limits.max + 1)
    kept = codes.clip(limits.min, limits.max)
    return InputFit(
        lowest=info.scale * (int(limits.min) - info.zero_point),
        highest=info.scale * (int(limits.max) - info.zero_point),
        darkest=float(values.min()),
        brightest=float(values.max()),
        cut_share=float(is_cut.mean()),
        used_share=float(kept.max() - kept.min() + 1) / PIXEL_VALUES,
    )


def check_input_fit(contract: Contract, info: TensorInfo, *, where: str) -> None:
    """Refuse mean and std by which most pixels become values that the input cannot hold.

    Raises:
        ContractError: More than MAX_CUT_SHARE of the pixel values would be cut off.
    """
    fit = input_fit(contract, info)
    if fit is not None and fit.cut_share > MAX_CUT_SHARE:
        raise ContractError(f"{where}: {_in_words(fit, contract, info)}")


def input_fit_note(contract: Contract, info: TensorInfo) -> str:
    """Say in one line what is odd about mean and std for this input; empty if nothing is."""
    fit = input_fit(contract, info)
    if fit is None or (fit.cut_share <= NOTED_CUT_SHARE and fit.used_share >= NOTED_USED_SHARE):
        return ""
    return _in_words(fit, contract, info)


def _in_words(fit: InputFit, contract: Contract, info: TensorInfo) -> str:
    mean, std = byte_normalization(info)
    found = (
        f"{fit.cut_share:.0%} of the pixel values would be cut off"
        if fit.cut_share > NOTED_CUT_SHARE
        else f"they use {fit.used_share:.0%} of its codes"
    )
    return (
        f"its input holds values from {fit.lowest:.3g} to {fit.highest:.3g} (scale"
        f" {info.scale:.6g}, zero point {info.zero_point}), pixels with mean"
        f" {_numbers(contract.mean)} and std {_numbers(contract.std)} reach {fit.darkest:.3g} to"
        f" {fit.brightest:.3g}: {found}. Leave out --mean and --std, or give those of the"
        f" training; the input's own are {mean:.6g} and {std:.6g}"
    )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
