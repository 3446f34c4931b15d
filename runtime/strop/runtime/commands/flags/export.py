"""The flag --export: what was measured, for other tools' dashboards."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from strop import console
from strop.runtime.history.measured import Measured
from strop.runtime.records.user_files import require_writable, write_whole
from strop.runtime.reporting.formats import FORMATS


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A file that was asked for.

    Attributes:
        kind: One of FORMATS.
        path: Where to.
    """

    kind: str
    path: Path


def add_export_flag(parser: argparse.ArgumentParser) -> None:
    """Add --export, which can be given several times."""
    parser.add_argument(
        "--export",
        type=_export,
        action="append",
        default=[],
        metavar="FORMAT=FILE",
        help=f"p50 for another tool: {', '.join(FORMATS)}; can be given several times",
    )


def require_exports_writable(options: argparse.Namespace) -> None:
    """Pass files that can be written: to be asked before the work.

    Raises:
        OutputError: One exists and is not to be overwritten, or its folder is missing.
    """
    for export in options.export:
        require_writable(export.path, force=options.force)


def write_exports(options: argparse.Namespace, measured: Measured) -> None:
    """Write what counts; say what does not, and leave no file of another run in its place.

    Raises:
        OutputError: A file cannot be written.
    """
    if not options.export:
        return
    for name in measured.unstated:
        console.note(f"{name}: not exported, for its p50 is not known")
    for latency in measured.latencies:
        if not latency.is_usable:
            console.note(f"{latency.name}: not exported, for the run does not count")
    usable = tuple(latency for latency in measured.latencies if latency.is_usable)
    for export in options.export:
        if usable:
            write_whole(FORMATS[export.kind](replace(measured, latencies=usable)), export.path)
            console.note(f"{export.kind}: {export.path}")
        else:
            export.path.unlink(missing_ok=True)
            console.note(f"{export.path}: not written, for nothing counts")


def _export(text: str) -> Export:
    kind, _, path = text.partition("=")
    if kind not in FORMATS or not path:
        raise argparse.ArgumentTypeError(
            f"{text} is not FORMAT=FILE with one of {', '.join(FORMATS)}"
        )
    return Export(kind=kind, path=Path(path))
