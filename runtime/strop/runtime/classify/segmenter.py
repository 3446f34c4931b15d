"""An artifact as a segmenter: an image in, the class of each of its pixels out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from strop.engine_watch import EngineAtWork
from strop.runtime.artifact.contract import Contract, Layout
from strop.runtime.classify.class_map import UNSEEN, WHOLE_NUMBERS, class_map
from strop.runtime.classify.prepare import Preparation, preparation
from strop.runtime.engines import Engine, EngineFacts
from strop.runtime.errors import ArtifactError, ContractError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Segmentation:
    """What a segmenter says of an image.

    Attributes:
        picture: The image's own pixels, RGB, upright.
        classes: uint8 [H, W], a class for each of them; UNSEEN where the model did not look,
            outside of the crop.
    """

    picture: Image
    classes: NDArray[np.uint8]

    def shares(self) -> dict[int, float]:
        """Return the share of each class that is there, of what the model saw."""
        counts = np.bincount(self.classes.reshape(-1), minlength=UNSEEN + 1)[:UNSEEN]
        seen = max(1, int(counts.sum()))
        return {int(found): int(counts[found]) / seen for found in np.flatnonzero(counts)}

    def unseen(self) -> float:
        """Return the share of the picture that the model did not see."""
        return float((self.classes == UNSEEN).mean())


class Segmenter:
    """An opened artifact; a context manager.

    Attributes:
        contract: What goes in and what comes out.
        facts: What runs it.
    """

    def __init__(self, engine: Engine, contract: Contract, *, where: str) -> None:
        """Join an engine and a contract.

        Args:
            engine: Opened; the segmenter closes it.
            contract: Of the same artifact.
            where: The artifact, for errors.

        Raises:
            ArtifactError: Several inputs or outputs.
            ContractError: The contract does not fit the engine's input.
        """
        for what, infos in (("input", engine.inputs), ("output", engine.outputs)):
            if len(infos) != 1:
                raise ArtifactError(
                    f"{where}: {len(infos)} {what}s; a segmenter has one. Export the model with a"
                    f" single {what}; bench and inspect take it as it is"
                )
        if engine.input.shape != contract.input_shape:
            raise ContractError(
                f"{where}: its input is {list(engine.input.shape)}, its contract says"
                f" {list(contract.input_shape)}; give the contract of this artifact"
            )
        self.contract = contract
        self.facts: EngineFacts = engine.facts
        self._where = where
        self._engine = engine
        self._at_work = EngineAtWork(where, f"{engine.facts.engine} {engine.facts.version}")
        self._preparation: Preparation = preparation(contract, engine.input)

    def segment(self, image: str | os.PathLike[str]) -> Segmentation:
        """Find the class of each pixel of an image file, in its own size.

        The model's map is enlarged to what it saw of the picture, each pixel taking the nearest
        class.

        Raises:
            ImageError: The image cannot be used.
            ArtifactError: The engine fails, or returns no map.
            ContractError: The map has one score, whose threshold is unknown.
        """
        # strop.runtime is imported without Pillow.
        import PIL.Image

        from strop.runtime.images.load import load_image, upright_picture
        from strop.runtime.images.seen import seen_box

        picture = upright_picture(image)
        self._preparation.fill(load_image(image, self.contract), self._engine.input_view())
        with self._at_work:
            self._engine.invoke()
            raw = self._engine.read()
        found = class_map(raw, self._engine.output, self.contract, where=self._where)
        self._check_labels(int(found.max()))
        left, top, right, bottom = map(round, seen_box(picture.size, self.contract))
        size = (max(1, right - left), max(1, bottom - top))
        classes = np.full((picture.height, picture.width), UNSEEN, np.uint8)
        large = np.asarray(PIL.Image.fromarray(found).resize(size, PIL.Image.Resampling.NEAREST))
        window = classes[top : top + size[1], left : left + size[0]]
        window[...] = large[: window.shape[0], : window.shape[1]]
        return Segmentation(picture=picture, classes=classes)

    @property
    def classes(self) -> int | None:
        """How many classes there are; None where neither the output nor labels say it."""
        shape = self._engine.output.shape
        named = len(self.labels) or None
        if named is not None or len(shape) != 4 or self._engine.output.dtype in WHOLE_NUMBERS:
            return named
        found = shape[1] if self.contract.layout is Layout.NCHW else shape[3]
        return max(found, 2) if found > 0 else None

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; an only one is that of class 1, as of one score per pixel."""
        found = self.contract.labels
        return (f"not {found[0]}", *found) if len(found) == 1 else found

    def _check_labels(self, highest: int) -> None:
        labels = self.labels
        if labels and highest >= len(labels):
            raise ContractError(
                f"{self._where}: a pixel is of class {highest}, and there are {len(labels)} labels;"
                " give one per class, the background's too"
            )

    def close(self) -> None:
        """Free the engine; the object is of no use afterwards."""
        self._engine.close()

    def __enter__(self) -> Segmenter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
