from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.runtime.tiny_artifacts import COLOURS

from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.classifier import open as open_classifier
from strop.runtime.classify.predictions import Prediction
from strop.runtime.classify.stream import Frame, classify_each, frames
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import ContractError
from strop.runtime.images.find import Unusable


@pytest.fixture
def classifier(tiny_onnx: Path) -> Iterator[Classifier]:
    with open_classifier(tiny_onnx) as opened:
        yield opened


class StillCamera:
    """Gives one buffer, over and over."""

    name = "still"

    def __init__(self, colour: tuple[int, int, int]) -> None:
        self.pixels = np.full((20, 24, 3), colour, np.uint8)

    def read(self) -> NDArray[np.uint8]:
        return self.pixels

    def close(self) -> None:
        pass


def test_an_answer_comes_before_the_next_item_is_asked_for(
    classifier: Classifier, image_folder: Path
) -> None:
    asked: list[int] = []

    def items() -> Iterator[str]:
        for number in count():
            asked.append(number)
            yield str(image_folder / "n2" / "a.png")

    answers = list(islice(classify_each(classifier, items(), top=1), 3))
    assert asked == [0, 1, 2]
    assert [answer.predictions[0].index for answer in answers] == [1, 1, 1]
    assert all(answer.latency_ns is not None and answer.latency_ns > 0 for answer in answers)


def test_what_cannot_be_used_is_an_answer_and_the_stream_goes_on(
    classifier: Classifier, image_folder: Path, tmp_path: Path
) -> None:
    good = str(image_folder / "n1" / "a.png")
    (tmp_path / "text.jpg").write_text("not an image")
    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)
    bad = [str(tmp_path / "none.jpg"), str(tmp_path / "text.jpg"), str(bomb), "a\0b.jpg"]
    items: list[str | Unusable] = [Unusable(path="folder", reason="folder: closed"), *bad, good]
    *failed, last = classify_each(classifier, items)
    assert [answer.source for answer in failed] == ["folder", *bad]
    found = ["closed", "No such file", "not a JPEG", "scale the image down", "embedded null"]
    assert [text in str(answer.error) for text, answer in zip(found, failed, strict=True)] == (
        [True] * 5
    )
    assert {(answer.predictions, answer.latency_ns) for answer in failed} == {((), None)}
    assert last.error is None
    assert last.predictions[0].label == "n1 red"


def test_frames_are_numbered_from_one_up_to_the_limit(classifier: Classifier) -> None:
    camera = StillCamera(COLOURS[2])
    answers = list(classify_each(classifier, frames(camera, 3), top=1))
    assert [answer.source for answer in answers] == [1, 2, 3]
    assert {answer.predictions[0].label for answer in answers} == {"n3 blue"}
    assert next(frames(camera)).pixels is camera.pixels


def test_a_frame_becomes_grey_where_the_artifact_is_grey() -> None:
    class Grey:
        contract = Contract(height=8, width=8, channels=1)
        facts = EngineFacts(
            engine="fake", version="1", kernels="fake", partitions=None, num_threads=1
        )
        gives_boxes = gives_points = gives_vectors = gives_map = has_several_outputs = False

        def classify(self, image: object, *, top: int) -> tuple[Prediction, ...]:
            assert isinstance(image, Image.Image)
            assert image.size == (24, 20)
            return ()

    frame = Frame(number=1, pixels=StillCamera((1, 2, 3)).pixels)
    (answer,) = classify_each(Grey(), [frame])  # type: ignore[arg-type]  # what is used of it
    assert answer.error is None
    assert answer.engine == Grey.facts


def test_a_top_below_one_is_no_images_fault(classifier: Classifier, image_folder: Path) -> None:
    with pytest.raises(ContractError, match="top is 0; needed is 1 or more"):
        list(classify_each(classifier, [str(image_folder / "n1" / "a.png")], top=0))
