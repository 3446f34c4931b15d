"""How the tests are shared out between two processes: slow ones first, the rest by file.

And what none of them may see of the machine.
"""

from __future__ import annotations

import gc
import os
import signal

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadfile import LoadFileScheduling

# NumPy's library for matrices has a thread for each core, which spin while they wait for each
# other; processes that the tests start take this over.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# While tests are collected half a million objects are made and none is dropped.
gc.disable()

# Half a minute and more each; in the order in which they are started, or one process waits
# for the other at the end. They share nothing with their file.
SLOW = (
    "tests/export/test_pipeline.py::test_the_families_export_and_run_in_both_engines",
    "tests/export/test_pipeline.py::test_a_real_mobilenet_v2_keeps_its_accuracy",
    "tests/export/image_checks/test_normalization_check.py::test_a_real_mobilenet_v2",
)
# Files that share what takes long to make: they go to one process, together.
TOGETHER = "tests/arm64/"
SLOW_FILES = (
    "tests/test_readme.py",
    "tests/fuzz/test_fuzz.py",
    "tests/test_tooling.py",
    "tests/test_library.py",
)
MARKED = {
    "slow": (*SLOW, *SLOW_FILES[:2], "tests/test_library.py::test_the_code_of_the_page"),
    "board": (TOGETHER,),
    "browser": ("tests/test_pages.py", "tests/export/consumers/test_in_browser.py"),
}


class SlowTestsAlone(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file goes to one process, whose fixtures are made once; a slow test to any."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(TOGETHER):
            return TOGETHER
        scope: str = nodeid if nodeid.startswith(SLOW) else super()._split_scope(nodeid)
        return scope


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """A shell's background job begins with signals ignored that tests send, as does nohup's."""
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the tests themselves run on GitHub, their checks are not to tell it anything."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Of all ways to share out, the one that tests/conftest.py is about."""
    return SlowTestsAlone(config, log)


def pytest_collection_finish() -> None:
    """Collect garbage again, but look no more at what is there to stay."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow ones first, the others in their order, and mark what CONTRIBUTING.md lists."""
    for item in items:
        for name, starts in MARKED.items():
            if item.nodeid.startswith(starts):
                item.add_marker(name)
    order = (TOGETHER, *SLOW, *SLOW_FILES)
    items.sort(
        key=lambda item: next(
            (i for i, start in enumerate(order) if item.nodeid.startswith(start)), len(order)
        )
    )
