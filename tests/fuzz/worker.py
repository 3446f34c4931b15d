"""A process that damages files and runs commands on them, as it is asked on standard input.

`python -m tests.fuzz.worker SEEDS SCRATCH KEPT [--tensorflow]`; a request is a line of JSON,
{"kind": ..., "seed": ...}, and so is each reply: a list of `Result`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fuzz.case import Command, generator, lay_out
from tests.fuzz.kinds import KINDS
from tests.fuzz.server import become_subreaper, run_command
from tests.fuzz.verdict import Outcome, judge

from strop import engine_watch

# What the commands import, so that their forks need not.
RUNTIME = (
    *("ai_edge_litert.interpreter", "PIL.Image", "onnx", "rich", "zipfile"),
    *(
        "strop.entry",
        "strop.cli",
        "strop.runtime.classify.classifier",
        "strop.runtime.engines.litert",
    ),
    *("strop.runtime.engines.onnxruntime", "strop.runtime.commands.run.run"),
    *("strop.runtime.commands.evaluate.evaluate", "strop.runtime.commands.bench.bench"),
    *("strop.runtime.commands.check.check", "strop.runtime.commands.history"),
    *("strop.runtime.commands.baseline", "strop.export.commands.inspect"),
    "strop.export.commands.explain",
)
TENSORFLOW = (
    *("tensorflow", "keras", "tf2onnx", "h5py", "tensorflow.core.protobuf.saved_model_pb2"),
    *(
        "strop.export.pipeline",
        "strop.export.commands.export.export",
        "strop.export.commands.train",
    ),
    *(
        "strop.export.commands.sweep.sweep",
        "strop.export.training.fit",
        "strop.export.source.source",
    ),
)
ENGINE_LIMIT_S = 10.0  # in place of strop's minute: a damaged file that loops is no rare one
LIMIT_S = 90.0
TENSORFLOW_LIMIT_S = 180.0
DATA_LIMIT_MIB = 6144  # before the machine itself is in need
OWN_FAULT = "the harness"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How one command on one file ended.

    Attributes:
        kind: Of the file.
        seed: That made it.
        argv: The command.
        outcome: How it ended.
        detail: What shows that.
        seconds: It took.
        peak_mib: Of its memory.
    """

    kind: str
    seed: int
    argv: tuple[str, ...]
    outcome: str
    detail: str
    seconds: float
    peak_mib: int


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    for name in ("seeds", "scratch", "kept"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--tensorflow", action="store_true")
    options = parser.parse_args()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an import prints is no reply
    os.environ.update(
        TF_CPP_MIN_LOG_LEVEL="3",
        TF_ENABLE_ONEDNN_OPTS="0",
        PYTHONPATH=str(Path.cwd()),
        # Where Keras keeps its own settings, whatever it loads.
        KERAS_HOME=str(options.scratch.with_name("keras_home")),
        # Where the script of pages is kept: no command may write into a case's home.
        XDG_CACHE_HOME=str(options.scratch.with_name("cache")),
    )
    for module in (*RUNTIME, *(TENSORFLOW if options.tensorflow else ())):
        importlib.import_module(module)
    engine_watch.LIMIT_S = ENGINE_LIMIT_S
    become_subreaper()
    for line in sys.stdin:
        request = json.loads(line)
        found = run_case(request["kind"], request["seed"], options)
        replies.write(json.dumps([asdict(each) for each in found]) + "\n")
        replies.flush()


def run_case(kind: str, seed: int, options: argparse.Namespace) -> list[Result]:
    """Damage a file, run its commands, keep the folder of those that ended wrongly."""
    work = lay_out(options.scratch)
    try:
        commands = KINDS[kind].make(generator(kind, seed), options.seeds, work)
    except Exception as err:  # any: a fault of the harness, reported as one
        return [_result(kind, seed, Command(argv=()), OWN_FAULT, repr(err), 0.0, 0)]
    found = []
    for command in commands:
        began = time.monotonic()
        ending = run_command(
            command,
            options.scratch,
            limit_s=TENSORFLOW_LIMIT_S if options.tensorflow else LIMIT_S,
            data_limit_mib=DATA_LIMIT_MIB,
        )
        outcome, detail = judge(
            ending,
            max_mib=KINDS[kind].max_mib,
            is_stream=command.is_stream,
            may_warn=KINDS[kind].needs_tensorflow,
        )
        seconds = round(time.monotonic() - began, 3)
        found.append(_result(kind, seed, command, outcome.value, detail, seconds, ending.peak_mib))
        if outcome.is_fault:
            place = options.kept / f"{kind}-{seed}-{command.name}-{outcome.value}".replace(" ", "_")
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(work, place, symlinks=True)
            (place / "ending.json").write_text(json.dumps(asdict(ending), indent=1))
            (place / "command.json").write_text(json.dumps(list(command.argv)))
    return found


def _result(
    kind: str, seed: int, command: Command, outcome: str, detail: str, seconds: float, mib: int
) -> Result:
    return Result(
        kind=kind,
        seed=seed,
        argv=command.argv,
        outcome=outcome,
        detail=detail,
        seconds=seconds,
        peak_mib=mib,
    )


def is_fault(result: Result) -> bool:
    """Whether something has to be mended, in strop or here."""
    return result.outcome == OWN_FAULT or Outcome(result.outcome).is_fault


if __name__ == "__main__":
    main()
