"""Which operations stay in float together."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from strop.export.frontend.find_islands import Flow, Operator, find_islands, in_float, needs_float

Line = tuple[str, Iterable[int], Iterable[int]]


def flow(*lines: Line, uncoded: Iterable[int] = ()) -> Flow:
    """Kind, what it reads and what it writes of each operation; the last result is the output."""
    return Flow(
        operators=tuple(
            Operator(kind=kind, reads=frozenset(reads), writes=frozenset(writes))
            for kind, reads, writes in lines
        ),
        uncoded=frozenset(uncoded),
        outputs=frozenset({max(lines[-1][2])}),
    )


def islands(found: Flow, failed: Iterable[int]) -> list[tuple[int, ...]]:
    marked = in_float(found, set(failed))
    return [part for part in find_islands(found, marked) if len(part) > 1 or part[0] in marked]


def test_neighbours_are_one_island() -> None:
    found = flow(("CONV_2D", [0], [1]), ("EXP", [1], [2]), ("LOG", [2], [3]), ("CONV_2D", [3], [4]))
    assert islands(found, {1, 2}) == [(1, 2)]


def test_a_sum_that_cannot_join_is_in_int8() -> None:
    """It waits for a convolution that waits for the island."""
    found = flow(("EXP", [0], [1]), ("CONV_2D", [1], [2]), ("EXP", [2], [3]), ("ADD", [1, 3], [4]))
    alone = [part for part in islands(found, {0, 2}) if not needs_float(found, part, {0, 2})]
    assert alone == []
    found = flow(("EXP", [0], [1]), ("CONV_2D", [1, 2], [3]), ("ADD", [0, 1], [2]))
    assert not needs_float(found, (2,), {0})
    assert needs_float(found, (0,), {0})


def test_a_convolution_between_two_islands_stays_in_int8() -> None:
    found = flow(("EXP", [0], [1]), ("CONV_2D", [1], [2]), ("EXP", [2], [3]), ("MEAN", [3], [4]))
    assert islands(found, {0, 2}) == [(0,), (2,)]


def test_sums_and_products_of_floats_alone_belong_to_the_island() -> None:
    """As in a layer normalization: mean, squared difference, root, and two products."""
    found = flow(
        ("CONV_2D", [0], [1]),
        ("SUM", [1], [2]),
        ("ADD", [2], [3]),
        ("RSQRT", [3], [4]),
        ("MUL", [4, 1], [5]),
        ("ADD", [5, 0], [6]),
        ("CONV_2D", [6], [7]),
    )
    # The last sum reads the image, which nothing in float does.
    assert islands(found, {1, 3}) == [(1, 2, 3, 4)]


def test_a_mean_between_floats_is_in_float() -> None:
    found = flow(
        ("CONV_2D", [0], [1]),
        ("MEAN", [1], [2]),
        ("SQUARED_DIFFERENCE", [1, 2], [3]),
        ("CONV_2D", [3], [4]),
    )
    assert islands(found, {2}) == [(1, 2)]


@pytest.mark.parametrize("pooling", ["SUM", "AVERAGE_POOL_2D"])
def test_squares_that_a_root_is_taken_of_are_in_float(pooling: str) -> None:
    found = flow(
        ("CONV_2D", [0], [1]),
        ("SQUARE", [1], [2]),
        (pooling, [2], [3]),
        ("RSQRT", [3], [4]),
        ("MUL", [1, 4], [5]),
        ("CONV_2D", [5], [6]),
    )
    assert islands(found, {3}) == [(1, 2, 3, 4)]


def test_squares_are_in_float_where_floats_alone_read_them() -> None:
    lines: list[Line] = [("CONV_2D", [0], [1]), ("SQUARE", [1], [2]), ("EXP", [2], [3])]
    assert islands(flow(*lines), {2}) == [(1, 2)]
    assert islands(flow(*lines, ("CONV_2D", [2], [4])), {2}) == [(2,)]


def test_the_last_softmax_is_left_to_the_runtime() -> None:
    assert islands(flow(("EXP", [0], [1]), ("SOFTMAX", [1], [2])), {0}) == [(0,)]


def test_values_without_codes_stay_inside() -> None:
    found = flow(
        ("GREATER", [0], [1]), ("RESHAPE", [1], [2]), ("SELECT", [2, 0], [3]), uncoded={1, 2}
    )
    assert islands(found, {0}) == [(0, 1, 2)]


def test_what_would_run_before_and_behind_an_island_joins_it_or_parts_it() -> None:
    """A conv reads one half of an island, and the other half reads it."""
    lines: list[Line] = [
        ("EXP", [0], [1]),
        ("CONV_2D", [1], [2]),
        ("LOG", [1, 2], [3]),
        ("MEAN", [3], [4]),
    ]
    assert islands(flow(*lines), {0, 2}) == [(0,), (2,)]
    assert islands(flow(*lines, uncoded={1}), {0, 2}) == [(0, 1, 2)]


@pytest.mark.parametrize("uncoded", [set(), {4}], ids=["joined by codes", "by other values"])
def test_all_operations_come_back_once_and_can_run_in_their_order(uncoded: set[int]) -> None:
    found = flow(
        ("EXP", [0], [1]),
        ("EXP", [1], [2]),
        ("CONV_2D", [2], [3]),
        ("EXP", [1], [4]),
        ("EXP", [3, 4], [5]),
        ("MEAN", [5], [6]),
        uncoded=uncoded,
    )
    parts = find_islands(found, in_float(found, {0, 1, 3, 4}))
    assert sorted(place for part in parts for place in part) == list(range(6))
    known = {0}
    for part in parts:
        inside = set().union(*(found.operators[place].writes for place in part))
        for place in part:
            assert found.operators[place].reads <= known | inside
        known |= inside
