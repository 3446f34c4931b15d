"""An index of images by their vectors: `strop run --vectors` writes it, `strop search` reads it.

The file is an .npz of two plain arrays, `facts` (JSON) and `vectors`, read without pickle; reading
takes no more memory than the file has bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.runtime.errors import ImageError, OutputError
from strop.runtime.records.npz_arrays import UNREADABLE, read_with_facts, with_facts
from strop.runtime.records.record_format import RecordFormat, adding
from strop.runtime.records.user_files import read_file, write_whole_bytes

ARRAY_SUFFIX, INDEX_SUFFIX = ".npy", ".npz"
MAX_FILE_BYTES = 1 << 30  # 200,000 vectors of 1280 numbers; read as a whole
NAMES = ("vectors",)
AGAIN = "write it again, with strop run ARTIFACT IMAGES --vectors INDEX.npz"


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexFacts:
    """What an index says beside its vectors.

    Attributes:
        strop_version: Version that wrote it.
        sha256: Of the artifact that made the vectors, hex.
        source_sha256: Of the model that the artifact was made from, as its contract has it.
        images: Paths of the images, in the order of the vectors.
        output: Which of the artifact's outputs gave them; "" of an only one, and of indexes of
            version 1.
    """

    strop_version: str
    sha256: str
    source_sha256: str
    images: tuple[str, ...]
    output: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorIndex:
    """Images and their vectors.

    Attributes:
        facts: Which images, and what made the vectors.
        vectors: float32 [N, numbers], as the artifact's contract has them.
    """

    facts: IndexFacts
    vectors: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """An image of an index.

    Attributes:
        image: Its path.
        cosine: Of the angle between its vector and the one that was asked for, -1..1.
    """

    image: str
    cosine: float


# History: 1, the first; 2 says which output of several it is of.
INDEX_FACTS = RecordFormat(
    IndexFacts,
    writer="strop run --vectors",
    version=2,
    upgrades={1: adding(output="")},
    error=ImageError,
    remedy=AGAIN,
)


def require_suffix(path: Path) -> None:
    """Refuse a file that is neither an array nor an index by its name.

    Raises:
        OutputError: Its suffix is another one.
    """
    if path.suffix not in (ARRAY_SUFFIX, INDEX_SUFFIX):
        raise OutputError(
            f"{path}: vectors are written to {INDEX_SUFFIX}, an index for strop search, or to"
            f" {ARRAY_SUFFIX}, the numbers alone; choose one of these"
        )


def write_vectors(index: VectorIndex, path: Path) -> None:
    """Write an index, or of a path that ends in .npy the vectors alone; all or nothing.

    Raises:
        OutputError: The file cannot be written, or has another suffix.
    """
    require_suffix(path)
    if path.suffix == INDEX_SUFFIX:
        content = with_facts(INDEX_FACTS.dumps(index.facts).rstrip(), {"vectors": index.vectors})
    else:
        array = io.BytesIO()
        np.save(array, index.vectors)
        content = array.getvalue()
    write_whole_bytes(content, path)


def read_index(path: Path) -> VectorIndex:
    """Read an index.

    Raises:
        ImageError: Missing, too large, damaged, or none.
    """
    content = read_file(
        path, max_bytes=MAX_FILE_BYTES, error=ImageError, remedy=f"needed is an index; {AGAIN}"
    )
    try:
        text, (vectors,) = read_with_facts(content, NAMES)
    except UNREADABLE as err:
        raise ImageError(f"{path}: no index of vectors, or damaged ({err}); {AGAIN}") from err
    facts = INDEX_FACTS.loads(text, where=str(path))
    is_whole = (
        vectors.dtype == np.float32
        and vectors.ndim == 2
        and len(vectors) == len(facts.images) > 0
        and vectors.shape[1] > 0
        and bool(np.isfinite(vectors).all())
    )
    if not is_whole:
        raise ImageError(
            f"{path}: {vectors.dtype} {list(vectors.shape)} for {len(facts.images)} images; needed"
            f" is a finite float32 vector for each; {AGAIN}"
        )
    return VectorIndex(facts=facts, vectors=vectors)


def matches(index: VectorIndex, vector: Sequence[float], *, top: int) -> tuple[Match, ...]:
    """Find the images whose vectors point most nearly the same way, best first.

    Args:
        index: Where to look.
        vector: As long as those of the index, not all zeros.
        top: How many at most, at least 1.

    Raises:
        ImageError: The vector has another length.
    """
    asked = np.array(vector, np.float64)
    if asked.shape != index.vectors.shape[1:]:
        raise ImageError(
            f"a vector of {len(asked)} numbers, and those of the index have"
            f" {index.vectors.shape[1]}; {AGAIN}"
        )
    wide = index.vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(asked)
    cosines = np.clip(wide @ asked / np.where(lengths > 0, lengths, 1.0), -1.0, 1.0)
    best = np.argsort(-cosines, kind="stable")[:top]
    return tuple(Match(image=index.facts.images[i], cosine=float(cosines[i])) for i in best)


def cosine_of(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors, -1..1; neither is all zeros."""
    one, other = np.array(first, np.float64), np.array(second, np.float64)
    return float(np.clip(one @ other / np.linalg.norm(one) / np.linalg.norm(other), -1.0, 1.0))
