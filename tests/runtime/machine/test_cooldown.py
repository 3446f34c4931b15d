"""The wait for a cool board, on a fake clock and made-up temperatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.boards import PI_3_PLUS, PI_4, recorded

from strop.runtime.machine.board import BoardState, board_state
from strop.runtime.machine.cooldown import CoolDown, cool_down


class FakeBoard:
    """Tells one temperature after the other, the last one for ever; sleeping takes no time."""

    def __init__(self, state: BoardState, *temperatures_c: float | None) -> None:
        self.state = state
        self.temperatures_c: Iterator[float | None] = iter(temperatures_c)
        self.last_c: float | None = None
        self.now = 0.0
        self.said: list[tuple[float, float]] = []

    def read(self) -> BoardState:
        self.last_c = next(self.temperatures_c, self.last_c)
        return replace(self.state, temperature_c=self.last_c)

    def sleep(self, duration_s: float) -> None:
        assert duration_s > 0
        self.now += duration_s

    def cool_down(self, limit_s: float = 120.0) -> CoolDown | None:
        return cool_down(
            limit_s=limit_s,
            on_wait=lambda now_c, cool_c: self.said.append((now_c, cool_c)),
            read=self.read,
            sleep=self.sleep,
            clock=lambda: self.now,
        )


@pytest.fixture
def pi_4(tmp_path: Path) -> BoardState:
    return board_state(recorded(tmp_path, PI_4))


def test_a_cool_board_is_not_waited_for(pi_4: BoardState) -> None:
    board = FakeBoard(pi_4, 64.9)
    found = board.cool_down()
    assert found == CoolDown(waited_s=0, from_c=64.9, to_c=64.9, cool_c=65)
    assert found.is_cool
    assert board.said == []


def test_a_hot_board_is_waited_for_until_it_is_below_65_degrees(pi_4: BoardState) -> None:
    board = FakeBoard(pi_4, 72.0, 70.0, 65.0, 64.5)
    assert board.cool_down() == CoolDown(waited_s=6, from_c=72, to_c=64.5, cool_c=65)
    assert board.said == [(72, 65)]


def test_a_board_that_stays_hot_is_waited_for_no_longer_than_the_limit(pi_4: BoardState) -> None:
    board = FakeBoard(pi_4, 81.0)
    found = board.cool_down(limit_s=5.0)
    assert found == CoolDown(waited_s=5, from_c=81, to_c=81, cool_c=65)
    assert not found.is_cool


def test_with_a_limit_of_0_nothing_is_waited_for_or_said(pi_4: BoardState) -> None:
    board = FakeBoard(pi_4, 81.0)
    found = board.cool_down(limit_s=0.0)
    assert found is not None
    assert (found.waited_s, found.is_cool, board.said) == (0, False, [])


def test_a_board_with_a_low_limit_has_to_be_cooler(tmp_path: Path) -> None:
    board = FakeBoard(board_state(recorded(tmp_path, PI_3_PLUS)), 58.0, 54.0)
    assert board.cool_down() == CoolDown(waited_s=2, from_c=58, to_c=54, cool_c=55)


def test_a_board_without_a_temperature_is_not_waited_for(pi_4: BoardState) -> None:
    board = FakeBoard(pi_4, None)
    assert board.cool_down() is None
    assert board.said == []


def test_a_sensor_that_falls_silent_keeps_its_last_word(pi_4: BoardState) -> None:
    found = FakeBoard(pi_4, 70.0, None).cool_down(limit_s=4.0)
    assert found == CoolDown(waited_s=4, from_c=70, to_c=70, cool_c=65)
