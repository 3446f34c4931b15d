"""Builds a Keras model whose layers are named as the first ones of a process are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def with_fresh_names(build: Callable[[], T]) -> T:
    """Return what `build` does where Keras has named nothing yet: in a thread of its own.

    Keras numbers layers that have no name, once for each thread, and artifacts have these names
    in them: the same network built a second time would give other bytes. The numbers of the
    caller's own layers go on undisturbed.

    Source: keras/src/backend/common/global_state.py, whose state is a threading.local.
    """
    built: Future[T] = Future()

    def work() -> None:
        try:
            built.set_result(build())
        except BaseException as err:  # to whoever waits for it
            built.set_exception(err)

    # A daemon: Ctrl-C does not wait until weights are downloaded.
    Thread(target=work, name="strop-build", daemon=True).start()
    return built.result()
