"""Lists the members of a sweep: combinations of networks, widths, sizes and precisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.export.options.choices import FORMATS, Precision
from strop.export.zoo.architectures import ARCHITECTURES, Architecture, side_at
from strop.export.zoo.spec import IMAGENET, RANDOM, ModelSpec, lacking
from strop.runtime.artifact.artifact import Format
from strop.runtime.errors import SourceError

FILE_SUFFIXES = (".keras", ".h5", ".onnx", ".tflite")
FILES = ", ".join(FILE_SUFFIXES[:-1]) + f" or {FILE_SUFFIXES[-1]}"
WEIGHT_SUFFIXES = (".keras", ".weights.h5", ".h5", ".pth", ".safetensors")


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
        weights: "imagenet", "random", or such a path; "" for a model
            file, which has its own.
    """

    name: str
    network: str
    model: str
    alpha: float | None
    size: int | None
    precision: Precision
    weights: str

    def spec(self, classes: int | None = None) -> ModelSpec:
        """Say which model it is; `classes` are those of a network of the zoo."""
        if self.size is None:
            return ModelSpec(model=self.model)
        return ModelSpec(
            model=self.model,
            name=self.network,
            size=(self.size, self.size),
            alpha=self.alpha,
            classes=classes,
            weights=self.weights,
        )

    @property
    def file(self) -> Path | None:
        """The file that its weights are read from, if it is one."""
        return self.spec().weights_file if self.weights else Path(self.model)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A combination that does not exist.

    Attributes:
        name: As the member would be called.
        reason: Why.
    """

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a sweep combines.

    Attributes:
        models: Zoo names, model files, and folders of model files.
        alphas: Width multipliers; empty for 1.
        sizes: Sides in pixels; empty for those of `rhos`.
        rhos: Multiples of each architecture's own size; empty for 1.
        precisions: One at least.
        formats: One at least.
        weights: "imagenet", "random", a folder, or a path with {model}, {alpha} and {size}.
    """

    models: tuple[str, ...]
    alphas: tuple[float, ...]
    sizes: tuple[int, ...]
    rhos: tuple[float, ...]
    precisions: tuple[Precision, ...]
    formats: tuple[Format, ...]
    weights: str


def members(wanted: Wanted) -> tuple[tuple[Member, ...], tuple[LeftOut, ...]]:
    """List all members, and the combinations that do not exist.

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
    """Yield a member in the first precision for each network, or why there is none."""
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
    sizes = wanted.sizes or [side_at(architecture, rho) for rho in wanted.rhos or (1.0,)]
    for alpha in dict.fromkeys(wanted.alphas or (1.0,)):
        for size in dict.fromkeys(sizes):
            name = f"{model}_{alpha:g}_{size}"
            weights = _weights(wanted.weights, name, architecture, alpha, size)
            spec = ModelSpec(model=model, size=(size, size), alpha=alpha, weights=weights)
            reason = lacking(spec)
            if reason:
                yield LeftOut(name=name, reason=reason)
                continue
            file = spec.weights_file
            yield Member(
                name=name,
                network=name,
                model=model,
                alpha=alpha,
                size=size,
                precision=precision,
                weights=weights if file is None else str(file.absolute()),
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
            f"{model}: a folder without {FILES} files; a sweep takes these, and names that `strop"
            " zoo` lists"
        )
    if not path.is_file() or not path.name.endswith(FILE_SUFFIXES):
        raise SourceError(
            f"{model}: not in the zoo, and no {FILES} file; `strop zoo` lists the names"
        )
    return (path,)


def _weights(wanted: str, stem: str, architecture: Architecture, alpha: float, size: int) -> str:
    """Choose the weights of a network of the zoo; the path need not exist."""
    if wanted in (IMAGENET, RANDOM):
        return wanted
    if not Path(wanted).is_dir():
        words = {"{model}": architecture.name, "{alpha}": f"{alpha:g}", "{size}": str(size)}
        for word, text in words.items():
            wanted = wanted.replace(word, text)
        return wanted
    paths = [Path(wanted, stem + suffix) for suffix in WEIGHT_SUFFIXES]
    return str(next((path for path in paths if path.is_file()), paths[0]))


def _refuse_same_names(found: Sequence[Member]) -> None:
    # Not by case: on some file systems they would share a folder.
    counts = Counter(member.name.lower() for member in found)
    for member in found:
        if counts[member.name.lower()] > 1:
            raise SourceError(
                f"{member.model}: another model of the sweep is called {member.network} as well;"
                " rename one of the files"
            )
