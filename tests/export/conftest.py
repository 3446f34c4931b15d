"""What the tests of the workstation half may use of the machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strop.export.ir import litert_session


@pytest.fixture(autouse=True, scope="session")
def _one_thread_for_litert() -> Iterator[None]:
    """Two test processes keep two cores at work; a second thread in each would only spin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(litert_session, "MOST_THREADS", 1)
        yield
