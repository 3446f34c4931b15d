"""Makes of a consumer the programs that a certificate is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.export.certify.program import Program
from strop.export.consumers import ask
from strop.export.consumers.consumer import Consumer, Reading
from strop.export.consumers.environment import Environment
from strop.export.consumers.readers.images import Images
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.errors import ConsumerError
from strop.runtime.images.dataset import pixels_in_order

MAX_PIXEL_BYTES = 1 << 28  # for one process; they are held twice
MAX_FILES = 2000  # for one process, whose time limit grows with them


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A consumer as it is asked.

    Attributes:
        title: Of the program, with its version and what it is given.
        consumer: Which has a reader.
        environment: Where its packages are.
        labels: One per class; empty where they are unknown.
        opens_files: Whether it is given files, not pixels.
    """

    title: str
    consumer: Consumer
    environment: Environment
    labels: tuple[str, ...]
    opens_files: bool

    def scores(self, file: Path, paths: Sequence[Path]) -> NDArray[np.float32]:
        """Ask about all images, as many at a time as memory has room for."""
        reader = ask.READERS / f"{self.consumer.reader}.py"
        try:
            parts = [
                ask.ask(reader, self.environment, file, images)
                for images in self._images(file, paths)
            ]
        except ConsumerError as err:
            raise ConsumerError(f"{file.name}: {self.title}: {err}") from err
        widths = {part.shape[1] for part in parts}
        if len(widths) != 1:
            raise ConsumerError(f"{file.name}: {self.title} gave rows of {sorted(widths)}")
        return np.concatenate(parts)

    def _images(self, file: Path, paths: Sequence[Path]) -> Iterator[Images]:
        if self.opens_files:
            for at in range(0, len(paths), MAX_FILES):
                yield Images(paths=tuple(paths[at : at + MAX_FILES]), labels=self.labels)
            return
        contract = read_contract(file)
        if contract is None:
            raise ConsumerError(f"{file.name}: has no contract")
        size = contract.height * contract.width * contract.channels
        pixels = pixels_in_order(paths, contract)
        while some := list(islice(pixels, max(1, MAX_PIXEL_BYTES // size))):
            # As the input's scale and zero point say it: of the model's own values, or of pixels.
            yield Images(
                pixels=np.stack(some),
                labels=self.labels,
                mean=contract.mean,
                std=contract.std,
                outputs=tuple(one.name for one in contract.outputs),
            )


def titled(consumer: Consumer, environment: Environment) -> str:
    """Name the program with the version that is here, or the rules that are followed."""
    if consumer.reading is Reading.ITS_RULES:
        return f"{consumer.title}, its rules"
    version = next(iter(environment.versions.values()), "")
    return f"{consumer.title} {version}".rstrip()


def programs_of(
    consumer: Consumer, environment: Environment | None, labels: tuple[str, ...]
) -> tuple[Program, ...]:
    """Return the ways in which a consumer is asked; none where nothing of it can be.

    Args:
        consumer: The program.
        environment: Where its packages are; None where they are not here.
        labels: One per class; empty where they are unknown.
    """
    if environment is None or not consumer.reader:
        return ()
    title = titled(consumer, environment)
    ways = {f"{title}, strop's pixels": False, f"{title}, image files": True}
    if not consumer.loads_images:
        ways = {title: False}
    return tuple(
        Program(
            title=title,
            scores=_Asked(
                title=title,
                consumer=consumer,
                environment=environment,
                labels=labels,
                opens_files=opens_files,
            ).scores,
        )
        for title, opens_files in ways.items()
    )
