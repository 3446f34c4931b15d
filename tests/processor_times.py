"""Lists what takes the most processor time: `uv run pytest -p tests.processor_times`.

Unlike --durations it hardly depends on what else the machine does. Processes that a test starts
count, once they have ended. Fixtures count for the test that is first to use them.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Generator

import pytest

LISTED = 40
KEY = "processor_s"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Note how much there was before the test."""
    item.user_properties.append((KEY, -_processor_s()))
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Note how much there is behind it; reports carry both to the first process."""
    try:
        return (yield)
    finally:
        item.user_properties.append((KEY, _processor_s()))


def _processor_s() -> float:
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lists."""
    taken: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                found = [value for name, value in report.user_properties if name == KEY]
                taken[report.nodeid] = sum(found)
    terminalreporter.write_line(f"{sum(taken.values()):.1f} s of processor time, of it")
    files: Counter[str] = Counter()
    for test, seconds in taken.items():
        files[test.partition("::")[0]] += seconds
    for listed in (files, taken):
        for name, seconds in listed.most_common(LISTED):
            terminalreporter.write_line(f"{seconds:8.1f} {name}")
