"""Packages whose parts are imported when a name of them is used: so that importing the package itself is cheap."""

import importlib
from collections.abc import Callable, Collection, Mapping


def names_of(package: str, parts: Mapping[str, Collection[str]]) -> Callable[[str], object]:
    """The package's `__getattr__`. `parts` are the names by the module that has them, as it is called in the package.

    The same names are imported where TYPE_CHECKING is set, for the type checker, and stand in `__all__`.
    """
    homes = {name: f"{package}.{part}" for part, names in parts.items() for name in names}

    def find(name: str) -> object:
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
