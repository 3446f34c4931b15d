"""Reads the URL of --target, which names a board."""

from __future__ import annotations

import re
from dataclasses import dataclass

from strop.runtime.errors import TargetError

DEFAULT_PYTHON = "python3"
MAX_PORT = 65535
# Nothing here can be an option of ssh's, or a word of a shell's.
URL = re.compile(
    r"ssh://(?:(?P<user>\w[\w.-]*)@)?"
    r"(?P<host>\w[\w.-]*|\[[0-9a-fA-F:.]+(?:%\w[\w.-]*)?\])"
    r"(?::(?P<port>\d{1,5}))?/?",
    re.ASCII,
)
PASSWORD = re.compile(r"ssh://[^@/]*:[^@/]*@")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A board, and where on it strop works.

    Attributes:
        host: Name, alias of the ssh configuration, or IP address without brackets.
        user: None leaves it to the ssh configuration.
        port: 1..65535; None leaves it to the ssh configuration.
        python: The board's Python: a name, or a path, which is relative to the home folder.
        cache: Folder on the board; None is strop in the board's own cache folder.
    """

    host: str
    user: str | None = None
    port: int | None = None
    python: str = DEFAULT_PYTHON
    cache: str | None = None

    def __post_init__(self) -> None:
        for flag, value in (("--target-python", self.python), ("--target-cache", self.cache)):
            if value is not None and (not value.isprintable() or value[:1] in ("", "-")):
                raise TargetError(f"{flag} is {value!r}; needed is a path on the board")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = "" if self.user is None else f"{self.user}@"
        port = "" if self.port is None else f":{self.port}"
        return f"ssh://{user}{host}{port}"

    @property
    def by_hand(self) -> str:
        """The command by which the user reaches the same board."""
        port = "" if self.port is None else f"-p {self.port} "
        user = "" if self.user is None else f"{self.user}@"
        return f"ssh {port}{user}{self.host}"

    @property
    def login(self) -> tuple[str, ...]:
        """The arguments that name the board to ssh."""
        port = () if self.port is None else ("-p", str(self.port))
        user = () if self.user is None else ("-l", self.user)
        return (*port, *user, self.host)


def target_from_url(text: str, *, python: str = DEFAULT_PYTHON, cache: str | None = None) -> Target:
    """Read the board that a URL names.

    Args:
        text: ssh://[user@]host[:port]
        python: As in `Target`; what begins with "~/" is in the home folder.
        cache: As `python`.

    Raises:
        TargetError: Another scheme, a password, a path, or a character that no user, host
            or port has.
    """
    found = URL.fullmatch(text)
    if PASSWORD.match(text):
        raise TargetError(
            "--target holds a password; strop takes none: give ssh a key (ssh-copy-id), and"
            " ssh://[user@]host[:port]"
        )
    if found is None:
        raise TargetError(f"--target is {text!r}; needed is ssh://[user@]host[:port]")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 1 <= port <= MAX_PORT:
        raise TargetError(f"--target {text}: port {port}; needed is 1 to {MAX_PORT}")
    return Target(
        host=found["host"].strip("[]"),
        user=found["user"],
        port=port,
        # A login begins in the home folder, and nothing there expands a quoted "~".
        python=python.removeprefix("~/"),
        cache=None if cache is None else cache.removeprefix("~/"),
    )
