"""Writes a certificate as a table, a sentence and notes, for the terminal and for pages."""

from __future__ import annotations

from collections.abc import Sequence

from strop.export.bundle.manifest import ConsumerFacts, Manifest
from strop.export.bundle.score_notes import score_notes
from strop.export.bundle.tables import Table
from strop.export.certify.certificate import Certificate, Verdict, named
from strop.runtime.artifact.contract import Task
from strop.runtime.check.judge.certified import MANIFEST
from strop.runtime.classify.embedding import EmbeddingError
from strop.runtime.classify.point_error import PointDistance, PointErrors
from strop.runtime.classify.regression_error import OutputError
from strop.runtime.classify.task_words import WORDS
from strop.runtime.statistics.intervals import Interval
from strop.runtime.units import BYTES_PER_MIB, PERCENT

DROP, AGREEMENT, KERNELS = "drop, points [95 %]", "agreement [95 %]", "kernels"
COLUMNS = {
    Task.CLASSIFY: ("MiB", "top-1", "top-5", DROP, AGREEMENT, KERNELS),
    Task.BINARY: ("MiB", "right", DROP, AGREEMENT, KERNELS),
    Task.MULTILABEL: (
        "MiB",
        "whole set right",
        "mAP",
        DROP,
        "same set [95 %]",
        "same labels [95 %]",
        KERNELS,
    ),
    Task.REGRESS: (
        "MiB",
        "output",
        "mean error [95 %]",
        "largest",
        "% of spread [95 %]",
        "largest, %",
        "off the truth: float, file",
        KERNELS,
    ),
    Task.SEGMENT: (
        "MiB",
        "mIoU with float [95 %]",
        "least IoU with float",
        "same pixels [95 %]",
        "mIoU",
        DROP,
        KERNELS,
    ),
    Task.DETECT: ("MiB", "mAP", "mAP 50", DROP, "mAP with float's boxes [95 %]", KERNELS),
    Task.LANDMARKS: (
        "MiB",
        "off float, % [95 %]",
        "95th percentile [95 %]",
        "within 5 % [95 %]",
        "off the truth, %",
        "within 5 % of it",
        "more error, % [95 %]",
        KERNELS,
    ),
    Task.EMBED: (
        "MiB",
        "cosine: median",
        "1st percentile",
        "worst",
        "same nearest [95 %]",
        "recall@1",
        DROP,
        "verified",
        KERNELS,
    ),
}
CERTIFIED = "certified"
MAX_NAMES = 5  # of layers


def certificate_tables(manifest: Manifest, first: str) -> tuple[Table, ...]:
    """List the float model, then each file (of a regression, each number of it), for each output.

    Args:
        manifest: With the certificate.
        first: What the first column is called; of several outputs their names follow.
    """
    return tuple(
        _table(manifest, one, f"{one.output}: {first}" if one.output else first)
        for one in manifest.certificate.each_output
    )


def _table(manifest: Manifest, certificate: Certificate, first: str) -> Table:
    task, is_doubted = certificate.task, _is_doubted(certificate)
    columns = (first, *COLUMNS[task], *([CERTIFIED] if is_doubted else []))
    own = ("float model", *_float_cells(certificate, task))
    engine = manifest.source.engine
    last = (engine, "") if is_doubted else (engine,)
    rows = [(*own, *[""] * (len(columns) - len(own) - len(last)), *last)]
    sizes_bytes = {artifact.file: artifact.size_bytes for artifact in manifest.artifacts}
    for found in certificate.all_verdicts:
        size = f"{sizes_bytes[found.artifact] / BYTES_PER_MIB:.2f}"
        ending = [found.kernels]
        if is_doubted:
            ending.append("no" if found.not_certified else "yes")
        rows += [(named(found), *cells, *ending) for cells in _cells(found, task, size)]
    return Table(columns, rows)


def _is_doubted(certificate: Certificate) -> bool:
    return any(found.not_certified for found in certificate.all_verdicts)


def _float_cells(certificate: Certificate, task: Task) -> tuple[str, ...]:
    top1 = percent(certificate.float_top1)
    if task is Task.CLASSIFY:
        return ("", top1, percent(certificate.float_top5))
    if task is Task.BINARY:
        return ("", top1)
    if task is Task.MULTILABEL:
        return ("", top1, _precision(certificate.float_mean_average_precision))
    if task is Task.SEGMENT:
        return ("", "", "", "", top1)
    if task is Task.DETECT:
        return ("", top1, percent(certificate.float_mean_average_precision))
    if task is Task.LANDMARKS:
        errors = certificate.verdicts[0].points
        return ("", "", "", "", *_truth_cells(None if errors is None else errors.reference_truth))
    if task is Task.EMBED:
        checked = certificate.verdicts[0].embedding
        pairs = None if checked is None else checked.verification
        verified = percent(None if pairs is None else pairs.reference_accuracy)
        return ("", "", "", "", "", top1, "", verified)
    return ()


def _cells(found: Verdict, task: Task, size: str) -> list[tuple[str, ...]]:
    if task is Task.REGRESS:
        return [(size, *_error_cells(error)) for error in found.errors]
    if found.points is not None:
        return [(size, *_point_cells(found.points))]
    drop = _interval(found.drop, found.drop_interval, "+.2f")
    agreed = _interval(found.agreement, found.agreement_interval, ".2f")
    top1 = percent(found.top1)
    if found.maps is not None:
        maps = found.maps
        name, least = min(maps.ious.items(), key=lambda pair: pair[1])
        mean_iou = _interval(maps.mean_iou, maps.mean_iou_interval, ".2f")
        worst = f"{PERCENT * least:.2f} ({name})"
        return [(size, mean_iou, worst, agreed, top1, drop)]
    if task is Task.CLASSIFY:
        return [(size, top1, percent(found.top5), drop, agreed)]
    if task is Task.BINARY:
        return [(size, top1, drop, agreed)]
    if task is Task.DETECT:
        half = percent(found.mean_average_precision) if top1 else ""
        return [(size, top1, half, drop, agreed)]
    if task is Task.EMBED:
        return [(size, *_embedding_cells(found.embedding, agreed, top1, drop))]
    shares = found.label_agreement
    by_label = _interval(sum(shares) / len(shares), found.label_agreement_interval, ".2f")
    precision = _precision(found.mean_average_precision)
    return [(size, top1, precision, drop, agreed, by_label)]


def _point_cells(errors: PointErrors) -> tuple[str, ...]:
    own = errors.found
    return (
        _interval(own.mean, own.mean_interval, ".3f"),
        _interval(own.high, own.high_interval, ".3f"),
        _interval(own.near, own.near_interval, ".2f"),
        *_truth_cells(errors.truth),
        _interval(errors.drop, errors.drop_interval, "+.2f"),
    )


def _truth_cells(found: PointDistance | None) -> tuple[str, str]:
    if found is None:
        return ("", "")
    return (f"{PERCENT * found.mean:.3f}", f"{PERCENT * found.near:.2f}")


def _embedding_cells(
    error: EmbeddingError | None, agreed: str, recall: str, drop: str
) -> tuple[str, ...]:
    if error is None:
        return ("", "", "", agreed, recall, drop, "")
    cosines = (error.cosine_median, error.cosine_low, error.cosine_worst)
    pairs = error.verification
    # Without classes the drop is the share of images that the agreement leaves.
    return (
        *(f"{each:.5f}" for each in cosines),
        agreed,
        recall,
        drop if recall else "",
        percent(None if pairs is None else pairs.accuracy),
    )


def _error_cells(error: OutputError) -> tuple[str, ...]:
    low, high = error.mean_interval.low, error.mean_interval.high
    mean = f"{error.mean:.4g} [{low:.4g}, {high:.4g}]"
    spread = error.spread
    if not spread:
        return (error.output, mean, f"{error.largest:.4g}", "-", "-", _off_the_truth(error))
    return (
        error.output,
        mean,
        f"{error.largest:.4g}",
        _interval(error.mean / spread, Interval(low=low / spread, high=high / spread), ".2f"),
        f"{100 * error.largest / spread:.2f}",
        _off_the_truth(error),
    )


def certificate_sentence(certificate: Certificate) -> str:
    """Say in one sentence what the certificate guarantees for each file."""
    every = certificate.each_output
    verdicts = [found for one in every for found in one.all_verdicts]
    images = f"{certificate.images} {certificate.data} images"
    doubted = sum(1 for found in verdicts if found.not_certified)
    if doubted:
        return f"{doubted} of {len(verdicts)} verdicts prove nothing on {images}: see below."
    text = "; ".join(
        f"{one.output}: {_promise(one)}" if one.output else _promise(one) for one in every
    )
    return f"Certified on {images}, with 95 % confidence: {text}."


def _promise(certificate: Certificate) -> str:
    verdicts = certificate.all_verdicts
    number = len(certificate.verdicts)
    files = "the file" if number == 1 else f"each of the {number} files"
    words = WORDS[certificate.task]
    if words.is_error:
        lost = max(found.drop_interval.high for found in verdicts)
        more = f"at most {PERCENT * lost:.2f} {words.unit}"
        of_points = certificate.task is Task.LANDMARKS
        text = f"{files} has {more}" if of_points else f"the error of {files} grows by {more}"
    elif certificate.task is Task.DETECT:
        low = min(found.agreement_interval.low for found in verdicts if found.agreement_interval)
        text = f"{files} finds the float model's boxes with a mAP of at least {percent(low)}"
    else:
        same = min(found.agreement_interval.low for found in verdicts if found.agreement_interval)
        text = (
            f"{files} gives the float model's {words.answer} for at least {percent(same)} of"
            f" {words.counted}"
        )
    if certificate.float_top1 is not None:
        lost = max(found.drop_interval.high for found in verdicts)
        text += f", and loses at most {PERCENT * lost:.2f} points of {words.lost}"
    return text


def notes(manifest: Manifest) -> list[str]:
    """Say what the table leaves out: what is not certified, what flatters, which layers differ."""
    certificate = manifest.certificate
    found = consumer_notes(manifest.consumer)
    for one in certificate.each_output:
        own = [*_certificate_notes(one), *score_notes(one)]
        found += [f"{one.output}: {note}" for note in own] if one.output else own
    if certificate.data == "calibration":
        found.append(
            "these are the images that the ranges were chosen on; give --validation-data for a"
            " certificate that counts"
        )
    elif certificate.overlap:
        found.append(
            f"{certificate.overlap} of these are calibration images as well, by content; the"
            " ranges were chosen on them, so take them out of --validation-data"
        )
    if manifest.near_ties:
        found.append(
            f"kernels may differ by one code at {_some(manifest.near_ties)}; no scale keeps these"
            " away from rounding ties"
        )
    return found


def consumer_notes(consumer: ConsumerFacts | None) -> list[str]:
    """Say how the certificate read the files as the program does that they are for, or why not."""
    if consumer is None:
        return []
    title = consumer.title
    if consumer.not_run:
        found = [f"certified by strop's own runtime only: {title} is {consumer.not_run}"]
    else:
        found = [f"{title}: read by its {consumer.reading.removeprefix('its ')}"]
    if consumer.files:
        found.append(f"for {title}: {', '.join(file.file for file in consumer.files[:MAX_NAMES])}")
    return [*found, *consumer.notes]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_NAMES])
    rest = len(names) - MAX_NAMES
    return shown + (f" and {rest} more in {MANIFEST}" if rest > 0 else "")


def _certificate_notes(certificate: Certificate) -> list[str]:
    """Say why a file is not certified, which label is the worst, and how far off the truth is."""
    notes = [
        f"NOT CERTIFIED: {named(found)}: {found.not_certified}"
        for found in certificate.all_verdicts
        if found.not_certified
    ]
    if notes and not certificate.one_answer.is_beatable:
        notes.append(
            "give validation images of all kinds of answers, or check that the model is trained"
            " and that --mean and --std are right"
            + (
                "; or --task regress, landmarks or embed, if its numbers are no scores"
                if certificate.task is Task.CLASSIFY
                else ""
            )
        )
    notes += [_vectors(each) for each in certificate.verdicts if each.embedding is not None]
    if certificate.task is Task.SEGMENT and certificate.float_top1 is None:
        notes.append(
            "no masks: the drop is what the mean IoU with float's maps lacks to 1, which bounds it;"
            " give --truth DIR, a PNG for each image, for the mean IoU itself"
        )
    if certificate.task is Task.DETECT and certificate.float_top1 is None:
        notes.append(
            "no boxes are given, so the drop is what the mAP with float's boxes lacks to 1; give"
            " --truth, a COCO file or a folder of VOC files, for the mAP itself"
        )
    for found in certificate.verdicts:
        notes += _worst_label(found, certificate.names)
    if certificate.task is Task.LANDMARKS:
        notes.append(
            "points are off in % of the input's longer side, and within 5 % of it are near;"
            + (
                " more error is of the float model's own"
                if certificate.verdicts[0].points and certificate.verdicts[0].points.truth
                else " without --truth, more error is the distance from float in % of how far its"
                " points are spread"
            )
        )
    for error in certificate.verdicts[0].errors[:1]:
        notes.append(
            f"errors are distances from the float model; at most {100 * error.beyond:.2f} % of such"
            " images are further off than the largest (95 %)"
        )
    return [note for note in notes if note]


def _worst_label(found: Verdict, names: Sequence[str]) -> list[str]:
    shares = found.label_agreement
    if not shares or min(shares) == 1:
        return []
    least = min(shares)
    return [
        f"{found.artifact}: the label that agrees least is {names[shares.index(least)]}, on"
        f" {100 * least:.2f} % of the images"
    ]


def _vectors(found: Verdict) -> str:
    error = found.embedding
    if error is None:
        return ""
    text = (
        f"{found.artifact}: with 95 % confidence at most {100 * error.beyond:.2f} % of such images"
        f" have a cosine to float's vector below {error.cosine_worst:.5f}"
    )
    pairs = error.verification
    if pairs is not None:
        low, high = PERCENT * pairs.drop_interval.low, PERCENT * pairs.drop_interval.high
        text += (
            "; pairs of images rightly taken for one class or two: drop"
            f" {PERCENT * pairs.drop:+.2f} points [95 %: {low:+.2f}, {high:+.2f}], both at float's"
            f" best cosine, {pairs.threshold:.4f}"
        )
    return text


def _off_the_truth(error: OutputError) -> str:
    """Say how far the float model and the file are off in the mean, and by how much more."""
    before, after = error.reference_truth_mean, error.truth_mean
    if before is None or after is None:
        return ""
    grown = f" ({PERCENT * (after / before - 1):+.1f} %)" if before > 0 else ""
    return f"{before:.4g}, {after:.4g}{grown}"


def percent(share: float | None) -> str:
    """Write a share in percent; empty where it is unknown."""
    return "" if share is None else f"{100 * share:.2f} %"


def _precision(share: float | None) -> str:
    return "" if share is None else f"{share:.4f}"


def _interval(share: float | None, interval: Interval | None, form: str) -> str:
    if share is None or interval is None:
        return ""
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * share:{form}} [{low:{form}}, {high:{form}}]"
