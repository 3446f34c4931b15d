"""A check ends where it is told to, whatever Python was doing just then."""

from __future__ import annotations

import os
import signal
import time
import weakref

import pytest

from strop.runtime.check.measure import termination
from strop.runtime.check.measure.termination import TERMINATED, ending_on_signals


class Thing:
    """What a weak reference can be of."""


def dropped_in_a_callback(number: signal.Signals) -> None:
    """Have the signal come where Python drops what is raised."""

    def callback(_: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(0.001)

    thing = Thing()
    reference = weakref.ref(thing, callback)
    del thing
    assert reference() is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_that_python_drops_is_raised_again(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, raised: type[BaseException]
) -> None:
    monkeypatch.setattr(termination, "AGAIN_S", 0.05)
    steps: list[str] = []

    def block() -> None:
        with ending_on_signals():
            dropped_in_a_callback(number)
            steps.append("went on")
            time.sleep(10)
            steps.append("slept")

    with pytest.raises(raised) as found:
        block()
    assert steps == ["went on"]
    if raised is SystemExit:
        assert found.value.args == (TERMINATED,)


def test_all_is_as_it_was_behind_the_block() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]

    def block() -> None:
        with ending_on_signals():
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_ignored_interrupt_stays_ignored() -> None:
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ending_on_signals():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.001)
    finally:
        signal.signal(signal.SIGINT, previous)
