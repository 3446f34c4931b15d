"""Runs strop's device half on a board that the system's ssh reaches."""

from __future__ import annotations

from strop.runtime.target.address import Target, target_from_url
from strop.runtime.target.running import Running
from strop.runtime.target.session import Session, open_session
from strop.runtime.target.task import ImageFolder, Task, make_task

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
