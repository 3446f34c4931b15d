from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image

import strop.runtime
from strop.runtime import Contract, ContractError, ImageError
from strop.runtime.classify.agreement import Share
from strop.runtime.classify.evaluate import Evaluation, evaluate
from strop.runtime.images.dataset import LabelledImage, labelled_images, list_images

T = TypeVar("T")
WORKED = Evaluation(
    truth=(0, 1, 2, 3),
    ranked=((0, 1, 2, 3, 4), (2, 1, 0, 3, 4), (5, 6, 7, 8, 9), (3, 0, 1, 2, 4)),
    against=((0, 1, 2, 3, 4), (1, 2, 0, 3, 4), (2, 6, 7, 8, 9), (0, 3, 1, 2, 4)),
)


def hits(found: Share | None) -> int | None:
    return None if found is None else found.hits


def test_every_count_is_of_the_images_it_names() -> None:
    compared = WORKED.comparison
    assert WORKED.n == 4
    assert (hits(compared.found.top1), hits(compared.found.top5)) == (2, 3)
    assert (hits(compared.reference.top1), hits(compared.agreement)) == (3, 1)
    assert compared.drop is not None
    assert (compared.drop.lost, compared.drop.won) == (2, 1)


def test_the_drop_is_the_difference_of_the_hits() -> None:
    compared = WORKED.comparison
    drop, before = compared.drop, hits(compared.reference.top1)
    assert drop is not None
    assert before == (hits(compared.found.top1) or 0) + drop.lost - drop.won


def test_without_truth_only_the_agreement_is_known() -> None:
    blind = replace(WORKED, truth=(None,) * 4).comparison
    assert hits(blind.agreement) == 1
    assert (blind.found.top1, blind.found.top5, blind.drop) == (None, None, None)


def test_without_a_reference_nothing_is_compared() -> None:
    alone = replace(WORKED, against=None).comparison
    assert hits(alone.found.top1) == 2
    assert (alone.agreement, alone.reference.top1, alone.drop) == (None, None, None)


def test_two_artifacts_are_run_on_the_same_images(
    tiny_tflite: Path, tiny_onnx: Path, image_folder: Path, contract: Contract
) -> None:
    images = labelled_images(image_folder, contract.labels)
    with strop.runtime.open(tiny_tflite) as first, strop.runtime.open(tiny_onnx) as second:
        result = evaluate(first, images, against=second)
    assert result.truth == (0, 0, 1, 1, 2, 2)
    compared = result.comparison
    shares = (compared.found.top1, compared.reference.top1, compared.agreement)
    assert [hits(share) for share in shares] == [6, 6, 6]
    assert all(len(ranks) == 4 for ranks in result.ranked)


def test_artifacts_with_other_resize_rules_each_get_their_own_pixels(
    tiny_tflite: Path, tiny_onnx: Path, tmp_path: Path, contract: Contract
) -> None:
    # Red where a centre crop looks, green to the sides.
    image = Image.new("RGB", (160, 16), (0, 255, 0))
    image.paste((255, 0, 0), (60, 0, 100, 16))
    image.save(tmp_path / "wide.png")
    images = [LabelledImage(path=tmp_path / "wide.png", class_index=None)]
    stretch = replace(contract, resize=strop.runtime.ResizeRule.STRETCH)
    with (
        strop.runtime.open(tiny_tflite) as crop,
        strop.runtime.open(tiny_onnx, contract=stretch) as whole,
    ):
        result = evaluate(crop, images, against=whole)
    assert result.ranked[0][0] == 0
    assert result.against is not None
    assert result.against[0][0] == 1


def test_progress_sees_one_item_an_image(tiny_onnx: Path, image_folder: Path) -> None:
    seen: list[tuple[int, str]] = []

    def watch(steps: Iterable[T], total: int, label: str, /) -> Iterator[T]:
        for step in steps:
            seen.append((total, label))
            yield step

    paths = list_images(image_folder)
    images = [LabelledImage(path=path, class_index=None) for path in paths]
    with strop.runtime.open(tiny_onnx) as classifier:
        evaluate(classifier, images, progress=watch)
    assert seen == [(len(paths), "classifying")] * len(paths)


def test_no_images_and_other_classes_are_refused(
    tiny_tflite: Path, tiny_onnx: Path, image_folder: Path, contract: Contract
) -> None:
    images = labelled_images(image_folder, contract.labels)
    other = replace(contract, labels=("a", "b", "c", "d"))
    with (
        strop.runtime.open(tiny_tflite) as first,
        strop.runtime.open(tiny_onnx, contract=other) as second,
    ):
        with pytest.raises(ImageError, match="no images to evaluate; needed is one or more"):
            evaluate(first, [])
        with pytest.raises(ContractError, match="needed are two artifacts of the same classes"):
            evaluate(first, images, against=second)
