"""States what an export makes of a source, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.export.options.choices import (
    Effort,
    Input,
    OnnxForm,
    OnnxInput,
    Precision,
    Result,
    ResultType,
)
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import CROP_FRACTION, ResizeRule, Task
from strop.runtime.artifact.detection import Detection
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.task_words import WORDS
from strop.runtime.detect.box_truth import BoxTruth
from strop.runtime.errors import SourceError

MIN_CALIBRATION_IMAGES = 20  # below this, extremes are an accident of the choice
# Each try looks at the validation images again, and some promise comes true by luck.
MAX_FLOAT_LAYERS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputOptions:
    """What one output of a source is, and what is true of it.

    Attributes:
        name: As the source calls it.
        decision: How its scores become an answer.
        labels: As of ExportOptions.
        truth: Class of each validation image; None without.
        targets: What is true of each validation image otherwise; None without.
    """

    name: str
    decision: Decision
    labels: tuple[str, ...] = ()
    truth: tuple[int, ...] | None = None
    targets: tuple[tuple[float, ...], ...] | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether it is known what is true of the validation images."""
        return self.truth is not None or self.targets is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """What to make of a source.

    Attributes:
        output: Folder of the bundle.
        calibration: Images of the representative dataset; needed for int8.
        validation: Images of the certificate; without any, the calibration images show
            the agreement with float, and the certificate says so.
        truth: Class of each validation image; None without labels.
        targets: What is true of each validation image otherwise, as `read_truth` gives it; of
            points x and y in the image's own pixels.
        masks: Of a SEGMENT task the mask of each validation image; None without.
        labels: One per class; of a BINARY task first the one below the threshold, then the one
            at or above it; empty if unknown.
        decision: How the model's own output becomes an answer; None for what its ending and
            its number of scores say.
        detection: Of a detector: how boxes are read out of its outputs.
        boxes: What is in the validation images of a detector; None where it is unknown.
        outputs: What each output is, of a source with several; then truth, targets, labels and
            decision are not asked.
        resize: How images become the input's size.
        crop_fraction: For `crop`, see Contract.
        precisions: What to write.
        formats: In which formats, as far as a precision has them.
        max_drop: Largest drop in points that the certificate must promise; None to only
            report it.
        max_flips: Largest share of answers that may be others than the float model's, which the
            certificate must promise; None likewise. Of models with classes.
        keep_failed: Write the bundle even if it cannot.
        force: Replace a bundle that is there.
        effort: How much time the int8 files are worth.
        min_images: Fewest calibration images.
        input: How an int8 .tflite takes the image.
        onnx_input: How an .onnx takes it; a float one takes floats in any case.
        onnx_form: In what operations an int8 .onnx says its integers.
        symmetric: Zero points are 0, as TensorRT needs them in the .onnx.
        result: What an int8 file gives.
        result_type: In what numbers an int8 .tflite gives it; None for the result's usual type.
        wide_in_groups: Merge groups of channels that are smaller than XNNPACK's kernels, in
            the .tflite; what computes without XNNPACK has more work by it.
        max_float_layers: How many of the costliest roundings may be left out to meet `max_drop` or
            `max_flips`, and how many files are certified for it.
        full_int8: Refuse a model of which an operation has no int8 form.
        consumer: The program that the files are for, by its name of `strop consumers`; empty
            where they are for any.
        stem: What the files are called in front of their suffix; empty for the model's name and
            the precision. It takes one precision.
    """

    output: Path
    calibration: tuple[Path, ...] = ()
    validation: tuple[Path, ...] = ()
    truth: tuple[int, ...] | None = None
    targets: tuple[tuple[float, ...], ...] | None = None
    masks: tuple[Path, ...] | None = None
    labels: tuple[str, ...] = ()
    decision: Decision | None = None
    detection: Detection | None = None
    boxes: BoxTruth | None = None
    outputs: tuple[OutputOptions, ...] = ()
    resize: ResizeRule = ResizeRule.CROP
    crop_fraction: float = CROP_FRACTION
    precisions: tuple[Precision, ...] = (Precision.INT8,)
    formats: tuple[Format, ...] = (Format.TFLITE, Format.ONNX)
    max_drop: float | None = None
    max_flips: float | None = None
    keep_failed: bool = False
    force: bool = False
    effort: Effort = Effort.DEFAULT
    min_images: int = MIN_CALIBRATION_IMAGES
    input: Input = Input.INT8
    onnx_input: OnnxInput = OnnxInput.BYTES
    onnx_form: OnnxForm = OnnxForm.QDQ
    symmetric: bool = False
    result: Result = Result.SCORES
    result_type: ResultType | None = None
    wide_in_groups: bool = True
    max_float_layers: int = MAX_FLOAT_LAYERS
    full_int8: bool = False
    consumer: str = ""
    stem: str = ""

    def __post_init__(self) -> None:
        # Paths may be given as text, as in a notebook.
        object.__setattr__(self, "output", Path(self.output))
        for name in ("calibration", "validation"):
            object.__setattr__(self, name, tuple(map(Path, getattr(self, name))))

    @property
    def each_output(self) -> tuple[OutputOptions | ExportOptions, ...]:
        """What each output is: of an only one these options themselves say it."""
        return self.outputs or (self,)

    @property
    def written_type(self) -> ResultType:
        """In what numbers an int8 .tflite gives its result."""
        return self.result_type or self.result.usual_type

    @property
    def is_labelled(self) -> bool:
        """Whether it is known what is true of the validation images."""
        return (
            self.truth is not None
            or self.targets is not None
            or self.masks is not None
            or self.boxes is not None
            or any(output.is_labelled for output in self.outputs)
        )


def check_flips(where: str, options: ExportOptions) -> None:
    """Raise SourceError where --max-flips is asked of what has no classes."""
    decision = options.decision
    if options.max_flips is None:
        return
    if decision is None or not decision.has_classes:
        found = "several outputs" if decision is None else f"the task {decision.task.value}"
        raise SourceError(
            f"{where}: has {found}, and --max-flips counts images whose class changes; leave it out"
        )


def check_labels(where: str, labels: Sequence[str], decision: Decision) -> None:
    """Raise SourceError unless there is one label per class, or per number."""
    if len(labels) == decision.names_needed or decision.task is Task.DETECT:
        return  # of boxes `check_outputs` counts the classes
    if decision.task is Task.EMBED:
        raise SourceError(
            f"{where}: gives a vector, whose numbers have no names, and there are"
            f" {len(labels)} labels; leave out --labels: subfolders of --validation-data are the"
            " classes"
        )
    if decision.task is Task.BINARY:
        raise SourceError(
            f"{where}: has one score, and there are {len(labels)} labels; needed are two:"
            " first the class below the threshold, then the one at or above it"
        )
    what = WORDS[decision.task].scores
    raise SourceError(
        f"{where}: has {decision.names_needed} {what}, and there are {len(labels)} labels; needed"
        " is one label for each, in the order of the scores: give --labels FILE"
    )
