"""`strop transcode`: the same integers in the other format."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from strop import console
from strop.engine_watch import folder_prefix
from strop.export.transcode.compare import CodeAgreement, compare_codes
from strop.export.transcode.known_contract import known_contract
from strop.export.transcode.transcode import OTHER, Transcoded, transcode
from strop.runtime.artifact.artifact import detect_format
from strop.runtime.commands.flags.contract import GivenContract, add_contract_flags, given_contract
from strop.runtime.errors import ContractError
from strop.runtime.records.typed_json import fields_of
from strop.runtime.records.user_files import require_writable, write_whole_bytes

FORMAT_VERSION = 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `transcode` to the command line."""
    parser = subparsers.add_parser(
        "transcode",
        help="write the integers of an int8 file in the other format",
        description="Write an int8 .tflite as a quantized .onnx, or a quantized .onnx as an int8"
        " .tflite, whoever made it: the same weights, biases, scales and zero points. Both are run"
        " on random images, and how many codes of the scores are equal is said.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("artifact", type=Path, help="a .tflite or .onnx file with one image in")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="default: beside it, with the other format's suffix",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the output")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_contract_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Write the file and say how equal it is.

    Raises:
        ArtifactError: The other format has not what the file holds.
        OutputError: The output cannot be written.
    """
    path: Path = options.artifact
    suffix = f".{OTHER[detect_format(path)].value}"
    output: Path = options.output or path.with_suffix(suffix)
    require_writable(output, force=options.force)
    given = given_contract(options)
    if given.outputs:
        raise ContractError(
            f"a flag names the output {given.outputs[0].name!r}, and transcode takes what is said"
            " of an only one; leave NAME= out"
        )
    contract = known_contract(path, _values(given))
    for note in contract.notes:
        console.note(note)
    made = transcode(path, contract.contract)
    with tempfile.TemporaryDirectory(prefix=folder_prefix("transcode")) as folder:
        beside = Path(folder) / f"transcoded{suffix}"
        beside.write_bytes(made.content)
        agreement = compare_codes(path, beside, made.image, made.step)
    write_whole_bytes(made.content, output)
    if options.json:
        console.json(_record(output, made, agreement, has_contract=contract.contract is not None))
    else:
        console.line(f"{output}: {len(made.content)} bytes, {made.operations} operations")
        console.line(_in_words(agreement))
    return 0


def _values(given: GivenContract) -> dict[str, object]:
    return {name: value for name, value in fields_of(given).items() if value is not None}


def _in_words(found: CodeAgreement) -> str:
    start = f"on {found.images} random images {found.equal} of {found.scores} scores are equal"
    if found.largest_difference == 0:
        return start
    return f"{start}, the others differ by up to {found.largest_difference} codes"


def _record(
    output: Path, made: Transcoded, agreement: CodeAgreement, *, has_contract: bool
) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "output": str(output),
        "size_bytes": len(made.content),
        "operations": made.operations,
        "has_contract": has_contract,
        "agreement": fields_of(agreement),
    }
