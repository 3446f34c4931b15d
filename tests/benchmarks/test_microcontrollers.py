"""The table of microcontrollers is the record's."""

from __future__ import annotations

import json
from pathlib import Path

from microcontrollers import END, START, TITLES, row, table, with_table

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "benchmarks/results/microcontrollers.json").read_text())
PAGE = (ROOT / "docs/consumers.md").read_text()


def test_the_page_has_the_records_table() -> None:
    assert with_table(PAGE, RECORD) == PAGE
    assert table(RECORD) in PAGE


def test_a_table_takes_the_place_between_its_marks() -> None:
    page = with_table(f"above\n{START}\nold\n{END}\nbelow\n", RECORD)
    assert page == f"above\n{START}\n\n{table(RECORD)}\n\n{END}\nbelow\n"


def test_nothing_stays_on_the_cpu_and_scores_are_those_of_the_reference_kernels() -> None:
    for result in RECORD["results"]:
        assert result["vela"]["on_cpu"] == 0
        assert result["equals_reference"]
        assert result["arena_bytes"] % 16 == 0
        assert len(row(result)) == len(TITLES)
