"""Keeps a page's script between processes; Vega's takes 1.6 s of processor time to put together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def kept_script(make: Callable[[], str], *, made_from: str) -> str:
    """Return what was kept of an earlier process, or make it and keep it.

    It is kept in the user's cache folder, $XDG_CACHE_HOME/strop or ~/.cache/strop, behind a line
    with its SHA-256; a file that says otherwise is made again. Where nothing can be kept, it is
    made each time.

    Args:
        make: Makes the script; always the same one of the same `made_from`.
        made_from: All that it depends on.
    """
    place = _place(made_from)
    found = None if place is None else _read(place)
    if found is not None:
        return found
    made = make()
    if place is not None:
        _write(place, made)
    return made


def _place(made_from: str) -> Path | None:
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # nobody's home
        return None
    return caches / "strop" / f"script-{_digest(made_from)[:16]}.js"


def _read(place: Path) -> str | None:
    try:
        digest, _, script = place.read_bytes().decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return script if digest == f"// {_digest(script)}" else None


def _write(place: Path, script: str) -> None:
    """Write it whole or not at all: another process may be reading or writing it."""
    part = place.with_name(f"{place.name}.{os.getpid()}")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(f"// {_digest(script)}\n{script}".encode())
        part.replace(place)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
