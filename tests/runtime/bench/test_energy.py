"""Energy of an inference: a meter of constant power, and the arithmetic of windows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strop.runtime.bench.block_state import BoardWatch
from strop.runtime.bench.energy import (
    WINDOWS,
    EnergySamples,
    energy_figures,
    measure_energy,
)
from strop.runtime.engines import open_engine
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.power_meter import PowerMeter

SAMPLES = EnergySamples(
    meter="a meter",
    idle_before_w=2.0,
    idle_after_w=3.0,
    window_s=(1.0, 1.0, 2.0),
    window_runs=(10, 10, 20),
    window_j=(4.0, 5.0, 9.0),
    states=(),
)


def test_figures_are_means_of_the_windows_with_their_interval() -> None:
    found = energy_figures(SAMPLES, throttled_share=None)
    assert found.mj == pytest.approx(450.0)
    # Student's t of two degrees of freedom, 4.3027; the deviation of 400, 500 and 450 is 50.
    half = 4.302653 * 50 / 3**0.5
    assert found.interval_mj.low == pytest.approx(450 - half)
    assert found.interval_mj.high == pytest.approx(450 + half)
    assert found.above_idle_mj == pytest.approx(1000 * (18 - 2.5 * 4) / 40)
    assert found.watts == pytest.approx(4.5)


def test_windows_without_inferences_are_refused() -> None:
    with pytest.raises(MeasurementError, match="windows without inferences"):
        replace(SAMPLES, window_runs=(10, 0, 20))


def test_a_constant_power_is_that_power_times_the_time(tiny_onnx: Path) -> None:
    meter = PowerMeter(name="five watts", watts=lambda: 5.0)
    with open_engine(tiny_onnx) as engine:
        given = [(np.zeros((1, 16, 16, 3), np.uint8),)]
        found = measure_energy(
            engine, given, meter=meter, duration_s=0.6, watch=BoardWatch(), idle_s=0.2
        )
    assert len(found.window_runs) == WINDOWS
    assert found.idle_before_w == pytest.approx(5.0)
    assert found.idle_after_w == pytest.approx(5.0)
    for seconds, joules in zip(found.window_s, found.window_j, strict=True):
        assert joules == pytest.approx(5.0 * seconds)
    assert energy_figures(found, throttled_share=None).above_idle_mj == pytest.approx(0.0, abs=1e-6)
    assert found.states
