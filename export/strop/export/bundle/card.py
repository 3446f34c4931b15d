"""Writes the model card of a bundle: Markdown with the metadata that Hugging Face reads.

Source: https://huggingface.co/docs/hub/model-cards, and the specification of the metadata,
https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strop.export.bundle.certificate_text import certificate_sentence, certificate_tables, notes
from strop.export.bundle.manifest import Manifest
from strop.export.bundle.tables import Table, counts_table, latency_sentence, machine_table
from strop.runtime.artifact.contract import Contract, ResizeRule, Task
from strop.runtime.classify.decision import Decision, in_words
from strop.runtime.evidence.board_page import COLUMNS, cells
from strop.runtime.evidence.board_rows import BoardRow
from strop.runtime.pages.markdown_text import plain, table

# What Hugging Face calls the tasks; numbers have no name there.
PIPELINES = {
    Task.CLASSIFY: "image-classification",
    Task.BINARY: "image-classification",
    Task.MULTILABEL: "image-classification",
    Task.EMBED: "image-feature-extraction",
    Task.SEGMENT: "image-segmentation",
    Task.LANDMARKS: "keypoint-detection",
    Task.DETECT: "object-detection",
}
MAX_LABELS = 20  # that are listed


@dataclass(frozen=True, kw_only=True, slots=True)
class CardFacts:
    """What a card says that no measurement can.

    Attributes:
        licence: Identifier of Hugging Face or SPDX, as apache-2.0; empty where it is not said.
        base_model: Name of the float model there; empty likewise.
        about: What the model is for, and what it must not be used for; plain text.
    """

    licence: str = ""
    base_model: str = ""
    about: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One output: its name, its decision, and the names of its classes."""

    name: str
    decision: Decision | None
    labels: tuple[str, ...]


def model_card(
    manifest: Manifest,
    contract: Contract,
    outputs: Sequence[Answered],
    *,
    boards: Sequence[BoardRow],
    facts: CardFacts,
) -> str:
    """Write the card.

    Args:
        manifest: Of the bundle.
        contract: Of one of its files.
        outputs: What that file's outputs are.
        boards: Bench records of its files; none for the manifest's own latency alone.
        facts: What the publisher says.
    """
    parts = (
        *_metadata(manifest, facts),
        *_head(manifest, outputs, facts),
        *_use(manifest),
        *_input(contract),
        *_certificate(manifest),
        *_speed(manifest, boards),
        *_limits(manifest),
    )
    return "\n".join(parts) + "\n"


def _metadata(manifest: Manifest, facts: CardFacts) -> Iterator[str]:
    """Write YAML whose every value is JSON, which YAML contains."""
    formats = sorted({artifact.file.rpartition(".")[2] for artifact in manifest.artifacts})
    precisions = sorted({artifact.precision.value for artifact in manifest.artifacts})
    fields: dict[str, object] = {
        "license": facts.licence,
        "base_model": facts.base_model,
        "base_model_relation": "quantized" if facts.base_model else "",
        "pipeline_tag": _pipeline(manifest),
        "tags": [*formats, *precisions, "strop"],
        "model-index": _results(manifest),
    }
    yield "---"
    yield from (f"{name}: {_value(value)}" for name, value in fields.items() if value)
    yield from ("---", "")


def _value(value: object) -> str:
    # Readers that do not know of metadata show it as text, where "<" begins an element.
    return json.dumps(value).replace("<", r"\u003c")


def _pipeline(manifest: Manifest) -> str:
    """Name the task there; empty where outputs of several tasks have no common one."""
    found = {PIPELINES.get(each.task, "") for each in manifest.certificate.each_output}
    return found.pop() if len(found) == 1 else ""


def _results(manifest: Manifest) -> list[object]:
    """List the share of right answers of each output and file, where the images were labelled."""
    certificate = manifest.certificate
    metrics = [
        {
            "type": "accuracy",
            "value": round(found.top1, 6),
            "name": f"{f'{each.output}: ' * bool(each.output)}top-1, {found.artifact}",
        }
        for each in certificate.each_output
        for found in each.verdicts
        if each.task is Task.CLASSIFY and found.top1 is not None
    ]
    if not metrics:
        return []
    name = f"{certificate.images} {certificate.data} images"
    dataset = {"name": name, "type": "imagefolder"}
    result = {"task": {"type": PIPELINES[Task.CLASSIFY]}, "dataset": dataset, "metrics": metrics}
    return [{"name": manifest.source.name, "results": [result]}]


def _head(manifest: Manifest, outputs: Sequence[Answered], facts: CardFacts) -> Iterator[str]:
    yield from (f"# {plain(manifest.source.name)}", "")
    if facts.about:
        yield from (plain(facts.about), "")
    for output in outputs:
        said = in_words(output.decision, output.labels)
        name = f"{plain(output.name)}: " if len(outputs) > 1 else "Answer to an image: "
        yield f"- {name}{plain(said)}."
        if output.labels:
            rest = len(output.labels) - MAX_LABELS
            shown = ", ".join(output.labels[:MAX_LABELS]) + (f" and {rest} more" * (rest > 0))
            yield f"- Labels: {plain(shown)}."
    sizes = [
        (artifact.file, artifact.precision.value, f"{artifact.size_bytes}", artifact.sha256)
        for artifact in manifest.artifacts
    ]
    yield from ("", *table(("file", "precision", "bytes", "SHA-256"), sizes), "")


def _use(manifest: Manifest) -> Iterator[str]:
    first = manifest.artifacts[0].file
    yield from ("## Use", "", f"    strop run {first} photo.jpg")
    yield from (f"    strop run {first} --selftest" if manifest.golden else "", "")
    yield "In Python, without TensorFlow:"
    yield from ("", "    from strop.runtime import open", "")
    yield from (
        f'    with open("{first}") as model:',
        '        print(model.answer("photo.jpg"))',
        "",
    )


def _input(contract: Contract) -> Iterator[str]:
    colours = "RGB" if contract.channels == 3 else "grey"
    yield from ("## What it takes", "")
    yield f"- {contract.width} x {contract.height} pixels, {colours}, 0 to 255."
    if contract.resize is ResizeRule.CROP:
        yield (
            "- A picture's shorter side is resized to the input's by"
            f" {contract.crop_fraction:g}, and the centre is cut out."
        )
    else:
        yield f"- A picture is brought to that size by the rule {contract.resize.value}."
    yield from ("- `strop run` does this by itself: the files say it.", "")


def _certificate(manifest: Manifest) -> Iterator[str]:
    yield from ("## Beside the float model", "", plain(certificate_sentence(manifest.certificate)))
    for found in certificate_tables(manifest, "file"):
        yield from ("", *_table(found))
    yield ""


def _speed(manifest: Manifest, boards: Sequence[BoardRow]) -> Iterator[str]:
    yield from ("## Speed", "")
    said = latency_sentence(manifest)
    if said:
        yield from (plain(said), "")
    if boards:
        columns = ("file", *COLUMNS)
        yield from (*table(columns, [(row.artifact, *cells(row)) for row in boards]), "")
    counts = counts_table(manifest.artifacts)
    if counts.rows:
        yield from (*_table(counts), "")
    yield from ("Exported on:", "", *_table(machine_table(manifest.machine)), "")


def _limits(manifest: Manifest) -> Iterator[str]:
    options = manifest.options
    yield from ("## Limits", "")
    yield (
        f"- Calibrated on {options.calibration.images} images and certified on"
        f" {manifest.certificate.images}; what looks otherwise than these may get other answers."
    )
    yield from (f"- {plain(note)}" for note in notes(manifest))
    yield "- The certificate compares with the float model; how good that one is, it cannot say."


def _table(found: Table) -> list[str]:
    return table(found.columns, found.rows)
