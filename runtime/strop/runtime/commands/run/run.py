"""`strop run`: classify images, or check with golden vectors that this device does it right."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.golden import golden_beside, read_golden
from strop.runtime.classify.classifier import DEFAULT_TOP, Classifier
from strop.runtime.classify.selftest import selftest
from strop.runtime.classify.stream import Answer, answer_to, classify_each
from strop.runtime.commands.flags.contract import (
    Opening,
    add_contract_flags,
    add_engine_flags,
    open_as_given,
    opening_from_flags,
)
from strop.runtime.commands.flags.of_output import OfOutput
from strop.runtime.commands.flags.target import add_target_flags, target_of
from strop.runtime.commands.notes import note_manifest, note_remark, settings
from strop.runtime.commands.run.drawn import Drawn, add_draw_flag
from strop.runtime.commands.run.masks import add_masks_flag, run_masks
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
    Keep,
    add_stream_flags,
    camera_frames,
    is_stream,
    show_answers,
    stream,
)
from strop.runtime.commands.run.table import print_images, print_selftest
from strop.runtime.commands.run.vectors import KeptVectors, add_vectors_flag
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import ImageError
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Work

SELFTEST_FAILED = 1  # the exit code


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
    add_vectors_flag(parser)
    add_masks_flag(parser)
    add_draw_flag(parser)
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
    if options.masks is not None:
        return run_masks(options, is_stream=is_stream(options))
    if options.selftest:
        note_manifest(options.artifact)
    opening, streams = opening_from_flags(options), is_stream(options)
    target = target_of(options)
    if options.selftest:
        tried = SelftestRequest(opening=opening, golden=_golden_path(options))
        found = _selftest(tried) if target is None else selftest_on_board(target, tried)
        print_selftest(options.artifact, found, as_json=options.json)
        return 0 if found.result.is_passed else SELFTEST_FAILED
    images = () if streams else tuple(map(Path, options.images))
    asked = StreamRequest(
        opening=opening,
        images=images,
        top=options.top,
        camera=options.camera,
        frames=options.frames,
    )
    asked_for = options.vectors or OfOutput(output="", value=None)
    kept = KeptVectors(path=asked_for.value, artifact=options.artifact, output=asked_for.output)
    drawn = Drawn(folder=options.draw)
    code = 0
    if streams:
        code = _show_stream(
            options, asked, target, lambda found: kept.keep(drawn.keep(found)), drawn
        )
    else:
        facts, answered = _answered(asked, target, drawn)
        results = list(zip(images, kept.keep(answered), strict=True))
        print_images(options.artifact, facts, results, as_json=options.json)
    kept.write()
    return code


def _show_stream(
    options: argparse.Namespace,
    asked: StreamRequest,
    target: Target | None,
    keep: Keep,
    drawn: Drawn,
) -> int:
    if target is None:
        with _opened(asked.opening) as classifier:
            return stream(options, classifier, keep, drawn)
    with stream_on_board(target, asked, options.images or ()) as answers:
        return show_answers(lambda stop: keep(stop.until_stopped(answers)), as_json=options.jsonl)


def _answered(
    asked: StreamRequest, target: Target | None, drawn: Drawn
) -> tuple[EngineFacts, tuple[Answer, ...]]:
    if target is not None:
        facts, found = classify_on_board(target, asked)
        return facts, tuple(drawn.keep(found))
    with _opened(asked.opening) as classifier:
        answers = (
            answer_to(str(path), classifier, top=asked.top, on_map=drawn.take_map)
            for path in asked.images
        )
        return classifier.facts, tuple(drawn.keep(answers))


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
