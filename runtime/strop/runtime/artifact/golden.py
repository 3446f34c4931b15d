"""Golden vectors: images, and the codes that an artifact's certified kernels gave for them.

The file is an .npz of three plain arrays: `facts` (JSON), `images` and `codes`. It is read
without pickle, and never more than its own size.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.runtime.errors import ArtifactError
from strop.runtime.records.json_reader import parse_object
from strop.runtime.records.npz_arrays import UNREADABLE, read_arrays, require_names
from strop.runtime.records.user_files import read_file

# History: 1, the first.
FORMAT_VERSION = 1
SUFFIX = ".golden.npz"
MAX_FILE_BYTES = 64 << 20  # a hundred images of 448 x 448; read as a whole
NAMES = ("facts", "images", "codes")
REMEDY = (
    "needed are the golden vectors that strop export wrote beside the artifact, a few images: copy"
    " them too, or name them with --golden"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Golden:
    """What artifacts of one export answered on the machine that certified them.

    Attributes:
        images: uint8 [K, height, width, channels], as the contract prepares them.
        codes: int16 [K, classes], scores in steps from the zero point.
        step: Real size of one code of the scores, > 0.
        bound: Largest difference in codes between the artifacts themselves, >= 0.
        kernels: What computed, for each artifact by its SHA-256 in hex.
        strop_version: Version that wrote it.
    """

    images: NDArray[np.uint8]
    codes: NDArray[np.int16]
    step: float
    bound: int
    kernels: Mapping[str, str]
    strop_version: str

    def to_bytes(self) -> bytes:
        """The file's content; the same bytes for the same values."""
        facts = {
            "format_version": FORMAT_VERSION,
            "strop_version": self.strop_version,
            "step": self.step,
            "bound": self.bound,
            "kernels": dict(self.kernels),
        }
        content = io.BytesIO()
        np.savez(content, facts=np.array(json.dumps(facts)), images=self.images, codes=self.codes)
        return content.getvalue()


def golden_beside(artifact: Path) -> Path:
    """Where the golden vectors of an artifact's bundle lie: NAME.golden.npz."""
    return artifact.with_suffix("").with_suffix(SUFFIX)


def read_golden(path: Path) -> Golden:
    """Read what `Golden.to_bytes` wrote; refuse anything else by name.

    Raises:
        ArtifactError: Missing, too large, damaged, of another format version, or not
            golden vectors.
    """
    content = read_file(path, max_bytes=MAX_FILE_BYTES, error=ArtifactError, remedy=REMEDY)
    try:
        arrays = read_arrays(content)
        require_names(arrays, NAMES)
        facts, images, codes = (arrays[name] for name in NAMES)
        record = parse_object(
            str(facts[()]), where=str(path), error=ArtifactError, remedy="copy or export them again"
        )
        found = record["format_version"]
    except UNREADABLE as err:
        raise ArtifactError(
            f"{path}: no golden vectors of strop, or damaged ({err}); copy or export them again"
        ) from err
    if found != FORMAT_VERSION:
        raise ArtifactError(
            f"{path}: format_version is {found!r:.40}, this strop reads {FORMAT_VERSION}; use the"
            " strop that wrote it, or export again"
        )
    return _checked(record, images, codes, where=path)


def _checked(
    record: Mapping[str, Any], images: NDArray[Any], codes: NDArray[Any], *, where: Path
) -> Golden:
    kernels, step, bound = (record.get(name) for name in ("kernels", "step", "bound"))
    is_whole = (
        images.dtype == np.uint8
        and images.ndim == 4
        and codes.dtype == np.int16
        and codes.ndim == 2
        and 0 < len(images) == len(codes)
        and codes.shape[1] > 0
        and isinstance(kernels, dict)
        and isinstance(bound, int)
        and bound >= 0
        and isinstance(step, float)
        and 0 < step < math.inf
    )
    if not is_whole:
        raise ArtifactError(
            f"{where}: images {images.dtype} {list(images.shape)}, codes {codes.dtype}"
            f" {list(codes.shape)}, step {step!r:.40}, bound {bound!r:.40}; needed are uint8"
            " images, as many rows of int16 codes, and what they mean. Export them again"
        )
    return Golden(
        images=images,
        codes=codes,
        step=float(record["step"]),
        bound=int(record["bound"]),
        kernels={str(key): str(value) for key, value in record["kernels"].items()},
        strop_version=str(record.get("strop_version", "")),
    )
