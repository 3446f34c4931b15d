"""The certificate of an export: every file beside the float model, as values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from strop.runtime.artifact.contract import Task
from strop.runtime.classify.embedding import EmbeddingError
from strop.runtime.classify.point_error import PointErrors
from strop.runtime.classify.regression_error import OutputError
from strop.runtime.classify.task_words import WORDS
from strop.runtime.statistics.intervals import Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class MapFigures:
    """How alike a file's maps and the float model's are.

    Attributes:
        mean_iou: Mean over the classes of pixels of the class in both, over pixels of it in
            either, each summed over all images.
        mean_iou_interval: 95 % interval of it over the images (bootstrap).
        ious: Of each class that is there, by its name.
        true_ious: The same of the file's maps and the masks; empty without masks.
    """

    mean_iou: float
    mean_iou_interval: Interval
    ious: Mapping[str, float]
    true_ious: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreFigures:
    """How near a file's scores and probabilities are to the float model's, over the images.

    Attributes:
        signal_to_noise_db: Variance of float's scores over the mean squared difference, both less
            their mean over the classes, in dB.
        divergence: Of the probabilities from float's, in nats per image (Kullback-Leibler).
        calibration_error: Mean distance between confidence and share of right answers, 0..1
            (expected calibration error); None where what is right is unknown.
        float_calibration_error: The float model's.
    """

    signal_to_noise_db: float
    divergence: float
    calibration_error: float | None
    float_calibration_error: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One artifact against the float model, over the same images.

    Attributes:
        artifact: File name.
        engine: Engine and version that ran it, or the other program that it was read through.
        kernels: What computed: "xnnpack", "builtin" or "mlas". It holds for these; empty of
            another program.
        top1: Share of images with the right answer: class, or whole set of labels; None
            where it is unknown, and of a REGRESS task. Of an EMBED task recall@1, of a DETECT task
            the mean average precision against the true boxes (IoU 0.50 to 0.95).
        top5: Share of images with the right class among five; None without labels, and of
            other tasks than CLASSIFY.
        drop: Float top-1 minus the artifact's, a share; without labels the share of
            images with another answer than float's, which bounds it. Of a REGRESS task that of
            the number that is worst off, see `OutputError`; of a LANDMARKS task see
            `PointErrors`.
        drop_interval: 95 % interval of `drop` (paired, Tango 1998; Wilson without labels).
        agreement: Share of images with the same answer as the float model, of an EMBED task with
            the same nearest other image, of a DETECT task the mean average precision against the
            float model's boxes; None of a REGRESS task.
        agreement_interval: 95 % interval of `agreement` (Wilson).
        label_agreement: Of a MULTILABEL task, for each label the share of images on which it
            is set alike; empty of others.
        label_agreement_interval: 95 % interval of their mean; None without them.
        mean_average_precision: Of a MULTILABEL task; None where what is right is unknown. Of a
            DETECT task at IoU 0.5, against the true boxes, or else against the float model's.
        errors: Of a REGRESS task one for each number; empty of others.
        embedding: Of an EMBED task; None of others.
        points: Of a LANDMARKS task; None of others.
        not_certified: Why all of this proves nothing; empty where it does.
        maps: Of a SEGMENT task, whose top1 is the mean IoU with the masks, whose agreement is the
            share of pixels of the same class as the float model's, and whose drop, without masks,
            is what its mean IoU with the float model lacks to 1, which bounds it; intervals are
            over the images (bootstrap). None of others.
        scores: Of a CLASSIFY task that strop's own runtime ran; None of others, where the file
            gives probabilities in int8, and in manifests of versions before 11.
    """

    artifact: str
    engine: str
    kernels: str
    top1: float | None
    top5: float | None
    drop: float
    drop_interval: Interval
    agreement: float | None
    agreement_interval: Interval | None
    label_agreement: tuple[float, ...] = ()
    label_agreement_interval: Interval | None = None
    mean_average_precision: float | None = None
    errors: tuple[OutputError, ...] = ()
    embedding: EmbeddingError | None = None
    points: PointErrors | None = None
    not_certified: str = ""
    maps: MapFigures | None = None
    scores: ScoreFigures | None = None


def named(found: Verdict) -> str:
    """Name what a verdict is about: the file, and the program that read it if it was another."""
    return found.artifact if found.kernels else f"{found.artifact} through {found.engine}"


@dataclass(frozen=True, kw_only=True, slots=True)
class OneAnswer:
    """The worth of a file that gives every image the same answer.

    Attributes:
        answer: Float's most common one, in words; of a REGRESS task float's mean.
        agreement: With the float model, a share of images; None of a REGRESS task.
        agreement_interval: 95 % interval of it.
        drop: As `Verdict.drop` would be.
        is_beatable: Whether a file that does all that float does would be clearly better.
        mean_iou: Of a SEGMENT task, with the float model; 0 of others.
    """

    answer: str
    agreement: float | None
    agreement_interval: Interval | None
    drop: float
    is_beatable: bool
    mean_iou: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """The answers of an export's files beside the float model's, in figures.

    Attributes:
        images: How many, > 0.
        data: "validation", or "calibration" where there were no others: what the ranges
            were chosen on flatters.
        overlap: How many of them are calibration images as well, by content; they flatter.
        task: What the scores are.
        thresholds: Of a BINARY or MULTILABEL task, in the unit of the model's own output.
        names: Of a BINARY task's two classes, or a MULTILABEL task's labels; empty of others.
        float_top1: The float model's share right; None without labels.
        float_top5: The same among five.
        float_mean_average_precision: As a `Verdict` has it.
        one_answer: A file must be clearly better than this one.
        verdicts: One per artifact.
        through: Of the artifacts as other programs read them; empty where none was asked.
        output: Which output of the model it is of; empty of an only one.
        beside: Those of the model's other outputs, over the same images.
    """

    images: int
    data: str
    overlap: int
    task: Task
    thresholds: tuple[float, ...]
    names: tuple[str, ...]
    float_top1: float | None
    float_top5: float | None
    float_mean_average_precision: float | None
    one_answer: OneAnswer
    verdicts: tuple[Verdict, ...]
    through: tuple[Verdict, ...] = ()
    output: str = ""
    beside: tuple[Certificate, ...] = ()

    @property
    def each_output(self) -> tuple[Certificate, ...]:
        """Return it and those of the other outputs, in the model's order."""
        return (self, *self.beside)

    @property
    def units(self) -> str:
        """Name what drops are counted in; of several outputs each has its own."""
        return drop_units(each.task for each in self.each_output)

    @property
    def all_verdicts(self) -> tuple[Verdict, ...]:
        """Return those by strop's own runtime, then those through other programs."""
        return (*self.verdicts, *self.through)

    def of(self, files: Collection[str]) -> Certificate:
        """Return what it says of these files."""
        return replace(
            self,
            verdicts=tuple(one for one in self.verdicts if one.artifact in files),
            through=tuple(one for one in self.through if one.artifact in files),
            beside=tuple(one.of(files) for one in self.beside),
        )

    def renewed(self, other: Certificate) -> Certificate:
        """Return it with the verdicts of another one, where that has some of the same files."""
        found = {(one.artifact, one.engine): one for one in other.all_verdicts}
        return replace(
            self,
            verdicts=tuple(found.get((one.artifact, one.engine), one) for one in self.verdicts),
            through=tuple(found.get((one.artifact, one.engine), one) for one in self.through),
            beside=tuple(map(Certificate.renewed, self.beside, other.beside)),
        )

    def worst(self, file: str) -> Verdict:
        """Return the verdict on a file that promises least, of all outputs."""
        every = (one for output in self.each_output for one in output.all_verdicts)
        of_file = (one for one in every if one.artifact == file)
        return max(of_file, key=lambda one: one.drop_interval.high)


def drop_units(tasks: Iterable[Task]) -> str:
    """Name what drops of these tasks are counted in: "points or % of float's spread"."""
    return " or ".join(dict.fromkeys(WORDS[task].unit for task in tasks))
