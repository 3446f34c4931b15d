"""The program that an export is for, from the first check to what the manifest says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strop.export.bundle.make_manifest import written_file
from strop.export.bundle.manifest import ConsumerFacts
from strop.export.certify.program import Program
from strop.export.consumers.catalogue import consumer_named
from strop.export.consumers.consumer import Consumer, Delivery
from strop.export.consumers.environment import Environment
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.settings import check_consumer
from strop.export.consumers.through import programs_of
from strop.export.options.options import ExportOptions
from strop.export.training.record import training_record

if TYPE_CHECKING:
    from strop.export.source.source import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """A consumer as it is on this computer.

    Attributes:
        consumer: The program.
        environment: Where its packages are; None where they are not here.
    """

    consumer: Consumer
    environment: Environment | None

    @property
    def not_run(self) -> str:
        """Why nothing of it can be asked here; empty where it can, or has nothing to be asked."""
        return why_not_here(self.consumer, self.environment)

    def _not_asked(self, options: ExportOptions) -> str:
        """Why nothing of it was asked though it is here; empty where it was."""
        gives_map = options.decision is not None and options.decision.is_map
        if not self.consumer.reader or not (gives_map or options.detection is not None):
            return ""
        return "not asked about maps and boxes, which are compared in strop's own runtime"

    def programs(self, options: ExportOptions) -> tuple[Program, ...]:
        """Return what the certificate asks beside strop's own runtime."""
        return programs_of(self.consumer, self.environment, options.labels)

    def deliver(
        self, folder: Path, paths: tuple[Path, ...], source: Source, options: ExportOptions
    ) -> ConsumerFacts:
        """Write what goes along with the artifacts, and say what was done.

        Raises:
            ConsumerError: A check of the files found something that the program does not take.
        """
        delivered = self.consumer.deliver(
            Delivery(
                folder=folder,
                paths=paths,
                source=source,
                options=options,
                environment=self.environment,
            )
        )
        return ConsumerFacts(
            name=self.consumer.name,
            title=self.consumer.title,
            reading=self.consumer.reading.value,
            versions={} if self.environment is None else dict(self.environment.versions),
            not_run=self.not_run or self._not_asked(options),
            files=tuple(written_file(path, folder) for path in delivered.files),
            notes=(*delivered.notes, *resize_notes(self.consumer, source, options)),
        )


def resize_notes(consumer: Consumer, source: Source, options: ExportOptions) -> tuple[str, ...]:
    """Say that a model was trained on images of another resize rule, if `strop train` says so."""
    trained = None if source.file is None else training_record(source.file)
    if trained is None or trained.recipe.resize is options.resize:
        return ()
    return (
        f"the model was trained with --resize {trained.recipe.resize.value}, and {consumer.title}"
        f" is given what --resize {options.resize.value} makes: train it with that",
    )


def recipient_of(source: Source, options: ExportOptions) -> Recipient | None:
    """Find the program that an export is for, and check that it can be; None for any program.

    Raises:
        ConsumerError: There is none of the name, or it cannot do with the model or the options.
    """
    if not options.consumer:
        return None
    consumer = consumer_named(options.consumer)
    check_consumer(consumer, source, options)
    return Recipient(consumer=consumer, environment=environment_of(consumer))
