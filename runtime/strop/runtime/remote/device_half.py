"""Packs the device half of the strop that runs here into a zip that a board can run from."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from strop import console
from strop.runtime.records.version import UNKNOWN_VERSION, installed_version

SUFFIXES = (".py", ".typed")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
UNIX = 3  # the system that a zip says it was made on; source: PKWARE APPNOTE 4.4.2
READABLE = 0o644 << 16


def device_half() -> bytes:
    """A zip of `strop.runtime` and what it needs beside it, the same bytes for the same files.

    It is stored, not deflated: zlib's releases make different bytes of the same file. If this
    strop is installed, it has the metadata from which the board's Python reads the version.
    """
    root = Path(console.__file__).parent.parent
    package = Path(__file__).parents[1]
    beside = (root / "strop").glob("*.py")
    paths = [*beside, *(path for path in package.rglob("*") if path.suffix in SUFFIXES)]
    members = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    version = installed_version()
    if version != UNKNOWN_VERSION:
        metadata = f"Metadata-Version: 2.1\nName: strop\nVersion: {version}\n"
        members[f"strop-{version}.dist-info/METADATA"] = metadata.encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = UNIX
            entry.external_attr = READABLE
            made.writestr(entry, members[name])
    return archive.getvalue()
