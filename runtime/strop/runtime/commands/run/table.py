"""What `strop run` prints: the answers to images, and the self-test, as tables or records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.classify.detect_answer import FoundBox
from strop.runtime.classify.landmarks import Landmark
from strop.runtime.classify.selftest import SelfTest
from strop.runtime.classify.stream import Answer, NamedAnswer
from strop.runtime.commands.run.on_board import SelfTested
from strop.runtime.engines import EngineFacts
from strop.runtime.records.version import installed_version

# History: 2 says of each label of a set whether it is_set, and of the self-test sets of classes; 3
# has vectors; 4 has several outputs; 5 has boxes, shares of classes and points.
FORMAT_VERSION = 5
BOX_COLUMNS = ("image", "score", "label", "x", "y", "width", "height")
NOTHING = "nothing found"
SHOWN = 4  # numbers of a vector
MOST_CLASSES = 100  # of an image in a table; a map's pixels are counted


def print_images(
    artifact: Path,
    facts: EngineFacts,
    results: Sequence[tuple[Path, Answer]],
    *,
    as_json: bool,
) -> None:
    """Print the answer to each image.

    Args:
        artifact: The file.
        facts: What ran it.
        results: Each image with its answer.
        as_json: One record, not a table.
    """
    if as_json:
        images = [{"path": str(path), **answer_record(found)} for path, found in results]
        console.json(header(artifact, facts) | {"images": images})
        return
    if any(found.outputs for _, found in results):
        console.table(
            ("image", "output", "answer"),
            [
                (str(path), output.name, in_one_line(output))
                for path, found in results
                for output in found.outputs
            ],
        )
        return
    if any(found.boxes is not None for _, found in results):
        console.table(BOX_COLUMNS, [row for each in results for row in _box_rows(*each)])
        return
    if any(found.vector for _, found in results):
        console.table(
            ("image", "numbers", "vector"),
            [(str(path), len(found.vector), begin(found.vector)) for path, found in results],
        )
        return
    if any(found.shares for _, found in results):
        console.table(
            ("image", "share", "class"),
            [
                (str(path), f"{share:.4f}", label)
                for path, found in results
                for label, share in found.shares.items()
            ],
        )
        return
    if any(found.points for _, found in results):
        console.table(
            ("image", "point", "x", "y", "others"),
            [
                (str(path), each.label, f"{each.x:.1f}", f"{each.y:.1f}", begin(each.others))
                for path, found in results
                for each in found.points
            ],
        )
        return
    predictions = [(str(path), each) for path, found in results for each in found.predictions]
    rows = [(path, f"{each.score:.4f}", each.label) for path, each in predictions]
    if all(each.is_set is None for _, each in predictions):
        console.table(("image", "score", "label"), rows)
        return
    answers = ["yes" if each.is_set else "no" for _, each in predictions]
    console.table(
        ("image", "score", "label", "set"),
        [(*row, answer) for row, answer in zip(rows, answers, strict=True)],
    )


def answer_record(found: Answer | NamedAnswer) -> dict[str, object]:
    """Make the fields of an answer: its predictions, its vector, or each output's."""
    if isinstance(found, Answer) and found.outputs:
        return {"outputs": {output.name: answer_record(output) for output in found.outputs}}
    if found.boxes is not None:
        return {"boxes": [asdict(each) for each in found.boxes]}
    if found.vector:
        return {"vector": found.vector}
    if found.shares:
        return {"shares": dict(found.shares)}
    if found.points:
        return {"points": [asdict(each) for each in found.points]}
    return {"predictions": [asdict(each) for each in found.predictions]}


def in_one_line(found: Answer | NamedAnswer) -> str:
    """Write an answer's classes, labels, numbers, or the first numbers of its vector."""
    if found.boxes is not None:
        return console.COLUMN_GAP.join(map(_box, found.boxes)) or NOTHING
    if found.vector:
        return begin(found.vector)
    if found.shares:
        return console.COLUMN_GAP.join(
            f"{share:.4f} {label}" for label, share in found.shares.items()
        )
    if found.points:
        return console.COLUMN_GAP.join(map(_point, found.points[:SHOWN])) + (
            " ..." if len(found.points) > SHOWN else ""
        )
    return console.COLUMN_GAP.join(
        f"{each.score:.4f} {each.label}"
        if each.is_set is not False
        else f"({each.score:.4f} {each.label})"
        for each in found.predictions
    )


def _box_rows(path: Path, found: Answer) -> list[tuple[str, ...]]:
    rows = [
        (
            str(path),
            f"{each.score:.4f}",
            each.label,
            *(f"{side:.1f}" for side in (each.x, each.y, each.width, each.height)),
        )
        for each in found.boxes or ()
    ]
    return rows or [(str(path), "", NOTHING, "", "", "", "")]


def _box(found: FoundBox) -> str:
    sides = ",".join(f"{side:.0f}" for side in (found.x, found.y, found.width, found.height))
    return f"{found.score:.4f} {found.label} {sides}"


def _point(found: Landmark) -> str:
    return f"{found.label} {found.x:.1f},{found.y:.1f}"


def begin(vector: Sequence[float]) -> str:
    """Write the first numbers of a vector."""
    shown = " ".join(f"{each:.4f}" for each in vector[:SHOWN])
    return shown + (" ..." if len(vector) > SHOWN else "")


def print_selftest(artifact: Path, tried: SelfTested, *, as_json: bool) -> None:
    """Print how the answers to the golden vectors compare, and what that means.

    Args:
        artifact: The file.
        tried: What came of it.
        as_json: A record, not a table.
    """
    result = tried.result
    if as_json:
        verdict = {"is_certified": result.is_certified, "is_passed": result.is_passed}
        answers = verdict | asdict(result)
        console.json(header(artifact, tried.engine) | {"selftest": answers})
    else:
        images = zip(result.expected, result.found, result.differences, strict=True)
        rows = [
            (at, *_classes(expected, found), difference)
            for at, (expected, found, difference) in enumerate(images, 1)
        ]
        columns = ("image", "certified class", "class here", "largest code difference")
        shown = range(len(columns)) if result.decided else (0, len(columns) - 1)
        console.table([columns[i] for i in shown], [[row[i] for i in shown] for row in rows])
    _sum_up(result)


def _sum_up(result: SelfTest) -> None:
    console.note(_verdict(result))
    if not result.has_certified_kernels:
        console.note(
            f"NOT CERTIFIED: certified with the kernels {result.certified_kernels}, here are"
            f" {result.kernels}: codes may differ, {_what_counts(result)}. strop evaluate says how"
            " accurate it is with them"
        )


def _what_counts(result: SelfTest) -> str:
    return "the classes must not" if result.decided else f"by {result.bound} at most"


def _classes(expected: tuple[int, ...], found: tuple[int, ...]) -> tuple[str, str]:
    if len(expected) > MOST_CLASSES:
        same = sum(one == other for one, other in zip(expected, found, strict=True))
        return f"{len(expected)} pixels", f"the same for {same}"
    one, other = (" ".join(map(str, each)) or "-" for each in (expected, found))
    return one, other


def _verdict(result: SelfTest) -> str:
    same = "every class is the same" if result.has_same_classes else "not every class is the same"
    if not result.decided:
        same = "the answers are no classes, so that the codes decide"
    elif len(set(result.expected)) == 1:
        same += ", and all certified answers are one class, which says little"
    return (
        f"self-test {'passed' if result.is_passed else 'FAILED'}: largest code difference"
        f" {max(result.differences)}, at most {result.bound} with the certified kernels; {same}"
    )


def header(artifact: Path, facts: EngineFacts) -> dict[str, object]:
    """Return the fields that every record of `strop run` begins with."""
    return {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "artifact": artifact.name,
        "sha256": sha256_file(artifact),
        "engine": asdict(facts),
    }
