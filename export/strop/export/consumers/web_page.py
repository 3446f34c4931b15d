"""Writes a page that classifies a photo in the browser, by the file that lies beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import strop.runtime
from strop.export.consumers.consumer import Delivered, Delivery
from strop.export.consumers.npm_packages import NpmPackage, write_npm_files
from strop.export.consumers.output_rules import output_rules
from strop.export.consumers.readers.chromium import WEB, with_imports

INDEX = "index.html"
SCRIPTS = ("page.js", "picture.js", "answer.js")
NOTE = "index.html: run npm ci and python3 -m http.server in the folder, then open localhost:8000"


def page_for(
    module: str, imports: Mapping[str, str], packages: Sequence[NpmPackage]
) -> Callable[[Delivery], Delivered]:
    """Return what delivers a page.

    Args:
        module: File of the readers' web/ whose `openModel` runs an artifact.
        imports: Import map of the program's packages.
        packages: What it needs of npm.
    """
    return partial(_deliver, module, imports, packages)


def _deliver(
    module: str, imports: Mapping[str, str], packages: Sequence[NpmPackage], delivery: Delivery
) -> Delivered:
    """Write the page, and what npm fetches the program by."""
    folder = delivery.folder
    page = (WEB / INDEX).read_text(encoding="utf-8")
    (folder / INDEX).write_text(with_imports(page, imports), encoding="utf-8")
    copies = {"model.js": module, **{name: name for name in SCRIPTS}}
    for name, original in copies.items():
        shutil.copyfile(WEB / original, folder / name)
    written = (folder / name for name in (INDEX, *copies, *_write_facts(delivery)))
    return Delivered(files=(*written, *write_npm_files(packages, folder)), notes=(NOTE,))


def _write_facts(delivery: Delivery) -> tuple[str, ...]:
    """Write what the page has to know of the artifact; the names of the files."""
    path = delivery.paths[0]
    with strop.runtime.open(path) as classifier:
        contract = classifier.contract
    rules = output_rules(path, delivery.options)
    rule = {
        "file": path.name,
        "height": contract.height,
        "width": contract.width,
        "channels": contract.channels,
        "resize": contract.resize.value,
        "crop_fraction": contract.crop_fraction,
        "outputs": [
            {
                "name": each.name,
                "activation": each.decision.activation.value,
                "task": each.decision.task.value,
                "thresholds": each.decision.thresholds,
                "gives_probabilities": each.gives_probabilities,
            }
            for each in rules
        ],
    }
    facts = {"model.json": rule, "labels.json": [each.names for each in rules]}
    for name, fact in facts.items():
        text = json.dumps(fact, ensure_ascii=False, indent=1) + "\n"
        (delivery.folder / name).write_text(text, encoding="utf-8")
    return tuple(facts)
