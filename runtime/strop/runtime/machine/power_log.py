"""Adds up a meter's readings into the energy between two moments."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from types import TracebackType

from strop.runtime.errors import MeasurementError
from strop.runtime.machine.power_meter import PowerMeter
from strop.runtime.units import NS_PER_S

PERIOD_S = 0.1  # a power chip measures some ten times a second; asking it takes 10 ms


class EnergyCurve:
    """Energy since the first reading, at the moment of each.

    Between two readings of power it grows by their mean times the time; see `add`.
    """

    def __init__(self, meter: PowerMeter) -> None:
        self._meter = meter
        self._moments_ns: list[int] = []
        self._joules: list[float] = []
        self._last = 0.0

    def add(self, moment_ns: int, reading: float) -> None:
        """Add a reading: watts, or joules of a counter.

        Args:
            moment_ns: Later than that of the reading before.
            reading: What the meter said.
        """
        grown = 0.0
        if self._moments_ns:
            seconds = (moment_ns - self._moments_ns[-1]) / NS_PER_S
            if self._meter.watts is not None:
                grown = seconds * (self._last + reading) / 2
            else:
                grown = reading - self._last
                grown += self._meter.range_j if grown < 0 else 0.0  # it began again
        self._moments_ns.append(moment_ns)
        self._joules.append((self._joules[-1] if self._joules else 0.0) + grown)
        self._last = reading

    def joules(self, start_ns: int, end_ns: int) -> float:
        """Energy between two moments, both between the first and the last reading.

        Raises:
            MeasurementError: They are not.
        """
        return self._at(end_ns) - self._at(start_ns)

    def _at(self, moment_ns: int) -> float:
        moments, joules = self._moments_ns, self._joules
        if len(moments) < 2 or not moments[0] <= moment_ns <= moments[-1]:
            raise MeasurementError(
                f"energy: {len(moments)} readings do not cover the measurement; measure longer"
            )
        place = min(bisect_right(moments, moment_ns), len(moments) - 1)
        before, after = moments[place - 1], moments[place]
        share = (moment_ns - before) / (after - before)
        return joules[place - 1] + share * (joules[place] - joules[place - 1])


class PowerLog:
    """Reads a meter in a thread of its own; a context manager.

    Attributes:
        curve: What was read; whole once the manager is left.
    """

    def __init__(
        self, meter: PowerMeter, *, clock: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self.curve = EnergyCurve(meter)
        self._read = meter.watts or meter.joules
        self._clock = clock
        self._is_over = threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._log, daemon=True)

    def __enter__(self) -> PowerLog:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self._sample()  # after everything that is asked for
        if self._failure and error is None:
            raise MeasurementError(self._failure)

    def _log(self) -> None:
        while not self._is_over.wait(PERIOD_S):
            self._sample()

    def _sample(self) -> None:
        before = self._clock()
        reading = None if self._read is None else self._read()
        if reading is None:
            self._failure = "energy: the meter has stopped telling; measure again"
            return
        # What takes milliseconds to ask is of the middle of that time.
        self.curve.add((before + self._clock()) // 2, reading)
