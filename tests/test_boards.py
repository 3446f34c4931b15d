"""The template of a repository of records is what its README and its CI say."""

from __future__ import annotations

from pathlib import Path

from strop.runtime.evidence.board_page import boards_markdown
from strop.runtime.evidence.board_rows import read_boards

BOARDS = Path(__file__).parents[1] / "boards"


def test_the_table_is_what_the_records_give() -> None:
    found = read_boards(BOARDS / "records", signers=BOARDS / "allowed_signers")
    assert not found.refused
    assert (BOARDS / "BOARDS.md").read_text() == boards_markdown(found)
    assert len(found.published) > 10
