"""A baseline directory: artifacts and sessions by content, and the index of what counts.

    index.json                          which artifact is the baseline of which model, and why
    artifacts/SHA256.tflite             files, named by their own hash
    sessions/SHA256/SHA256.json         measurements of such a file, named by their own hash

It lives in the user's repository and is read from there, so from strangers: no path in it is
made of anything but a hash, and what is read is bounded.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from strop.runtime.artifact.artifact import Format, detect_format, sha256_file
from strop.runtime.baseline.index import BASELINE_INDEX, SHA256, Index
from strop.runtime.baseline.session import BASELINE_SESSION, BaselineSession
from strop.runtime.errors import BaselineError, OutputError
from strop.runtime.records.user_files import read_file, write_whole

INDEX = "index.json"
ARTIFACTS, SESSIONS = "artifacts", "sessions"
MAX_INDEX_BYTES = 4 << 20
MAX_SESSION_BYTES = 4 << 20
MAX_SESSIONS = 1000  # of one artifact
MAX_ARTIFACT_BYTES = 1 << 30
SHORT_DIGITS = 12  # of a hash, for people
MIN_DIGITS = 6  # that stand for a hash


class BaselineDirectory:
    """One baseline directory.

    Args:
        path: Of the folder; it need not exist to be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def index(self) -> Index:
        """What is promoted; empty where nothing is yet.

        Raises:
            BaselineError: The index cannot be read.
        """
        file = self.path / INDEX
        if not file.exists():
            return Index()
        return BASELINE_INDEX.loads(_read(file, MAX_INDEX_BYTES), where=str(file))

    def artifact(self, sha256: str) -> Path | None:
        """The file with this hash, verified; None where it is not here.

        Raises:
            BaselineError: The file of this name has another content.
        """
        for kind in Format:
            path = self._artifact(sha256, kind.value)
            if path.is_file():
                found = sha256_file(path)
                if found != sha256:
                    raise BaselineError(
                        f"{path}: its sha256 is {found[:SHORT_DIGITS]}..., needed is that of its"
                        " name; was it changed, or is it a git-lfs pointer (git lfs pull)?"
                    )
                return path
        return None

    def sessions(self, sha256: str) -> tuple[BaselineSession, ...]:
        """All measurements of an artifact, the oldest first.

        Raises:
            BaselineError: There are too many, or one is not of this artifact or too large.
            MeasurementError: One cannot be read.
        """
        files = sorted((self.path / SESSIONS / sha256).glob("*.json"))
        if len(files) > MAX_SESSIONS:
            raise BaselineError(
                f"{self.path / SESSIONS / sha256}: {len(files)} sessions, read are {MAX_SESSIONS}"
                " at most; remove the oldest"
            )
        found = []
        for file in files:
            session = BASELINE_SESSION.loads(_read(file, MAX_SESSION_BYTES), where=str(file))
            if session.subject.sha256 != sha256:
                raise BaselineError(
                    f"{file}: is of {session.subject.sha256[:SHORT_DIGITS]!r}, needed is the hash"
                    " that its folder names; remove it, or move it there"
                )
            found.append(session)
        return tuple(sorted(found, key=lambda each: each.created_at))

    def artifact_hashes(self) -> tuple[str, ...]:
        """Of everything here that has a file or a session, sorted."""
        names = [path.stem for path in (self.path / ARTIFACTS).glob("*")]
        names += [path.name for path in (self.path / SESSIONS).glob("*")]
        return tuple(sorted({name for name in names if SHA256.fullmatch(name)}))

    def hash_of(self, digits: str) -> str:
        """The one hash here that begins with these digits.

        Raises:
            BaselineError: None does, or several do.
        """
        found = [each for each in self.artifact_hashes() if each.startswith(digits)]
        if len(digits) < MIN_DIGITS or len(found) != 1:
            raise BaselineError(
                f"{self.path}: {len(found)} artifacts have a hash that begins with"
                f" {digits[:80]!r}; needed is one, by {MIN_DIGITS} digits or more. strop baseline"
                " show lists them, strop baseline record adds one"
            )
        return found[0]

    def add_artifact(self, source: Path, sha256: str) -> Path:
        """Copy a file here under its hash, all of it or nothing; one that is here stays.

        Args:
            source: A .tflite or .onnx.
            sha256: Of it.

        Raises:
            ArtifactError: It is not an artifact.
            BaselineError: Here is another file of that name.
            OutputError: It is too large, has changed, or cannot be written.
        """
        known = self.artifact(sha256)
        if known is not None:
            return known
        size = source.stat().st_size
        if size > MAX_ARTIFACT_BYTES:
            raise OutputError(f"{source}: {size} bytes; needed are {MAX_ARTIFACT_BYTES} at most")
        target = self._artifact(sha256, detect_format(source).value)
        self._make(target.parent)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(source, partial)
            if sha256_file(partial) != sha256:
                raise OutputError(f"{source}: was changed while it was measured; record it again")
            partial.replace(target)
        except OSError as err:
            raise OutputError(f"{target}: {err.strerror}; choose another folder") from err
        finally:
            partial.unlink(missing_ok=True)
        return target

    def add_session(self, session: BaselineSession) -> Path:
        """Keep a measurement.

        Raises:
            OutputError: It cannot be written.
        """
        text = BASELINE_SESSION.dumps(session)
        name = hashlib.sha256(text.encode()).hexdigest()
        target = self.path / SESSIONS / session.subject.sha256 / f"{name}.json"
        self._make(target.parent)
        write_whole(text, target)
        return target

    def write_index(self, index: Index) -> Path:
        """Replace the index.

        Raises:
            OutputError: It cannot be written.
        """
        self._make(self.path)
        BASELINE_INDEX.write(index, self.path / INDEX)
        return self.path / INDEX

    def _artifact(self, sha256: str, suffix: str) -> Path:
        return self.path / ARTIFACTS / f"{sha256}.{suffix}"

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise OutputError(f"{folder}: {err.strerror}; choose another folder") from err
        # A link in a checkout could lead anywhere.
        if not folder.resolve().is_relative_to(self.path.resolve()):
            raise OutputError(f"{folder}: a link out of {self.path}; make it a folder")


def _read(file: Path, max_bytes: int) -> bytes:
    return read_file(
        file,
        max_bytes=max_bytes,
        error=BaselineError,
        remedy="make it readable, or take it from the last good commit",
    )
