"""An artifact as a classifier: an image in, labels and probabilities out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from strop.engine_watch import EngineAtWork
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Contract, Task
from strop.runtime.classify.artifact_fit import check_fit
from strop.runtime.classify.decision import ONLY, PICTURE_TASKS, Decision
from strop.runtime.classify.output_head import Head, heads_of, the_only
from strop.runtime.classify.predictions import Prediction, predictions
from strop.runtime.classify.prepare import Preparation, preparation
from strop.runtime.classify.scores import activate, dequantize
from strop.runtime.engines import Engine, EngineFacts, TensorInfo, open_engine
from strop.runtime.errors import ArtifactError, ContractError, ImageError, StropError
from strop.runtime.images.frames import seen_array
from strop.runtime.images.seen import Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from strop.runtime.classify.detect_answer import DetectAnswer
    from strop.runtime.classify.map_answer import MapAnswer
    from strop.runtime.classify.result import Result
    from strop.runtime.detect.read_boxes import Boxes, BoxReader
    from strop.runtime.engines.engine import Array

    ImageLike: TypeAlias = str | os.PathLike[str] | Image | NDArray[np.uint8]

DEFAULT_TOP = 5
BOXES = "boxes"  # what the answer of a detector's outputs together is called


class Classifier:
    """An opened artifact; a context manager.

    Attributes:
        contract: What goes in and what comes out.
        heads: The outputs, one or several.
        facts: What runs it.
        input: The input tensor.
        output: The first output tensor.
        remark: Why it runs otherwise than such files do; "" where it does not.
    """

    def __init__(self, engine: Engine, contract: Contract, *, where: str) -> None:
        """Join an engine and a contract.

        Args:
            engine: Opened; the classifier closes it.
            contract: Of the same artifact.
            where: The artifact, for errors.

        Raises:
            ArtifactError: No classifier: several inputs, more outputs than the contract has, or
                another dtype.
            ContractError: The contract does not fit the engine's tensors.
        """
        check_fit(engine, contract, where=where)
        self.contract = contract
        self._where = where
        self.heads: tuple[Head, ...] = heads_of(contract, engine.outputs, where=where)
        self.facts: EngineFacts = engine.facts
        self.input: TensorInfo = engine.input
        self.output: TensorInfo = engine.output
        self.remark: str = engine.remark
        self._engine = engine
        self._at_work = EngineAtWork(where, f"{engine.facts.engine} {engine.facts.version}")
        self._preparation: Preparation = preparation(contract, engine.input)
        self._box_readers: dict[float | None, BoxReader] = {}  # by their threshold

    def __repr__(self) -> str:
        facts = self.facts
        return f"<Classifier {self._where}: {facts.engine} {facts.version}, {facts.kernels}>"

    def classify(self, image: ImageLike, *, top: int = DEFAULT_TOP) -> tuple[Prediction, ...]:
        """The answer of the only output: the `top` likeliest classes, best first.

        Of equal scores the lower index comes first. See `answer` for several outputs.

        Of a BINARY task it is one class. Of a MULTILABEL task the labels at or above their
        thresholds come first, then the likeliest others. Of a REGRESS task it is all numbers,
        in their order.

        Args:
            image: A path, a Pillow image, or uint8 [H, W, channels] of any size.
            top: How many, at least 1; at most as many as there are classes come back.

        Raises:
            ImageError: The image cannot be used.
            ContractError: `top` is below 1, or the artifact gives a vector, or has several outputs.
            ArtifactError: The engine fails, or a score is not finite.
        """
        if top < 1:
            raise ContractError(f"top is {top}; needed is 1 or more")
        if self.gives_vectors:
            raise ContractError(
                f"{self._where}: the answer to an image is a vector and no class; ask for it with"
                " Classifier.vector"
            )
        head = self.only_head()
        if head.contract.task in PICTURE_TASKS:
            raise ContractError(
                f"{self._where}: the answer to an image is of the task {head.contract.task.value}"
                " and no class; ask for it with Classifier.answer"
            )
        return predictions(self.scores(image), head.decision, head.contract, top=top)

    def answer(self, image: ImageLike, *, top: int = DEFAULT_TOP) -> Result:
        """The answer of every output, by its name.

        Args:
            image: As for `classify`.
            top: Most classes or labels of one output, at least 1.

        Raises:
            ImageError: The image cannot be used, or a vector is all zeros.
            ContractError: `top` is below 1.
            ArtifactError: The engine fails, or a score is not finite.
        """
        # Not for `classify` to wait for.
        from strop.runtime.classify.result import only_result, result_of

        if top < 1:
            raise ContractError(f"top is {top}; needed is 1 or more")
        if self.gives_boxes:
            return only_result(BOXES, self.boxes(image))
        if self.gives_map:
            return only_result(ONLY, self.class_map(image))
        seen = self._seen(image)
        raw = self._raw(seen)
        with self._names(image):
            return result_of(self.heads, raw, seen, top=top, where=_named(image))

    @property
    def decision(self) -> Decision | None:
        """How scores become an answer; None where it is open, see `decision_of`.

        Raises:
            ContractError: There are several outputs.
        """
        return self.only_head().decision

    @property
    def has_several_outputs(self) -> bool:
        """Whether an image has more than one answer."""
        return len(self.heads) > 1

    def only_head(self) -> Head:
        """The only output.

        Raises:
            ContractError: There are several.
        """
        return the_only(self.heads, where=self._where)

    @property
    def gives_map(self) -> bool:
        """Whether the answer to an image is a map of classes (a SEGMENT task)."""
        return not self.has_several_outputs and self.heads[0].contract.task is Task.SEGMENT

    def class_map(self, image: ImageLike) -> MapAnswer:
        """The class of each pixel, of a SEGMENT task.

        Args:
            image: A path, a Pillow image, or uint8 [H, W, channels] of any size.

        Raises:
            ImageError: The image cannot be used.
            ContractError: The answer is no map, or what its scores decide is unknown.
            ArtifactError: The engine fails, or returns no map.
        """
        from strop.runtime.classify.map_answer import map_answer  # not for `classify` to wait for

        if not self.gives_map:
            raise ContractError(
                f"{self._where}: answers with no map of classes; give --task segment if it does"
            )
        head, seen = self.heads[0], self._seen(image)
        try:
            return map_answer(
                self._raw(seen, as_views=True)[0], head.info, head.contract, seen, where=self._where
            )
        except StropError as err:  # its frames hold the view, beside which no engine runs
            raise err.with_traceback(None) from err.__cause__

    @property
    def gives_vectors(self) -> bool:
        """Whether the answer to an image is a vector (an EMBED task), and nothing else."""
        decision = None if self.has_several_outputs else self.heads[0].decision
        return decision is not None and decision.task is Task.EMBED

    @property
    def gives_boxes(self) -> bool:
        """Whether the answer to an image is boxes (a DETECT task), and nothing else."""
        return self.contract.detection is not None

    def boxes(self, image: ImageLike) -> DetectAnswer:
        """Find boxes in an image, of a DETECT task; there may be none.

        Args:
            image: A path, a Pillow image, or uint8 [H, W, channels] of any size.

        Raises:
            ImageError: The image cannot be used.
            ContractError: The artifact gives no boxes.
            ArtifactError: The engine fails.
        """
        from strop.runtime.classify.detect_answer import answer_of_boxes

        return answer_of_boxes(self.raw_boxes(image), self.box_labels)

    @property
    def box_labels(self) -> tuple[str, ...]:
        """Of the classes of boxes, without the background; a ContractError where none are found."""
        if self.contract.detection is None:
            raise ContractError(f"{self._where}: gives no boxes; its contract has no detection")
        return self.heads[self.contract.detection.scores].contract.labels

    def raw_boxes(self, image: ImageLike, *, score_threshold: float | None = None) -> Boxes:
        """Find boxes as numbers, in the image's own pixels; as `boxes`.

        Args:
            image: A path, a Pillow image, or pixels.
            score_threshold: In place of the contract's.
        """
        from strop.runtime.classify.detect_answer import box_reader, boxes_in_picture

        reader = self._box_readers.get(score_threshold)
        if reader is None:
            infos = self._engine.outputs
            reader = box_reader(self.contract, infos, score_threshold=score_threshold)
            self._box_readers[score_threshold] = reader
        seen = self._seen(image)
        return boxes_in_picture(self._raw(seen), reader, seen)

    @property
    def gives_points(self) -> bool:
        """Whether the answer to an image is points (a LANDMARKS task), and nothing else."""
        return not self.has_several_outputs and self.contract.task is Task.LANDMARKS

    def vector(self, image: ImageLike) -> NDArray[np.float64]:
        """An image's numbers, float64, behind the contract's activation; of an EMBED task a vector.

        Images are alike where the angle between their vectors is small. Behind L2 a vector has the
        length 1, so that the cosine of two is the sum of their products.

        Args:
            image: A path, a Pillow image, or uint8 [H, W, channels] of any size.

        Raises:
            ImageError: The image cannot be used, or its vector is all zeros.
            ContractError: There are several outputs.
            ArtifactError: The engine fails, or a number is not finite.
        """
        head = self.only_head()
        scores = self.scores(image)
        if self.gives_vectors and not scores.any():
            raise ImageError(
                f"{_named(image)}its vector is all zeros, so that it is like no other image; is it"
                " blank?"
            )
        return activate(scores, head.contract.activation)

    def scores(self, image: ImageLike) -> NDArray[np.float32]:
        """The artifact's scores, dequantized, before the contract's activation.

        Those of several outputs stand one behind the other; `heads` says where.

        Args:
            image: A path, a Pillow image, or uint8 [H, W, channels] of any size.

        Returns:
            float32 [scores].

        Raises:
            ImageError: The image cannot be used.
            ArtifactError: The engine fails, or a score is not finite.
        """
        return self._scores(self._seen(image), image)

    def _seen(self, image: ImageLike) -> Seen:
        """Bring an image to the input's size."""
        if isinstance(image, np.ndarray):
            return seen_array(image, self.contract)
        # Pillow is not needed to import strop.runtime, nor for frames that fit.
        from strop.runtime.images.load import load_seen

        return load_seen(image, self.contract)

    def _raw(self, seen: Seen, *, as_views: bool = False) -> list[Array]:
        """Run the artifact; return its outputs as they are."""
        self._preparation.fill(seen.pixels, self._engine.input_view())
        read = self._engine.output_view if as_views else self._engine.read
        with self._at_work:
            self._engine.invoke()
            return [read(place) for place in range(len(self.heads))]

    def _scores(self, seen: Seen, image: ImageLike) -> NDArray[np.float32]:
        raw = self._raw(seen)
        with self._names(image):
            pairs = zip(raw, self.heads, strict=True)
            rows = [dequantize(each, head.info).reshape(-1) for each, head in pairs]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    @contextmanager
    def _names(self, image: ImageLike) -> Iterator[None]:
        """Put the artifact and the image in front of what its scores are refused for."""
        try:
            yield
        except ArtifactError as err:
            raise ArtifactError(f"{self._where}: {_named(image)}{err}") from err

    def known_decision(self) -> Decision:
        """How scores become an answer.

        Raises:
            ContractError: The contract leaves it open, or there are several outputs.
        """
        return self.only_head().known_decision(self._where)

    def known_decisions(self) -> tuple[Decision, ...]:
        """How the scores of each output become an answer.

        Raises:
            ContractError: The contract leaves one open.
        """
        return tuple(head.known_decision(self._where) for head in self.heads)

    def close(self) -> None:
        """Free the engine; the object is of no use afterwards."""
        self._engine.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _named(image: ImageLike) -> str:
    """Name an image in front of an error, where it has a name."""
    return f"{os.fspath(image)}: " if isinstance(image, (str, os.PathLike)) else ""


def open(  # noqa: A001  # strop.runtime.open is what it is called by
    path: str | os.PathLike[str],
    *,
    engine: str | None = None,
    num_threads: int = 1,
    contract: Contract | None = None,
) -> Classifier:
    """Open an artifact as a classifier; close it, or use it in a `with` statement.

    A file of a stranger can crash its engine, and with it this process, or keep it for ever;
    the command line has a process of its own for it, this call has not.

    Args:
        path: A .tflite or .onnx.
        engine: "litert", "tflite-runtime" or "onnxruntime"; None takes the first
            installed one for the format.
        num_threads: Within one inference.
        contract: For artifacts that carry none, nor TFLite metadata with what is needed; see
            `foreign_facts`. Where the artifact carries one, this one is used in its place, as
            a whole, and the content is not verified.

    Raises:
        ArtifactError: The file is missing, damaged, or no classifier.
        ContractError: It carries no contract and none is given, or the contract does not
            fit the artifact.
        EngineError: No engine that can run it is installed.
    """
    where = os.fspath(path)
    contract = contract or read_contract(path)
    # First, because a file that was cut short has lost its contract too.
    opened = open_engine(path, engine=engine, num_threads=num_threads)
    try:
        if contract is None:
            # Only here: what strop wrote shall not wait for it.
            from strop.runtime.classify.foreign import contract_of_foreign

            contract = contract_of_foreign(opened, where=where)
        return Classifier(opened, contract, where=where)
    except StropError:
        opened.close()
        raise
