"""The modes of check in one table, and what each of their modules has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from strop.runtime.check.modes import budget, merge, paired, stored
from strop.runtime.check.modes.request import Mode, Question
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.records.record_format import RecordFormat
from strop.runtime.reporting.presentation import Presentation


class CheckMode(Protocol):
    """A module of `check/modes`; only the module itself knows the type of its report.

    Attributes:
        COMPARES_FILES: Whether it measures a baseline's file beside the new ones: then a board
            can do it, and `present` gives `measured`, which `--export` writes.
        KEPT: What `--output` keeps, in words.
    """

    COMPARES_FILES: bool
    KEPT: str

    @property
    def FORMAT(self) -> RecordFormat[Any] | None:  # noqa: N802  # a module's constant
        """How `--output` keeps the report; None where it does not."""

    def settings(self, question: Question) -> dict[str, object]:
        """What the check is about to do, beside artifacts and output; empty if nothing is measured.

        Raises:
            StropError: The question has no answer in this mode.
        """

    def run(
        self,
        question: Question,
        *,
        cool: Callable[[], CoolDown | None],
        note: Callable[[str], None],
    ) -> Any:
        """Measure and decide.

        Args:
            question: What is asked.
            cool: Waits until the board is cool.
            note: Gets lines about what happens meanwhile.

        Returns:
            The report, which `FORMAT` can write.

        Raises:
            StropError: There is no answer.
        """

    def present(self, report: Any, *, is_strict: bool, has_accuracy: bool) -> Presentation:
        """Say in common terms what was found.

        Args:
            report: What `run` returned.
            is_strict: Whether an inconclusive artifact ends the build.
            has_accuracy: Whether accuracy is a gate.
        """


MODES: dict[Mode | None, CheckMode] = {
    None: paired,
    Mode.PAIRED: paired,
    Mode.PAIRED_SERIAL: paired,
    Mode.STORED: stored,
    Mode.BUDGET: budget,
}
MERGE: CheckMode = merge
