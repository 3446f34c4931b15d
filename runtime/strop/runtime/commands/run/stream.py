"""The part of `strop run` that answers as images come: folders, patterns, paths, a camera."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from signal import Signals
from typing import TypeAlias

from strop import console
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.stream import Answer, Frame, classify_each, frames
from strop.runtime.commands.flags.numbers import positive
from strop.runtime.commands.run.drawn import Drawn
from strop.runtime.commands.run.stop_signals import StopSignals
from strop.runtime.commands.run.table import answer_record, in_one_line
from strop.runtime.errors import ImageError, StropError
from strop.runtime.images.camera import open_camera
from strop.runtime.images.find import Unusable, find_images, names_many
from strop.runtime.units import NS_PER_MS

Keep: TypeAlias = Callable[[Iterator[Answer]], Iterator[Answer]]
IMAGES_FAILED = 2  # the exit code
SIGNAL_EXIT = 128  # plus the signal's number, as shells report it


def add_stream_flags(parser: argparse.ArgumentParser) -> None:
    """Add --camera and --frames."""
    parser.add_argument(
        "--camera",
        nargs="?",
        type=_index,
        const=0,
        metavar="INDEX",
        help="classify the frames of a camera instead of images, by picamera2 or OpenCV"
        " (pip install 'strop[camera]') (default: 0)",
    )
    parser.add_argument(
        "--frames", type=positive, metavar="N", help="end after N frames of the camera"
    )


def is_stream(options: argparse.Namespace) -> bool:
    """Whether the images are answered one by one, not in one table.

    Raises:
        ImageError: Flags that contradict each other.
    """
    has_camera = options.camera is not None
    if options.frames is not None and not has_camera:
        raise ImageError(
            f"--frames is {options.frames}, but there is no camera to count them; add --camera"
        )
    if options.selftest and options.jsonl:
        raise ImageError("--jsonl is for images; the self-test has one record: give --json")
    many = "--camera" if has_camera else next(filter(names_many, options.images or ()), None)
    if many is not None and options.json:
        raise ImageError(
            f"{many}: a stream, but --json is one record of all images; give --jsonl, a record a"
            " line"
        )
    return many is not None or bool(options.jsonl)


def stream(options: argparse.Namespace, classifier: Classifier, keep: Keep, drawn: Drawn) -> int:
    """Print an answer for every image as soon as it is known, and at the end how many.

    SIGINT and SIGTERM end the stream after the line that is being worked on.

    Args:
        options: Of `strop run`.
        classifier: Opened.
        keep: Passes answers on, and keeps of them what was asked for.
        drawn: Draws them.

    Returns:
        As `show_answers`.

    Raises:
        CameraError: No camera can be used, or it stops.
        StropError: As `classify_each`.
    """
    with ExitStack() as stack:
        items = _items(options, stack)

        def answers(stop: StopSignals) -> Iterator[Answer]:
            found = classify_each(
                classifier,
                drawn.watch(stop.until_stopped(items)),
                top=options.top,
                on_map=drawn.take_map,
            )
            return keep(found)

        return show_answers(answers, as_json=options.jsonl)


def show_answers(answers: Callable[[StopSignals], Iterator[Answer]], *, as_json: bool) -> int:
    """Print each answer as it comes, and at the end how many.

    Args:
        answers: Is given the signals, and ends its answers when one has come.
        as_json: Records, not text.

    Returns:
        0; 2 where an image could not be used or there was none; 128 and the signal's
        number where one ended the stream.

    Raises:
        StropError: As the answers raise it.
    """
    show = _show_json if as_json else _show_line
    n_classified = n_failed = 0
    with StopSignals() as stop, warnings.catch_warnings():
        # Python remembers every warning's text; Pillow's differ from image to image.
        warnings.simplefilter("ignore")
        try:
            for answer in answers(stop):
                show(answer)
                n_classified += answer.error is None
                n_failed += answer.error is not None
        except StropError:
            console.note(_summary(n_classified, n_failed))
            raise
    console.note(_summary(n_classified, n_failed, stop.received))
    if stop.received is not None:
        return SIGNAL_EXIT + stop.received
    return IMAGES_FAILED if n_failed else 0


def _items(options: argparse.Namespace, stack: ExitStack) -> Iterator[str | Unusable | Frame]:
    if options.camera is None:
        return find_images(options.images, stdin=sys.stdin.buffer)
    return camera_frames(options.camera, options.frames, stack)


def camera_frames(index: int, limit: int | None, stack: ExitStack) -> Iterator[Frame]:
    """The frames of a camera, `limit` of them or without end; the stack closes it.

    Raises:
        CameraError: It cannot be used.
    """
    camera = stack.enter_context(open_camera(index))
    console.note(f"{camera.name} is open")
    return frames(camera, limit)


def _show_line(answer: Answer) -> None:
    if answer.error is not None:
        console.error(answer.error)
        return
    source = f"frame {answer.source}" if isinstance(answer.source, int) else answer.source
    shown = [f"{each.name}: {in_one_line(each)}" for each in answer.outputs]
    latency = f"{(answer.latency_ns or 0) / NS_PER_MS:.2f} ms"
    console.line(console.COLUMN_GAP.join((source, latency, *(shown or [in_one_line(answer)]))))


def _show_json(answer: Answer) -> None:
    record: dict[str, object] = {
        "frame" if isinstance(answer.source, int) else "path": answer.source
    }
    if answer.error is not None:
        console.json_line(record | {"error": answer.error})
        return
    engine = None if answer.engine is None else asdict(answer.engine)
    result = {"latency_ns": answer.latency_ns, "engine": engine}
    console.json_line(record | answer_record(answer) | result)


def _summary(n_classified: int, n_failed: int, received: Signals | None = None) -> str:
    counted = f"{n_classified} images answered, {n_failed} failed"
    return counted if received is None else f"stopped by {received.name}: {counted}"


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"{text} is no camera's number; put --camera behind the artifact"
        )
    return int(text)
