"""Which members a sweep has: networks, widths, sizes and precisions, less what there is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.export.options.choices import FORMATS, Precision
from strop.export.zoo.architectures import ARCHITECTURES, Architecture
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import MAX_SIDE
from strop.runtime.errors import SourceError

LEAST_SIDE = 32  # pixels; Keras builds none of them smaller
IMAGENET, NONE = "imagenet", "none"
FILE_SUFFIXES = (".keras", ".h5")
WEIGHT_SUFFIXES = (".keras", ".weights.h5", ".h5", ".pth")


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One network in one precision: what is exported together, into a folder of its own.

    Attributes:
        name: Of the folder: mobilenet_v2_0.35_96.int8.
        network: Without the precision; what its artifacts are called.
        model: Name in the zoo, or path of the user's file, from the root: workers may be elsewhere.
        alpha: Width multiplier; None for a file.
        size: Side of the input in pixels; None for a file.
        precision: Of all its artifacts.
        weights: "imagenet", "none" for random ones, or such a path; "" for a model
            file, which has its own.
    """

    name: str
    network: str
    model: str
    alpha: float | None
    size: int | None
    precision: Precision
    weights: str

    @property
    def file(self) -> Path | None:
        """What its numbers come from, if it is a file."""
        if not self.weights:
            return Path(self.model)
        return None if self.weights in (IMAGENET, NONE) else Path(self.weights)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A combination that there is not.

    Attributes:
        name: As the member would be called.
        reason: Why.
    """

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is to be combined.

    Attributes:
        models: Zoo names, model files, and folders of model files.
        alphas: Width multipliers; empty for 1.
        sizes: Sides in pixels; empty for each architecture's own.
        precisions: One at least.
        formats: One at least.
        weights: "imagenet", "none", a folder, or a path with {model}, {alpha} and {size}.
    """

    models: tuple[str, ...]
    alphas: tuple[float, ...]
    sizes: tuple[int, ...]
    precisions: tuple[Precision, ...]
    formats: tuple[Format, ...]
    weights: str


def members(wanted: Wanted) -> tuple[tuple[Member, ...], tuple[LeftOut, ...]]:
    """All members, and what of the combinations there is not.

    Raises:
        SourceError: A model is neither in the zoo nor a file, two have the same name, or no
            combination exists.
    """
    found: list[Member] = []
    left_out: list[LeftOut] = []
    for model in dict.fromkeys(wanted.models):
        for each in _networks(model, wanted):
            if isinstance(each, LeftOut):
                left_out.append(each)
            else:
                _add_precisions(each, wanted, found, left_out)
    _refuse_same_names(found)
    if not found:
        raise SourceError(
            "nothing to sweep: "
            + "; ".join(f"{each.name}: {each.reason}" for each in left_out[:3])
            + (f"; and {len(left_out) - 3} more" if len(left_out) > 3 else "")
        )
    return tuple(found), tuple(left_out)


def _networks(model: str, wanted: Wanted) -> Iterator[Member | LeftOut]:
    """Of each network a member in the first precision, or why there is none."""
    precision = wanted.precisions[0]
    if model not in ARCHITECTURES:
        for path in _files(model):
            yield Member(
                name=path.stem,
                network=path.stem,
                model=str(path.absolute()),
                alpha=None,
                size=None,
                precision=precision,
                weights="",
            )
        return
    architecture = ARCHITECTURES[model]
    for alpha in dict.fromkeys(wanted.alphas or (1.0,)):
        for size in dict.fromkeys(wanted.sizes or (architecture.default_size,)):
            name = f"{model}_{alpha:g}_{size}"
            weights = _weights(wanted.weights, architecture, alpha, size)
            reason = _lacking(architecture, alpha, size, weights)
            if reason:
                yield LeftOut(name=name, reason=reason)
                continue
            yield Member(
                name=name,
                network=name,
                model=model,
                alpha=alpha,
                size=size,
                precision=precision,
                weights=weights if weights in (IMAGENET, NONE) else str(Path(weights).absolute()),
            )


def _add_precisions(
    network: Member, wanted: Wanted, found: list[Member], left_out: list[LeftOut]
) -> None:
    for precision in dict.fromkeys(wanted.precisions):
        name = f"{network.network}.{precision.value}"
        if not set(FORMATS[precision]) & set(wanted.formats):
            names = ", ".join(form.value for form in wanted.formats)
            left_out.append(LeftOut(name=name, reason=f"not written as {names}"))
            continue
        found.append(
            Member(
                name=name,
                network=network.network,
                model=network.model,
                alpha=network.alpha,
                size=network.size,
                precision=precision,
                weights=network.weights,
            )
        )


def _files(model: str) -> tuple[Path, ...]:
    path = Path(model)
    if path.is_dir():
        files = tuple(sorted(each for each in path.iterdir() if each.name.endswith(FILE_SUFFIXES)))
        if files:
            return files
        raise SourceError(
            f"{model}: a folder without .keras or .h5 files; a sweep takes these, and names"
            " that `strop zoo` lists"
        )
    if not path.is_file() or not path.name.endswith(FILE_SUFFIXES):
        raise SourceError(
            f"{model}: not in the zoo, and no .keras or .h5 file; `strop zoo` lists the names"
        )
    return (path,)


def _weights(wanted: str, architecture: Architecture, alpha: float, size: int) -> str:
    """Which weights a network of the zoo takes; the path need not exist."""
    if wanted in (IMAGENET, NONE):
        return wanted
    if not Path(wanted).is_dir():
        words = {"{model}": architecture.name, "{alpha}": f"{alpha:g}", "{size}": str(size)}
        for word, text in words.items():
            wanted = wanted.replace(word, text)
        return wanted
    stem = f"{architecture.name}_{alpha:g}_{size}"
    paths = [Path(wanted, stem + suffix) for suffix in WEIGHT_SUFFIXES]
    return str(next((path for path in paths if path.is_file()), paths[0]))


def _lacking(architecture: Architecture, alpha: float, size: int, weights: str) -> str:
    """What such a network would need and there is not; empty if there is all."""
    if not architecture.has_alpha and alpha != 1:
        return "has no width multiplier"
    if alpha <= 0 or (architecture.alphas and alpha not in architecture.alphas):
        return f"alpha is {alpha:g}, its paper has {_listed(architecture.alphas) or 'any above 0'}"
    if not LEAST_SIDE <= size <= MAX_SIDE:
        return f"{size} pixels, {LEAST_SIDE} to {MAX_SIDE} can be built"
    if weights == IMAGENET:
        return _unpublished(architecture, alpha, size)
    if weights != NONE and not Path(weights).is_file():
        return f"no weights at {weights}"
    return ""


def _unpublished(architecture: Architecture, alpha: float, size: int) -> str:
    if alpha in architecture.imagenet_alphas and size in architecture.imagenet_sizes:
        return ""
    if not architecture.imagenet_sizes:
        return "Keras publishes no ImageNet weights of it"
    return (
        f"ImageNet weights are published for alpha {_listed(architecture.imagenet_alphas)} and"
        f" {_listed(architecture.imagenet_sizes)} pixels"
    )


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _refuse_same_names(found: Sequence[Member]) -> None:
    # Not by case: on some file systems they would share a folder.
    counts = Counter(member.name.lower() for member in found)
    for member in found:
        if counts[member.name.lower()] > 1:
            raise SourceError(
                f"{member.model}: another model of the sweep is called {member.network} as well;"
                " rename one of the files"
            )
