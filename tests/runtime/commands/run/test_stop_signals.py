from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from strop.runtime.commands.run.stop_signals import SIGNALS, StopSignals


@pytest.fixture(autouse=True)
def pythons_own_handlers() -> Iterator[None]:
    """A process that was started in the background ignores SIGINT, which is kept."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_the_work_lets_it_finish(number: signal.Signals) -> None:
    done = []
    with StopSignals() as stop:
        for item in stop.until_stopped(iter(range(9))):
            if item == 2:
                signal.raise_signal(number)
            done.append(item)
    assert done == [0, 1, 2]
    assert stop.received is number


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_the_wait_ends_it_at_once(number: signal.Signals) -> None:
    def items() -> Iterator[int]:
        yield 0
        signal.raise_signal(number)
        pytest.fail("the wait went on")

    with StopSignals() as stop:
        assert list(stop.until_stopped(items())) == [0]
    assert stop.received is number


def test_a_signal_before_the_first_item_leaves_none() -> None:
    with StopSignals() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert list(stop.until_stopped(iter([1]))) == []


def test_without_a_signal_all_items_come_and_none_is_received() -> None:
    with StopSignals() as stop:
        assert list(stop.until_stopped(iter("abc"))) == ["a", "b", "c"]
    assert stop.received is None


def test_a_second_interrupt_ends_work_that_hangs() -> None:
    with StopSignals() as stop:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert stop.received is signal.SIGINT


def test_the_handlers_of_before_are_given_back() -> None:
    with StopSignals():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_that_the_process_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with StopSignals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert list(stop.until_stopped(iter([1]))) == [1]


def test_in_another_thread_items_pass() -> None:
    passed: list[int] = []

    def work() -> None:
        with StopSignals() as stop:
            passed.extend(stop.until_stopped(iter([1, 2])))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert passed == [1, 2]


def test_an_error_of_the_items_is_passed_on() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError("ours")

    with StopSignals() as stop, pytest.raises(ZeroDivisionError, match="ours"):
        list(stop.until_stopped(items()))
