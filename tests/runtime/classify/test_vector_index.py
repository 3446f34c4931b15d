"""The file of `strop run --vectors`: there and back, what it finds, and damage."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strop.runtime.classify.vector_index import (
    INDEX_FACTS,
    IndexFacts,
    VectorIndex,
    cosine_of,
    matches,
    read_index,
    write_vectors,
)
from strop.runtime.errors import ImageError, OutputError
from strop.runtime.records.npz_arrays import with_facts


def drawn(images: int = 7) -> VectorIndex:
    names = tuple(f"é {i}.png" for i in range(images))
    facts = IndexFacts(strop_version="0", sha256="ab", source_sha256="", images=names)
    vectors = np.random.default_rng(0).normal(size=(images, 3)).astype(np.float32)
    return VectorIndex(facts=facts, vectors=vectors)


def test_an_index_reads_back_unchanged(tmp_path: Path) -> None:
    index = drawn()
    write_vectors(index, tmp_path / "i.npz")
    found = read_index(tmp_path / "i.npz")
    assert found.facts == index.facts
    assert np.array_equal(found.vectors, index.vectors)
    write_vectors(index, tmp_path / "v.npy")
    assert np.array_equal(np.load(tmp_path / "v.npy", allow_pickle=False), index.vectors)
    with pytest.raises(OutputError, match=r"v\.txt: vectors are written to \.npz"):
        write_vectors(index, tmp_path / "v.txt")


def test_an_index_of_version_1_is_of_an_only_output(tmp_path: Path) -> None:
    index = drawn()
    facts = json.loads(INDEX_FACTS.dumps(replace(index.facts, output="face")))
    assert facts.pop("output") == "face"
    text = json.dumps({**facts, "format_version": 1})
    (tmp_path / "i.npz").write_bytes(with_facts(text, {"vectors": index.vectors}))
    assert read_index(tmp_path / "i.npz").facts == index.facts


def test_the_nearest_image_comes_first() -> None:
    index = drawn()
    asked = (5 * index.vectors[4]).tolist()
    first, second = matches(index, asked, top=2)
    assert first.image == "é 4.png"
    assert first.cosine == pytest.approx(1)
    rest = [cosine_of(asked, each.tolist()) for i, each in enumerate(index.vectors) if i != 4]
    assert second.cosine == pytest.approx(max(rest))
    with pytest.raises(ImageError, match="2 numbers, and those of the index have 3"):
        matches(index, [1.0, 2.0], top=1)


def outcome(path: Path) -> int | str:
    """How many vectors are read, or what the one line of the error is about."""
    try:
        return len(read_index(path).vectors)
    except ImageError as err:
        (line,) = str(err).splitlines()
        return line[: len(str(path))]


@pytest.mark.parametrize("seed", range(40))
def test_damage_is_one_error(tmp_path: Path, seed: int) -> None:
    path, draw = tmp_path / "i.npz", random.Random(seed)
    write_vectors(drawn(), path)
    content = bytearray(path.read_bytes())
    if seed % 4 == 0:
        content = content[: draw.randrange(len(content))]
    else:
        for _ in range(draw.randint(1, 20)):
            content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(content)
    assert outcome(path) in (7, str(path))


def test_vectors_for_fewer_images_are_refused(tmp_path: Path) -> None:
    index = drawn()
    write_vectors(VectorIndex(facts=index.facts, vectors=index.vectors[:3]), tmp_path / "i.npz")
    with pytest.raises(ImageError, match=r"float32 \[3, 3\] for 7 images"):
        read_index(tmp_path / "i.npz")
