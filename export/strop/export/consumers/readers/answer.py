"""Runs in a consumer's own environment: writes what it answers for one file.

    python -I answer.py READER.py ARTIFACT IMAGES.npz SCORES.npy

Needs nothing but NumPy and what the reader imports. Where the consumer refuses, the last line of
the output is JSON: `refused`, in its own words.
"""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np

MAX_REASON = 300  # characters
ROOM = "strop.export.consumers.readers"


def reason_of(error: BaseException) -> str:
    """What the consumer said, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:MAX_REASON]


def open_room() -> None:
    """Let readers import each other by the names that they have in strop, which is not here."""
    parts = ROOM.split(".")
    for end in range(1, len(parts) + 1):
        module = ModuleType(".".join(parts[:end]))
        module.__path__ = [str(Path(__file__).parent)] if end == len(parts) else []
        sys.modules[module.__name__] = module


def load(reader: Path) -> ModuleType:
    """Import a reader from its file."""
    spec = spec_from_file_location("reader", reader)
    if spec is None or spec.loader is None:
        raise ImportError(f"{reader}: is no Python file")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Answer, or say why not."""
    reader, artifact, kept, answer = map(Path, sys.argv[1:])
    open_room()
    from strop.export.consumers.readers.images import Images

    with np.load(kept) as arrays:
        images = Images(
            pixels=arrays.get("pixels"),
            paths=tuple(map(Path, arrays["paths"].tolist())),
            labels=tuple(arrays["labels"].tolist()),
            mean=tuple(arrays["mean"].tolist()),
            std=tuple(arrays["std"].tolist()),
            outputs=tuple(arrays["outputs"].tolist()),
        )
    try:
        scores = load(reader).scores(artifact, images)
    except Exception as err:  # whatever the consumer raises is its answer
        sys.stdout.write("\n" + json.dumps({"refused": reason_of(err)}) + "\n")
        return 0
    np.save(answer, np.ascontiguousarray(scores, np.float32), allow_pickle=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
