"""Runs strop's device half on a board that the system's ssh reaches."""

from __future__ import annotations

from strop.runtime.remote.address import Target, target_from_url
from strop.runtime.remote.running import Running
from strop.runtime.remote.session import Session, open_session
from strop.runtime.remote.task import ImageFolder, Task, make_task

__all__ = [
    "ImageFolder",
    "Running",
    "Session",
    "Target",
    "Task",
    "make_task",
    "open_session",
    "target_from_url",
]
