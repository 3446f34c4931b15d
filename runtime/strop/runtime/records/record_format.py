"""Writes a type of record as versioned JSON, and reads this and older versions of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from strop.runtime.errors import MeasurementError, StropError
from strop.runtime.records.json_reader import MAX_BYTES, parse_object
from strop.runtime.records.typed_json import annotations_of, fields_of, read_typed
from strop.runtime.records.user_files import read_file, write_whole

if TYPE_CHECKING:  # what opens an artifact needs no pathlib, whose import takes 4 ms
    from pathlib import Path

VERSION = "format_version"
IGNORABLE = "ignorable"
MAX_WRITER = 20  # characters of the version that wrote a record, in an error
COMPACT = json.JSONEncoder(default=fields_of)
INDENTED = json.JSONEncoder(default=fields_of, indent=1)

Record = TypeVar("Record")
Fields = dict[str, object]
Upgrade = Callable[[Fields], Fields]


def adding(**added: object) -> Upgrade:
    """Make the upgrade to a version with more fields, given their values in older records."""

    def upgrade(fields: Fields) -> Fields:
        early = sorted(added.keys() & fields.keys())
        if early:
            raise ValueError(f"adds {', '.join(early)}")
        return {**fields, **added}

    return upgrade


def adding_in(*path: str, **added: object) -> Upgrade:
    """Make the upgrade to a version with more fields in a part of the record.

    Args:
        path: Names of the fields that lead to the part; in a list, to each of its parts.
        added: The new fields, and their values in older records.
    """
    add = adding(**added)

    def within(value: object, names: tuple[str, ...]) -> object:
        if isinstance(value, list):
            return [within(each, names) for each in value]
        if not isinstance(value, dict):
            return value  # of a wrong type, which the reader of the new version says
        if not names:
            return add(value)
        name, *rest = names
        return {**value, name: within(value[name], tuple(rest))} if name in value else value

    def upgrade(fields: Fields) -> Fields:
        return {**fields, path[0]: within(fields.get(path[0]), path[1:])}

    return upgrade


def chained(*upgrades: Upgrade) -> Upgrade:
    """Make one upgrade of several."""

    def upgrade(fields: Fields) -> Fields:
        for each in upgrades:
            fields = each(fields)
        return fields

    return upgrade


class RecordFormat(Generic[Record]):
    """The JSON format of one type of record.

    The rule between versions, which docs/formats.md states for users: a reader takes its own
    version and all from which `upgrades` lead to it, and refuses others. A field that a reader
    can do without needs no new version: the writer names it in the record's `ignorable`, and a
    reader that does not know it leaves it out. Other fields that it does not know are refused.

    Args:
        kind: The record's dataclass.
        writer: What writes such records, for errors: "strop bench --output".
        version: That is written.
        upgrades: By an older version: from its fields, unchecked, to those of the next one.
            ValueError says what is wrong with them.
        ignorable: Fields that were added without a new version, and their JSON value in
            records without them.
        error: What is raised where a record cannot be read.
        remedy: What to do then, the end of the error.
        encoder: How the JSON is laid out.
    """

    __slots__ = (
        "encoder",
        "error",
        "ignorable",
        "kind",
        "remedy",
        "upgrades",
        "version",
        "writer",
    )

    def __init__(
        self,
        kind: type[Record],
        *,
        writer: str,
        version: int,
        upgrades: Mapping[int, Upgrade] | None = None,
        ignorable: Mapping[str, object] | None = None,
        error: type[StropError] = MeasurementError,
        remedy: str = "measure again",
        encoder: json.JSONEncoder = COMPACT,
    ) -> None:
        self.kind, self.writer, self.version = kind, writer, version
        self.upgrades, self.ignorable = upgrades or {}, ignorable or {}
        self.error, self.remedy, self.encoder = error, remedy, encoder

    @property
    def readable(self) -> tuple[int, ...]:
        """The versions that can be read, the oldest first."""
        return (*sorted(self.upgrades), self.version)

    def dumps(self, record: Record) -> str:
        """Write the record as JSON text, which `loads` reads back unchanged."""
        content: Fields = {VERSION: self.version, **fields_of(record)}
        if self.ignorable:
            content[IGNORABLE] = sorted(self.ignorable)
        return self.encoder.encode(content) + "\n"

    def loads(self, text: str | bytes, *, where: str) -> Record:
        """Read what `dumps` wrote, by this strop or another.

        Args:
            text: JSON; bytes are UTF-8.
            where: Named in the error, usually the file's path.

        Raises:
            StropError: As `error` says: not JSON that `parse_json` reads, another format
                version, or a field missing, unknown, or of another type or value.
        """
        found = parse_object(text, where=where, error=self.error, remedy=self._needed)
        found = self._upgraded(found, self._version(found, where), where)
        left_out = self._unknown_ignorable(found, where)
        content = {name: value for name, value in found.items() if name not in left_out}
        return read_typed(
            {**self.ignorable, **content},
            self.kind,
            at=where,
            error=self.error,
            remedy=self.remedy,
        )

    def read(self, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Record:
        """Read the record in a regular file of at most `max_bytes`.

        Raises:
            StropError: As `error` says: there is none, or it is not such a record.
        """
        content = read_file(path, max_bytes=max_bytes, error=self.error, remedy=self._needed)
        return self.loads(content, where=os.fspath(path))

    def write(self, record: Record, path: Path) -> None:
        """Write the record, all of it or nothing, over whatever is there.

        Raises:
            OutputError: The folder or the file cannot be written.
        """
        write_whole(self.dumps(record), path)

    @property
    def _needed(self) -> str:
        return f"needed is what {self.writer} writes"

    def _version(self, found: Fields, where: str) -> int:
        """Take the format version out of the fields."""
        if VERSION not in found:
            raise self.error(f"{where}: no {VERSION}; {self._needed}")
        version = found.pop(VERSION)
        if type(version) is not int or version not in self.readable:
            by = found.get("strop_version")
            named = f" ({by:.{MAX_WRITER}})" if by and isinstance(by, str) else ""
            raise self.error(
                f"{where}: {VERSION} is {version!r:.40}, this strop reads"
                f" {', '.join(map(str, self.readable))}; use the strop that wrote it{named}, or"
                f" {self.remedy}"
            )
        return version

    def _upgraded(self, found: Fields, version: int, where: str) -> Fields:
        """Bring the fields to this version."""
        try:
            for older in range(version, self.version):
                found = self.upgrades[older](found)
        except ValueError as err:
            raise self.error(f"{where}: version {version} {err}; {self.remedy}") from err
        return found

    def _unknown_ignorable(self, found: Fields, where: str) -> frozenset[str]:
        """Find fields that the record marks as ignorable, and that this reader does not know."""
        names = read_typed(
            found.pop(IGNORABLE, []),
            tuple[str, ...],
            at=f"{where}: {IGNORABLE}",
            error=self.error,
            remedy=self.remedy,
        )
        kind: Any = self.kind
        return frozenset(names).difference(annotations_of(kind))
