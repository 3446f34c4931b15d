"""The README's pictures are what the script makes of the records."""

from __future__ import annotations

from pathlib import Path

import pytest
import readme_pictures
from tests.runtime.pages.drawn import marks, parsed

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURES = readme_pictures.pictures()


@pytest.mark.parametrize("name", PICTURES)
def test_a_committed_picture_is_what_the_script_makes(name: str) -> None:
    assert (DOCS / name).read_text() == PICTURES[name]


def test_every_file_with_a_verdict_is_a_point() -> None:
    assert len(marks(parsed(PICTURES["agreement.svg"]), "symbol")) == len(readme_pictures.PEERS)


def test_every_gate_is_counted_for_every_kind_of_trial() -> None:
    texts = [text.text for text in marks(parsed(PICTURES["gate.svg"]), "text")]
    assert sum((text or "").startswith("red: ") for text in texts) == 3 * len(readme_pictures.KINDS)
    for red in ("red: 0 of 299", "red: 6 of 299", "red: 59 of 59", "red: 96 of 100"):
        assert red in texts
