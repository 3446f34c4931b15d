"""`strop inspect`: what is inside an artifact, and what really runs it here."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from strop import console
from strop.engine_watch import EngineAtWork
from strop.export.commands.count_tables import count_record, print_layers, print_roles
from strop.export.inspect.audit import audit
from strop.export.inspect.contents import Audit, Delegation, NamedOp, Undelegated, counted
from strop.export.inspect.count import Count
from strop.export.inspect.count_artifact import count_artifact
from strop.export.inspect.delegation import delegation
from strop.runtime.artifact.artifact import Format, detect_format, read_contract, sha256_file
from strop.runtime.artifact.contract import CONTRACT, Activation, Contract, ResizeRule
from strop.runtime.artifact.tflite_metadata import TfliteMetadata, read_tflite_metadata
from strop.runtime.classify.decision import in_words
from strop.runtime.classify.output_head import decision_of
from strop.runtime.commands.notes import note_manifest, note_remark
from strop.runtime.engines import EngineFacts, TensorInfo, open_engine
from strop.runtime.errors import ContractError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `inspect` to the command line."""
    parser = subparsers.add_parser(
        "inspect",
        help="show what is inside an artifact",
        description="Show an artifact's operations, what stayed float, its contract, in how"
        " many delegate partitions it runs here, what runs outside of them and why, and its"
        " parameters, multiply-adds and activations.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("artifact", type=Path, help="a .tflite or .onnx file")
    parser.add_argument("--layers", action="store_true", help="list every layer that multiplies")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what is known about the artifact."""
    path: Path = options.artifact
    contract = read_contract(path)  # first: what is damaged shall reach no engine
    with open_engine(path) as engine:
        facts = engine.facts
        about = _contract_rows(path, contract, engine.outputs)
        note_remark(engine)
    # They let more libraries read the file, and ONNX Runtime run it.
    with EngineAtWork(path, f"{facts.engine} {facts.version}"):
        contents, delegated = audit(path), delegation(path)
        count = count_artifact(path)
    metadata = _metadata(path)
    note_manifest(path)
    if options.json:
        record = _record(path, contents, contract, metadata, facts, delegated)
        console.json({**record, "counts": None if count is None else count_record(count)})
        return 0
    _print(path, contents, about, metadata, facts, delegated)
    _print_counts(count, has_layers=options.layers)
    findings = _findings(contents, delegated)
    if findings:
        console.gap()
        console.table(("operation", "layer", "finding"), findings)
    return 0


def _record(
    path: Path,
    contents: Audit,
    contract: Contract | None,
    metadata: TfliteMetadata | None,
    facts: EngineFacts,
    delegated: Delegation | None,
) -> dict[str, object]:
    return {
        "path": str(path),
        "sha256": sha256_file(path),
        "size_bytes": contents.size_bytes,
        "inputs": list(contents.inputs),
        "outputs": list(contents.outputs),
        "ops": dict(contents.ops),
        "float_ops": dict(contents.float_ops),
        "in_float": [asdict(op) for op in contents.in_float],
        "transposes": [asdict(op) for op in contents.transposes],
        "contract": None if contract is None else json.loads(CONTRACT.dumps(contract)),
        "tflite_metadata": None if metadata is None else asdict(metadata),
        "engine": asdict(facts),
        "delegation": None if delegated is None else asdict(delegated),
    }


def _print(
    path: Path,
    contents: Audit,
    about: Sequence[tuple[str, str]],
    metadata: TfliteMetadata | None,
    facts: EngineFacts,
    delegated: Delegation | None,
) -> None:
    rows = [
        ("file", f"{path}, {contents.size_bytes / 2**20:.2f} MiB"),
        ("sha256", sha256_file(path)),
        ("input", ", ".join(contents.inputs)),
        ("output", ", ".join(contents.outputs)),
        ("operations", _counted(contents.ops)),
        ("in float", _counted(contents.float_ops) or "none"),
        ("transposes", _counted_ops(contents.transposes)),
        ("runs here on", _engine(facts)),
        *_delegation_rows(delegated, facts),
        *about,
        *_metadata_rows(metadata),
    ]
    console.table(("", ""), rows)


def _print_counts(count: Count | None, *, has_layers: bool) -> None:
    console.gap()
    if count is None:
        console.line("not counted: the file does not tell all of its shapes and weights")
        return
    print_roles(count)
    if has_layers:
        console.gap()
        print_layers(count)


def _findings(contents: Audit, delegated: Delegation | None) -> list[tuple[str, str, str]]:
    """Every operation that keeps a file from running in int8, in one piece."""
    left = delegated.undelegated if delegated is not None else ()
    findings = [(op.kind, op.layer, f"not delegated: {op.reason}") for op in left]
    if contents.is_quantized:
        findings += [(op.kind, op.layer, "computes in float") for op in contents.in_float]
        findings += [(op.kind, op.layer, "only moves values") for op in contents.transposes]
    return findings


def _counted(ops: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{count} {name}" for name, count in ops)


def _engine(facts: EngineFacts) -> str:
    text = f"{facts.engine} {facts.version}, {facts.kernels} kernels"
    if facts.partitions is not None:
        text += f", {facts.partitions} delegate partition{'' if facts.partitions == 1 else 's'}"
    return text


def _counted_ops(ops: Iterable[NamedOp | Undelegated]) -> str:
    return _counted(counted(op.kind for op in ops)) or "none"


def _delegation_rows(delegated: Delegation | None, facts: EngineFacts) -> list[tuple[str, str]]:
    if delegated is not None:
        return [("not delegated", _counted_ops(delegated.undelegated))]
    return [] if facts.kernels == "mlas" else [("not delegated", "unknown; LiteRT does not tell")]


def _scores(contract: Contract) -> str:
    if contract.activation is Activation.NONE:
        return "final"
    if contract.activation is Activation.L2:
        return "become a vector of length 1 (l2)"
    return f"become probabilities by {contract.activation.value}"


def _answer(path: Path, contract: Contract, outputs: tuple[TensorInfo, ...]) -> str:
    if len(outputs) != 1 or not outputs[0].shape:
        return "none; the file has not one row of scores"
    return in_words(decision_of(contract, outputs[0], where=str(path)), contract.labels)


def _contract_rows(
    path: Path, contract: Contract | None, outputs: tuple[TensorInfo, ...]
) -> list[tuple[str, str]]:
    if contract is None:
        return [("contract", "none; strop did not write this file")]
    resize = contract.resize.value
    if contract.resize is ResizeRule.CROP:
        resize += f", fraction {contract.crop_fraction:g}"
    return [
        ("image", f"{contract.height}x{contract.width}x{contract.channels}, {resize}"),
        ("layout", contract.layout.value),
        *_output_rows(path, contract, outputs),
        ("made from", f"{contract.source} {contract.source_sha256[:12]}"),
        ("made by", f"strop {contract.strop_version}"),
    ]


def _output_rows(
    path: Path, contract: Contract, outputs: tuple[TensorInfo, ...]
) -> list[tuple[str, str]]:
    names = [f"{one.name}: " for one in contract.outputs] or [""]
    fits = len(names) == len(outputs)
    rows = []
    for at, (name, alone) in enumerate(zip(names, contract.each_output, strict=True)):
        labels = f"{len(alone.labels)}, {alone.labels[0]} ..." if alone.labels else "none"
        rows += [
            (f"{name}scores", _scores(alone)),
            (f"{name}answer", _answer(path, alone, outputs[at : at + 1] if fits else ())),
            (f"{name}labels", labels),
        ]
    return rows


def _metadata(path: Path) -> TfliteMetadata | None:
    """The TFLite metadata of other programs' files; where it is damaged, a note says so."""
    if detect_format(path) is not Format.TFLITE:
        return None
    try:
        return read_tflite_metadata(path)
    except ContractError as err:
        console.note(str(err))
        return None


def _metadata_rows(metadata: TfliteMetadata | None) -> list[tuple[str, str]]:
    if metadata is None:
        return []
    rows = [("TFLite metadata", metadata.name or "without a name")]
    if metadata.mean:
        mean, std = (
            ", ".join(f"{value:g}" for value in values) for values in (metadata.mean, metadata.std)
        )
        rows.append(("normalization", f"mean {mean}, std {std}"))
    if metadata.labels_file:
        rows.append(("label file", metadata.labels_file))
    return rows
