"""`strop run`: classify images, or check with golden vectors that this device does it right."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.golden import golden_beside, read_golden
from strop.runtime.classify.classifier import DEFAULT_TOP, Classifier
from strop.runtime.classify.decision import in_words
from strop.runtime.classify.predictions import Prediction
from strop.runtime.classify.selftest import SelfTest, selftest
from strop.runtime.classify.stream import Answer, classify_each
from strop.runtime.commands.flags.contract import (
    Opening,
    add_contract_flags,
    add_engine_flags,
    open_as_given,
    opening_from_flags,
)
from strop.runtime.commands.flags.target import add_target_flags, target_of
from strop.runtime.commands.notes import note_manifest, note_remark
from strop.runtime.commands.run.on_board import (
    SELFTEST,
    STREAM,
    SelfTested,
    SelftestRequest,
    StreamRequest,
    classify_on_board,
    selftest_on_board,
    stream_on_board,
)
from strop.runtime.commands.run.stream import (
    add_stream_flags,
    camera_frames,
    is_stream,
    show_answers,
    stream,
)
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import ImageError
from strop.runtime.records.version import installed_version
from strop.runtime.remote.command import Work

# History: 2 says of each label of a set whether it is_set, and of the self-test sets of classes.
FORMAT_VERSION = 2


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "run",
        help="classify images",
        description="Classify images with an artifact. Image files are answered in one table or"
        " record. A folder, a pattern, - and --camera are answered image by image, a line each as"
        " soon as it is known: image, time from file to labels, scores and labels (in brackets:"
        " labels below their threshold, of a multilabel task). An image that"
        " cannot be used is then an error line on stderr (with --jsonl a record), the others go"
        " on, and the exit code is 2. Ctrl-C ends after the line that is being worked on.",
    )
    parser.add_argument("artifact", type=Path, help=".tflite or .onnx")
    images = parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="image files; or a folder, with its subfolders; a quoted pattern such as"
        " 'photos/**/*.jpg'; or - for paths on standard input, one per line",
    )
    # Other flags bring their own images. With nargs="*" argparse would give up the images that
    # stand behind an option.
    images.required = False
    parser.add_argument(
        "--top",
        type=int,
        default=DEFAULT_TOP,
        metavar="K",
        help=f"classes per image (default: {DEFAULT_TOP})",
    )
    parser.add_argument(
        "--selftest",
        action="store_true",
        help="run the golden vectors of the artifact's export instead of images; exit 1 unless the"
        " answers are the certified ones",
    )
    parser.add_argument(
        "--golden",
        type=Path,
        metavar="FILE",
        help="golden vectors (default: NAME.golden.npz beside the artifact)",
    )
    as_json = parser.add_mutually_exclusive_group()
    as_json.add_argument("--json", action="store_true", help="a record on stdout, not a table")
    as_json.add_argument(
        "--jsonl",
        action="store_true",
        help="one record per line on stdout for every image, as soon as it is known",
    )
    add_stream_flags(parser)
    add_engine_flags(parser)
    add_contract_flags(parser)
    add_target_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Classify each image and print its labels and scores, or run the self-test.

    Returns:
        0; 1 where the self-test's answers are not the certified ones; of a stream as
        `stream`.

    Raises:
        StropError: As `strop.runtime.open`, `Classifier.classify`, `stream`, `selftest` and
            those on a board; or flags that contradict each other.
    """
    _check_subject(options)
    if options.selftest:
        note_manifest(options.artifact)
    opening, streams = opening_from_flags(options), is_stream(options)
    target = target_of(options)
    if options.selftest:
        tried = SelftestRequest(opening=opening, golden=_golden_path(options))
        return _report_selftest(
            options,
            _selftest(tried) if target is None else selftest_on_board(target, tried),
        )
    images = () if streams else tuple(map(Path, options.images))
    asked = StreamRequest(
        opening=opening,
        images=images,
        top=options.top,
        camera=options.camera,
        frames=options.frames,
    )
    if streams:
        if target is None:
            with _opened(opening) as classifier:
                return stream(options, classifier)
        with stream_on_board(target, asked, options.images or ()) as answers:
            return show_answers(lambda stop: stop.until_stopped(answers), as_json=options.jsonl)
    if target is not None:
        facts, answered = classify_on_board(target, asked)
    else:
        with _opened(opening) as classifier:
            facts = classifier.facts
            answered = tuple(classifier.classify(path, top=options.top) for path in images)
    _report(options, facts, list(zip(images, answered, strict=True)))
    return 0


@contextmanager
def _opened(opening: Opening) -> Iterator[Classifier]:
    with open_as_given(opening) as classifier:
        console.settings(f"run {opening.artifact}", settings(classifier))
        note_remark(classifier)
        yield classifier


def _selftest(request: SelftestRequest) -> SelfTested:
    with _opened(request.opening) as classifier:
        golden, sha256 = read_golden(request.golden), sha256_file(request.opening.artifact)
        result = selftest(classifier, golden, sha256=sha256)
        return SelfTested(engine=classifier.facts, result=result)


def _stream(request: StreamRequest) -> Iterator[Answer]:
    with _opened(request.opening) as classifier, ExitStack() as stack:
        if request.camera is None:
            yield from classify_each(classifier, map(str, request.images), top=request.top)
            return
        items = camera_frames(request.camera, request.frames, stack)
        yield from classify_each(classifier, items, top=request.top)


ON_BOARD = (
    Work(command=SELFTEST, perform=lambda request: [_selftest(request)]),
    Work(command=STREAM, perform=_stream),
)


def _golden_path(options: argparse.Namespace) -> Path:
    path: Path = options.golden or golden_beside(options.artifact)
    return path


def _report(
    options: argparse.Namespace,
    facts: EngineFacts,
    results: list[tuple[Path, tuple[Prediction, ...]]],
) -> None:
    if options.json:
        console.json(_record(options.artifact, facts, results))
        return
    predictions = [(str(path), each) for path, found in results for each in found]
    rows = [(path, f"{each.score:.4f}", each.label) for path, each in predictions]
    if all(each.is_set is None for _, each in predictions):
        console.table(("image", "score", "label"), rows)
        return
    answers = ["yes" if each.is_set else "no" for _, each in predictions]
    console.table(
        ("image", "score", "label", "set"),
        [(*row, answer) for row, answer in zip(rows, answers, strict=True)],
    )


def _check_subject(options: argparse.Namespace) -> None:
    n_images = len(options.images or ())
    others = [
        flag
        for flag, is_given in (
            ("--camera", options.camera is not None),
            ("--selftest", options.selftest),
        )
        if is_given
    ]
    if n_images and others:
        raise ImageError(
            f"{n_images} images given with {others[0]}, which brings its own; leave one of the two"
            " out"
        )
    if len(others) > 1:
        raise ImageError("--camera given with --selftest; leave one of the two out")
    if not n_images and not others:
        raise ImageError(
            "no image given; needed are image files, a folder, a pattern, -, --camera or --selftest"
        )


def settings(classifier: Classifier) -> dict[str, object]:
    """What a command echoes of an opened artifact."""
    contract, facts, decision = classifier.contract, classifier.facts, classifier.decision
    return {
        "engine": f"{facts.engine} {facts.version}, {facts.kernels_in_words}",
        "threads": facts.num_threads,
        "input": f"{classifier.input.dtype} {list(classifier.input.shape)}",
        "resize": f"{contract.resize.value}, crop fraction {contract.crop_fraction}",
        "mean, std": f"{list(contract.mean)}, {list(contract.std)}",
        "activation": contract.activation.value,
        "answer": in_words(decision, contract.labels),
        "labels": len(contract.labels) or None,
    }


def _report_selftest(options: argparse.Namespace, tried: SelfTested) -> int:
    result = tried.result
    if options.json:
        verdict = {"is_certified": result.is_certified, "is_passed": result.is_passed}
        answers = verdict | asdict(result)
        console.json(_header(options.artifact, tried.engine) | {"selftest": answers})
    else:
        images = zip(result.expected, result.found, result.differences, strict=True)
        columns = ("image", "certified class", "class here", "largest code difference")
        console.table(
            columns,
            [
                (at, _classes(expected), _classes(found), difference)
                for at, (expected, found, difference) in enumerate(images, 1)
            ],
        )
    _sum_up(result)
    return 0 if result.is_passed else 1


def _sum_up(result: SelfTest) -> None:
    console.note(_verdict(result))
    if not result.has_certified_kernels:
        console.note(
            f"NOT CERTIFIED: certified with the kernels {result.certified_kernels}, here are"
            f" {result.kernels}: codes may differ, the classes must not. strop evaluate says how"
            " accurate it is with them"
        )


def _classes(answer: tuple[int, ...]) -> str:
    return " ".join(map(str, answer)) or "-"


def _verdict(result: SelfTest) -> str:
    same = "every class is the same" if result.has_same_classes else "not every class is the same"
    if not result.decided:
        same = "there are no classes to compare, so that the codes decide"
    elif len(set(result.expected)) == 1:
        same += ", and all certified answers are one class, which says little"
    return (
        f"self-test {'passed' if result.is_passed else 'FAILED'}: largest code difference"
        f" {max(result.differences)}, at most {result.bound} with the certified kernels; {same}"
    )


def _header(artifact: Path, facts: EngineFacts) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "artifact": artifact.name,
        "sha256": sha256_file(artifact),
        "engine": asdict(facts),
    }


def _record(
    artifact: Path, facts: EngineFacts, results: list[tuple[Path, tuple[Prediction, ...]]]
) -> dict[str, object]:
    return _header(artifact, facts) | {
        "images": [
            {
                "path": str(path),
                "predictions": [asdict(prediction) for prediction in predictions],
            }
            for path, predictions in results
        ],
    }
