"""`strop run --draw DIR`: pictures with what was found in them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.classify.stream import Answer, Frame, NamedAnswer
from strop.runtime.errors import ImageError, OutputError
from strop.runtime.records.user_files import write_whole_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

Item = TypeVar("Item")
JPEG_QUALITY = 90


def add_draw_flag(parser: argparse.ArgumentParser) -> None:
    """Add --draw."""
    parser.add_argument(
        "--draw",
        type=Path,
        metavar="DIR",
        help="write each image with what was found into this folder, as NAME.drawn.jpg: boxes,"
        " points, the colours of a map's classes, or classes and numbers in words; of a camera each"
        " frame, as frame-NUMBER.jpg; where a picture of that name is there already, as"
        " NAME-2.drawn.jpg",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The pictures that were written.

    Attributes:
        folder: Into which; None draws none.
        frame: The last frame of a camera; none of files.
        map: The last map of classes; none of other tasks.
    """

    folder: Path | None
    frame: list[Frame] = field(default_factory=list)
    map: list[MapAnswer] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise OutputError(f"{self.folder}: {err.strerror}; give another to --draw") from err

    def watch(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pass images on, and hold a camera's frame until its answer comes."""
        for item in items:
            if isinstance(item, Frame):
                self.frame[:] = [item]
            yield item

    def take_map(self, answer: MapAnswer) -> None:
        """Hold the map of an image until its answer comes."""
        self.map[:] = [answer]

    def keep(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        """Pass answers on, and draw them.

        Raises:
            ImageError: An answer has nothing to draw.
            OutputError: A picture cannot be written.
        """
        for answer in answers:
            if self.folder is not None and answer.error is None:
                self._write(self.folder, answer)
            yield answer

    def _write(self, folder: Path, answer: Answer) -> None:
        picture = _picture(answer, self.frame)
        for one in answer.outputs or (answer,):
            picture = _drawn(one, picture, self.map, where=str(answer.source))
        content = BytesIO()
        picture.save(content, "JPEG", quality=JPEG_QUALITY)
        write_whole_bytes(content.getvalue(), _free_path(folder, answer.source))


def _free_path(folder: Path, source: str | int) -> Path:
    """Name the picture of an image, or of a camera's frame; the second of a name has a number."""
    if isinstance(source, int):
        stem, suffix = f"frame-{source:06}", ".jpg"
    else:
        stem, suffix = Path(source).stem, ".drawn.jpg"
    found, number = folder / f"{stem}{suffix}", 1
    while found.exists():
        number += 1
        found = folder / f"{stem}-{number}{suffix}"
    return found


def _picture(answer: Answer, frame: Sequence[Frame]) -> Image:
    if isinstance(answer.source, str):
        from strop.runtime.images.load import upright_picture

        return upright_picture(answer.source)
    if not frame or frame[0].number != answer.source:
        raise ImageError(
            "--draw given for the camera of a board, whose frames stay there; leave it out"
        )
    import PIL.Image

    return PIL.Image.fromarray(frame[0].pixels)


def _drawn(
    answer: Answer | NamedAnswer, picture: Image, found: Sequence[MapAnswer], *, where: str
) -> Image:
    if answer.points:
        from strop.runtime.classify.answer_drawing import with_points

        return with_points(picture, answer.points, picture.size)
    if answer.shares and found:
        from strop.runtime.classify.map_drawing import laid_over

        return laid_over(picture, found[0])
    if answer.predictions:
        from strop.runtime.images.point_drawing import draw_words

        said = [each for each in answer.predictions if each.is_set is not False]
        return draw_words(picture, [f"{each.label} {each.score:.3g}" for each in said])
    if answer.boxes is not None:
        from strop.runtime.classify.answer_drawing import with_boxes

        return with_boxes(picture, answer.boxes, picture.size)
    raise ImageError(
        f"{where}: its answer has no place in the picture, so there is nothing to draw;"
        " leave out --draw"
    )
