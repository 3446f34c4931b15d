"""The README's pictures are what the script makes of the records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import readme_pictures
from tests.runtime.pages.drawn import marks, parsed

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def pictures() -> Mapping[str, str]:
    """What the script makes; drawing takes a second, which collecting the tests does not need."""
    return readme_pictures.pictures()


def test_the_committed_pictures_are_what_the_script_makes(pictures: Mapping[str, str]) -> None:
    assert len(pictures) == 2
    for name, picture in pictures.items():
        assert (DOCS / name).read_text() == picture


def test_every_file_with_a_verdict_is_a_point(pictures: Mapping[str, str]) -> None:
    assert len(marks(parsed(pictures["agreement.svg"]), "symbol")) == len(readme_pictures.PEERS)


def test_every_gate_is_counted_for_every_kind_of_trial(pictures: Mapping[str, str]) -> None:
    texts = [text.text for text in marks(parsed(pictures["gate.svg"]), "text")]
    assert sum((text or "").startswith("red: ") for text in texts) == 3 * len(readme_pictures.KINDS)
    for red in ("red: 0 of 299", "red: 6 of 299", "red: 59 of 59", "red: 96 of 100"):
        assert red in texts
