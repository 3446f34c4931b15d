"""`strop run --draw DIR`: pictures with what was found in them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from strop.runtime.classify.stream import Answer
from strop.runtime.errors import ImageError, OutputError
from strop.runtime.records.user_files import write_whole_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG_QUALITY = 90


def add_draw_flag(parser: argparse.ArgumentParser) -> None:
    """Add --draw."""
    parser.add_argument(
        "--draw",
        type=Path,
        metavar="DIR",
        help="of a detector: write each image with the boxes that were found into this folder, as"
        " NAME.drawn.jpg",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The pictures that were written.

    Attributes:
        folder: Into which; None draws none.
        names: That are taken.
    """

    folder: Path | None
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise OutputError(f"{self.folder}: {err.strerror}; give another to --draw") from err

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
        if not isinstance(answer.source, str):
            raise ImageError("--draw takes image files; a camera's frames are not kept")
        from strop.runtime.images.load import upright_picture

        picture = _drawn(answer, upright_picture(answer.source))
        content = BytesIO()
        picture.save(content, "JPEG", quality=JPEG_QUALITY)
        write_whole_bytes(content.getvalue(), folder / self._name(Path(answer.source).stem))

    def _name(self, stem: str) -> str:
        """Return a name for a picture; the second of a name has a number."""
        found, number = f"{stem}.drawn.jpg", 1
        while found in self.names:
            number += 1
            found = f"{stem}-{number}.drawn.jpg"
        self.names.add(found)
        return found


def _drawn(answer: Answer, picture: Image) -> Image:
    if answer.boxes is not None:
        from strop.runtime.images.box_drawing import DrawnBox, draw_boxes

        boxes = [
            DrawnBox(
                corners=(each.x, each.y, each.x + each.width, each.y + each.height),
                text=f"{each.label} {each.score:.2f}",
                index=each.index,
            )
            for each in answer.boxes
        ]
        return draw_boxes(picture, boxes)
    raise ImageError(
        f"{answer.source}: its answer has no place in the picture, so there is nothing to draw;"
        " leave out --draw"
    )
