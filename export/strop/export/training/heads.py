"""Names the outputs of the network that is trained, and what each of them learns."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from strop.runtime.artifact.contract import Task
from strop.runtime.errors import SourceError

SCORES = "scores"  # the output of a network that has one, where it is given no name
VECTOR_OUTPUT = "unit_vector"  # that of an embedding
TRAINED_TASKS = (
    *(Task.CLASSIFY, Task.MULTILABEL, Task.REGRESS),
    *(Task.SEGMENT, Task.DETECT, Task.LANDMARKS),
)
# Given by networks of their own, whose only task it is.
WHOLE_NETWORKS = (Task.SEGMENT, Task.DETECT)
LOWER_IS_BETTER = (Task.REGRESS, Task.DETECT, Task.LANDMARKS)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
# Other layers of the network have these names.
TAKEN = frozenset({"image", "rescaling", "backbone", "dropout", "vector", VECTOR_OUTPUT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """One output of a network, and what it learns.

    Attributes:
        name: Of the output, and of the dense layer that gives it.
        task: One of TRAINED_TASKS.
        loss_weight: What its loss is multiplied by in the sum of all, above 0.

    Raises:
        SourceError: The name, the task or the weight cannot be used.
    """

    name: str = SCORES
    task: Task = Task.CLASSIFY
    loss_weight: float = 1.0

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name in TAKEN:
            raise SourceError(
                f"an output is called {self.name!r}; needed are up to 64 letters, digits and _, a"
                f" letter first, and none of {', '.join(sorted(TAKEN))}"
            )
        if self.task not in TRAINED_TASKS:
            raise SourceError(
                f"{self.name}: the task is {self.task.value}; trained are"
                f" {', '.join(task.value for task in TRAINED_TASKS)}, and --embedding N"
            )
        if not 0 < self.loss_weight < math.inf:
            raise SourceError(
                f"{self.name}: the weight of its loss is {self.loss_weight:g}; needed is above 0"
            )

    @property
    def is_of_table(self) -> bool:
        """Whether its answers come from a file; those of classes come from subfolders."""
        return self.task is not Task.CLASSIFY

    @property
    def is_whole_network(self) -> bool:
        """Whether a network of its own gives it, without another output."""
        return self.task in WHOLE_NETWORKS


CLASSES_ALONE = (Head(),)


def check_heads(heads: Sequence[Head]) -> None:
    """Raise SourceError unless a network can have these outputs together."""
    if not heads:
        raise SourceError("no output; needed is one or more")
    twice = [name for name, count in Counter(head.name for head in heads).items() if count > 1]
    if twice:
        raise SourceError(f"two outputs are called {twice[0]!r}; give each a name of its own")
    alone = [head for head in heads if head.is_whole_network]
    if alone and len(heads) > 1:
        raise SourceError(
            f"{alone[0].name}: {alone[0].task.value} is learned by a network of its own; leave out"
            " the other outputs"
        )
    of_classes = [head.name for head in heads if not head.is_of_table]
    if len(of_classes) > 1:
        raise SourceError(
            f"{' and '.join(of_classes)}: both classify, and the subfolders name one class of an"
            " image; give one of them labels in a table, --task NAME=multilabel --truth NAME=FILE"
        )


def error_of(head: Head, figure: float) -> float:
    """Turn a head's figure into one that is better where it is lower.

    Args:
        head: Whose figure it is.
        figure: As `figures_of` of objective.py has it.
    """
    return figure if head.task in LOWER_IS_BETTER else 1 - figure
