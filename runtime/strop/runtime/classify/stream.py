"""Classifies images as they come, one at a time, however many there are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strop.runtime.classify.classifier import DEFAULT_TOP, Classifier
from strop.runtime.classify.detect_answer import DetectAnswer, FoundBox
from strop.runtime.classify.landmarks import Landmark, LandmarksAnswer
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.classify.predictions import Prediction
from strop.runtime.classify.result import NumbersAnswer, OutputAnswer, VectorAnswer
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import ImageError
from strop.runtime.images.camera import Camera
from strop.runtime.images.find import Unusable

if TYPE_CHECKING:
    from PIL.Image import Image

OnMap: TypeAlias = Callable[[MapAnswer], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A camera's image.

    Attributes:
        number: Counted from 1.
        pixels: uint8 [H, W, 3], RGB; the next frame overwrites them.
    """

    number: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedAnswer:
    """The answer of one of several outputs.

    Attributes:
        name: Of the output.
        predictions: As of an Answer.
        vector: As of an Answer.
        boxes: As of an Answer.
        shares: As of an Answer.
        points: As of an Answer.
    """

    name: str
    predictions: tuple[Prediction, ...] = ()
    vector: tuple[float, ...] = ()
    boxes: tuple[FoundBox, ...] | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    points: tuple[Landmark, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The outcome of one item of a stream.

    Attributes:
        source: The path, or the number of the frame.
        predictions: Best first; empty where there is an error, and where there is a vector.
        vector: The answer of an EMBED task; empty of others.
        latency_ns: From the file or frame to the labels; None where there is an error.
        error: What is wrong with the image, and what to do; None where nothing is.
        engine: What computed; None where there is an error.
        outputs: The answers of several outputs, in the artifact's order; empty of an only one.
        boxes: The answer of a DETECT task, which may be none; None of others.
        shares: Of a SEGMENT task, the share of each class of the pixels, by name, the largest
            first; empty of others.
        points: The answer of a LANDMARKS task; empty of others.
    """

    source: str | int
    predictions: tuple[Prediction, ...] = ()
    latency_ns: int | None = None
    error: str | None = None
    engine: EngineFacts | None = None
    vector: tuple[float, ...] = ()
    outputs: tuple[NamedAnswer, ...] = ()
    boxes: tuple[FoundBox, ...] | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    points: tuple[Landmark, ...] = ()


def frames(camera: Camera, limit: int | None = None) -> Iterator[Frame]:
    """Yield the camera's frames, `limit` of them, or without end.

    Raises:
        CameraError: It gives no more frames.
    """
    for number in count(1):
        if limit is not None and number > limit:
            return
        yield Frame(number=number, pixels=camera.read())


def classify_each(
    classifier: Classifier,
    items: Iterable[str | Unusable | Frame],
    *,
    top: int = DEFAULT_TOP,
    on_map: OnMap | None = None,
) -> Iterator[Answer]:
    """Yield an answer for every item, as soon as it is known; nothing is kept.

    Args:
        classifier: Opened.
        items: Paths, frames, and what is unusable.
        top: Classes per image, at most.
        on_map: As of `answer_to`.

    Yields:
        In the order of the items. An image that cannot be used has an answer that says
        why, and the stream goes on.

    Raises:
        ContractError: `top` is below 1.
        ArtifactError: The engine fails, or a score is not finite.
    """
    for item in items:
        if isinstance(item, Unusable):
            yield Answer(source=item.path, error=item.reason)
            continue
        try:
            yield answer_to(item, classifier, top=top, on_map=on_map)
        except ImageError as err:
            yield Answer(source=_source(item), error=str(err))


def answer_to(
    item: str | Frame,
    classifier: Classifier,
    *,
    top: int = DEFAULT_TOP,
    on_map: OnMap | None = None,
) -> Answer:
    """Answer one image, by classes, by a vector, or by what each output gives.

    Args:
        item: A path or a frame.
        classifier: Opened.
        top: Classes, at most.
        on_map: Takes the map of a SEGMENT task, of which the answer has the shares.

    Raises:
        ImageError: It cannot be used.
        ContractError, ArtifactError: As `classify_each`.
    """
    started_ns = time.perf_counter_ns()
    image = _image(item, classifier)
    predictions: tuple[Prediction, ...] = ()
    vector: tuple[float, ...] = ()
    outputs: tuple[NamedAnswer, ...] = ()
    boxes: tuple[FoundBox, ...] | None = None
    shares: Mapping[str, float] = {}
    points: tuple[Landmark, ...] = ()
    if classifier.gives_boxes:
        boxes = classifier.boxes(image).boxes
    elif classifier.has_several_outputs or classifier.gives_points:
        found = classifier.answer(image, top=top).outputs
        outputs = tuple(_named(name, each, on_map) for name, each in found.items())
        if classifier.gives_points:
            points, outputs = outputs[0].points, ()
    elif classifier.gives_map:
        found_map = classifier.class_map(image)
        shares = found_map.shares()
        if on_map is not None:
            on_map(found_map)
    elif classifier.gives_vectors:
        vector = tuple(classifier.vector(image).tolist())
    else:
        predictions = classifier.classify(image, top=top)
    return Answer(
        source=_source(item),
        predictions=predictions,
        latency_ns=time.perf_counter_ns() - started_ns,
        engine=classifier.facts,
        vector=vector,
        outputs=outputs,
        boxes=boxes,
        shares=shares,
        points=points,
    )


def _named(name: str, answer: OutputAnswer, on_map: OnMap | None) -> NamedAnswer:
    if isinstance(answer, DetectAnswer):
        return NamedAnswer(name=name, boxes=answer.boxes)
    if isinstance(answer, LandmarksAnswer):
        return NamedAnswer(name=name, points=answer.points)
    if isinstance(answer, VectorAnswer):
        return NamedAnswer(name=name, vector=tuple(answer.vector.tolist()))
    if isinstance(answer, NumbersAnswer):
        values = enumerate(answer.values.items())
        numbers = (Prediction(label=label, index=at, score=each) for at, (label, each) in values)
        return NamedAnswer(name=name, predictions=tuple(numbers))
    if isinstance(answer, MapAnswer):
        if on_map is not None:
            on_map(answer)
        return NamedAnswer(name=name, shares=answer.shares())
    return NamedAnswer(name=name, predictions=answer.ranked)


def _source(item: str | Frame) -> str | int:
    return item.number if isinstance(item, Frame) else item


def _image(item: str | Frame, classifier: Classifier) -> str | NDArray[np.uint8] | Image:
    if isinstance(item, str):
        return item
    if classifier.contract.channels == 3:
        return item.pixels
    from PIL import Image

    return Image.fromarray(item.pixels)  # becomes grey as a file's colours do
