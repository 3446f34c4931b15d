"""`strop inspect`: what is inside an artifact, and what really runs it here."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from strop import console
from strop.export.audit import Audit, audit
from strop.runtime.artifact import read_contract, sha256_file
from strop.runtime.contract import Contract, ResizeRule
from strop.runtime.engines import EngineFacts, open_engine


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `inspect` to the command line."""
    parser = subparsers.add_parser(
        "inspect",
        help="show what is inside an artifact",
        description="Show an artifact's operations, what stayed float, its contract, and how"
        " many delegate partitions it runs in here.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("artifact", type=Path, help="a .tflite or .onnx file")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what is known about the artifact."""
    path: Path = options.artifact
    with open_engine(path) as engine:
        facts = engine.facts
    contract, contents = read_contract(path), audit(path)
    if options.json:
        console.json(_record(path, contents, contract, facts))
        return 0
    _print(path, contents, contract, facts)
    return 0


def _record(
    path: Path, contents: Audit, contract: Contract | None, facts: EngineFacts
) -> dict[str, object]:
    return {
        "path": str(path),
        "sha256": sha256_file(path),
        "size_bytes": contents.size_bytes,
        "inputs": list(contents.inputs),
        "outputs": list(contents.outputs),
        "ops": dict(contents.ops),
        "float_ops": dict(contents.float_ops),
        "contract": None if contract is None else json.loads(contract.to_json()),
        "engine": asdict(facts),
    }


def _print(path: Path, contents: Audit, contract: Contract | None, facts: EngineFacts) -> None:
    rows = [
        ("file", f"{path}, {contents.size_bytes / 2**20:.2f} MiB"),
        ("sha256", sha256_file(path)),
        ("input", ", ".join(contents.inputs)),
        ("output", ", ".join(contents.outputs)),
        ("operations", _counted(contents.ops)),
        ("in float", _counted(contents.float_ops) or "none"),
        ("runs here on", _engine(facts)),
        *_contract_rows(contract),
    ]
    console.table(("", ""), rows)


def _counted(ops: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{count} {name}" for name, count in ops)


def _engine(facts: EngineFacts) -> str:
    text = f"{facts.engine} {facts.version}, {facts.kernels} kernels"
    if facts.partitions is not None:
        text += f", {facts.partitions} delegate partition{'' if facts.partitions == 1 else 's'}"
    return text


def _contract_rows(contract: Contract | None) -> list[tuple[str, str]]:
    if contract is None:
        return [("contract", "none; strop did not write this file")]
    resize = contract.resize.value
    if contract.resize is ResizeRule.CROP:
        resize += f", fraction {contract.crop_fraction:g}"
    labels = f"{len(contract.labels)}, {contract.labels[0]} ..." if contract.labels else "none"
    return [
        ("image", f"{contract.height}x{contract.width}x{contract.channels}, {resize}"),
        ("scores become", f"probabilities by {contract.activation.value}"),
        ("labels", labels),
        ("made from", f"{contract.source} {contract.source_sha256[:12]}"),
        ("made by", f"strop {contract.strop_version}"),
    ]
