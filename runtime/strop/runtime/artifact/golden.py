"""Golden vectors: images, and the codes that an artifact's certified kernels return for them.

The file is an .npz of three plain arrays: `facts` (JSON), `images` and `codes`. It is read
without pickle; reading takes no more memory than the file has bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.runtime.errors import ArtifactError
from strop.runtime.records.npz_arrays import UNREADABLE, read_with_facts, with_facts
from strop.runtime.records.record_format import Fields, RecordFormat
from strop.runtime.records.user_files import read_file

SUFFIX = ".golden.npz"
MAX_FILE_BYTES = 64 << 20  # a hundred images of 448 x 448; read as a whole
NAMES = ("images", "codes")
AGAIN = "copy or export them again"
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
        steps: Real size of one code, > 0: one for all scores, or of several outputs one per score.
        bound: Largest difference in codes between the artifacts themselves, >= 0.
        kernels: What computed, for each artifact by its SHA-256 in hex.
        strop_version: Version that wrote it.
    """

    images: NDArray[np.uint8]
    codes: NDArray[np.int16]
    steps: tuple[float, ...]
    bound: int
    kernels: Mapping[str, str]
    strop_version: str

    def to_bytes(self) -> bytes:
        """Write the file's content; the same values give the same bytes."""
        facts = GoldenFacts(
            strop_version=self.strop_version,
            steps=self.steps,
            bound=self.bound,
            kernels=dict(self.kernels),
        )
        text = GOLDEN_FACTS.dumps(facts).rstrip()
        return with_facts(text, {"images": self.images, "codes": self.codes})


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldenFacts:
    """The fields of `Golden` that are not arrays, as the file has them."""

    strop_version: str
    steps: tuple[float, ...]
    bound: int
    kernels: Mapping[str, str]

    def __post_init__(self) -> None:
        if min(self.steps, default=0) <= 0 or self.bound < 0:
            raise ArtifactError(
                f"steps {list(self.steps)}, bound {self.bound}; needed are > 0 and >= 0. Export"
                " them again"
            )


def _steps(fields: Fields) -> Fields:
    """Version 1 has one step for all scores."""
    if "step" not in fields or "steps" in fields:
        raise ValueError("has no step")
    kept = {name: value for name, value in fields.items() if name != "step"}
    return {**kept, "steps": [fields["step"]]}


# History: 1, the first; 2 has a step for each score of several outputs.
GOLDEN_FACTS = RecordFormat(
    GoldenFacts,
    writer="strop export",
    version=2,
    upgrades={1: _steps},
    error=ArtifactError,
    remedy=AGAIN,
)


def golden_beside(artifact: Path) -> Path:
    """Name the golden vectors' file of an artifact's bundle: NAME.golden.npz."""
    return artifact.with_suffix("").with_suffix(SUFFIX)


def read_golden(path: Path) -> Golden:
    """Read what `Golden.to_bytes` wrote; refuse anything else by name.

    Raises:
        ArtifactError: Missing, too large, damaged, of another format version, or not
            golden vectors.
    """
    content = read_file(path, max_bytes=MAX_FILE_BYTES, error=ArtifactError, remedy=REMEDY)
    try:
        text, (images, codes) = read_with_facts(content, NAMES)
    except UNREADABLE as err:
        raise ArtifactError(
            f"{path}: no golden vectors of strop, or damaged ({err}); {AGAIN}"
        ) from err
    found = GOLDEN_FACTS.loads(text, where=str(path))
    is_whole = (
        images.dtype == np.uint8
        and images.ndim == 4
        and codes.dtype == np.int16
        and codes.ndim == 2
        and 0 < len(images) == len(codes)
        and codes.shape[1] > 0
        and len(found.steps) in (1, codes.shape[1])
    )
    if not is_whole:
        raise ArtifactError(
            f"{path}: images {images.dtype} {list(images.shape)}, codes {codes.dtype}"
            f" {list(codes.shape)}; needed are uint8 images and as many rows of int16 codes."
            " Export them again"
        )
    return Golden(
        images=images,
        codes=codes,
        steps=found.steps,
        bound=found.bound,
        kernels=found.kernels,
        strop_version=found.strop_version,
    )
