"""Imports the names of a package when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False  # typing's own takes longer to import than this module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Face = tuple[Callable[[str], object], Callable[[], list[str]], list[str]]


def attach(
    package: str,
    places: Mapping[str, str],
    moved: Mapping[str, str] = {},  # it is read only
) -> Face:
    """Give a package names that cost nothing before they are used.

    A submodule of such a name, as strop.runtime.bench is one, does not hide it: importing it
    sets no attribute of the package. Its own modules are imported as ever, by `from` and by `as`.

    Args:
        package: Its `__name__`.
        places: A module, to the names in it, with spaces between.
        moved: Names that were here, to where they are now.

    Returns:
        `__getattr__`, `__dir__` and `__all__` of the package.
    """
    place_of = {name: place for place, names in places.items() for name in names.split()}
    module = sys.modules[package]

    class Package(ModuleType):
        def __setattr__(self, name: str, value: object) -> None:
            if not (name in place_of and isinstance(value, ModuleType)):
                super().__setattr__(name, value)

    module.__class__ = Package

    def imported(name: str) -> object:
        if name in moved:
            # `from package import name` would replace an AttributeError by its own text.
            raise ImportError(f"{package}.{name} is {moved[name]} now; import it from there")
        if name not in place_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        found = getattr(import_module(place_of[name]), name)
        if f"{package}.{name}" in sys.modules:
            # `import package.name.module as m` asks the function for the module, and then
            # looks for it under the name that the function has.
            found.__name__ = f"{package}.{name}"
        setattr(module, name, found)
        return found

    return imported, lambda: sorted({*vars(module), *place_of}), sorted(place_of)
