"""A board that stops answering, though its connection stands, does not hold a command up."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from strop.runtime.errors import MeasurementError
from strop.runtime.remote import agent, connection
from strop.runtime.remote.address import target_from_url
from strop.runtime.remote.connection import Connection

HEAD = """
import os, sys, time
def frame(kind, payload=b""):
    os.write(1, kind + len(payload).to_bytes(4, "big") + payload)
os.write(1, b"nonce 3 11\\n")
"""
Connect = Callable[[str], Connection]


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connects to a program in the place of ssh."""
    monkeypatch.setattr(agent, "LOST_S", 1.5)
    monkeypatch.setattr(connection, "CLOSING_S", 0.1)
    opened = []

    def connect(program: str) -> Connection:
        process = subprocess.Popen(
            [sys.executable, "-c", HEAD + program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        opened.append(Connection(target_from_url("ssh://pi@board"), process))
        return opened[-1]

    yield connect
    for each in opened:
        each.__exit__(None, None, None)


def test_silence_after_the_greeting_is_said_in_one_line(board: Connect) -> None:
    began_s = time.monotonic()
    with pytest.raises(MeasurementError, match=r"^ssh://pi@board: no sign of life for 1.5 s, .*"):
        board("time.sleep(600)").greet("nonce")
    assert time.monotonic() - began_s < 10


def test_a_board_that_takes_nothing_is_given_up(board: Connect) -> None:
    """Its end of the connection is open, and it says that it lives."""
    connected = board('frame(b"R", b"{}")\nwhile True: frame(b"A"); time.sleep(0.1)')
    connected.greet("nonce")
    with pytest.raises(MeasurementError, match="no sign of life"):
        connected.send(agent.CHUNK, bytes(1 << 20))


def test_signs_of_life_are_waited_for_and_left_out(board: Connect) -> None:
    connected = board(
        'frame(b"R", b"{}")\n'
        'for _ in range(8): frame(b"A"); time.sleep(0.3)\n'
        'frame(b"R", b"{}"); sys.stdin.buffer.read()'
    )
    connected.greet("nonce")
    assert connected.reply() == {}
