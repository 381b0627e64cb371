"""Names under which the version before knew things; each still works, with a DeprecationWarning."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any


def moved(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module's `__getattr__` that finds former names in their new places.

    Parameters
    ----------
    package : str
        Name of the module.
    places : mapping
        Former name to the full name it has now: `{"Bounded": "seisinv.unknowns.Bounded"}`.

    Examples
    --------
    >>> find = moved("seisinv.old", {"area": "math.pi"})
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", DeprecationWarning)
    ...     find("area")
    3.141592653589793
    """

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        _warn(f"{package}.{name}", places[name])
        module, _, attribute = places[name].rpartition(".")
        return getattr(importlib.import_module(module), attribute)

    return find


def method(owner: type, name: str, function: Callable[..., Any], instead: str) -> None:
    """Let a class keep a method that is now a function of the object."""

    @functools.wraps(function)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        _warn(f"{owner.__name__}.{name}(…)", instead)
        return function(self, *args, **kwargs)

    setattr(owner, name, call)


def attribute(owner: type, was: str, now: str) -> None:
    """Let a class keep an attribute under its former name."""

    def get(self: Any) -> Any:
        _warn(f"{owner.__name__}.{was}", f"{owner.__name__}.{now}")
        return getattr(self, now)

    setattr(owner, was, property(get))


def renamed(function: Callable[..., Any], was: str, keywords: Mapping[str, str]) -> Callable[..., Any]:
    """Return a function that takes former keywords as well, with a warning."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name in keywords.keys() & kwargs.keys():
            _warn(f"{was}({name}=…)", f"{keywords[name]}=")
        return function(*args, **{keywords.get(name, name): value for name, value in kwargs.items()})

    call.__name__ = was
    return call


def _warn(was: str, instead: str) -> None:
    warnings.warn(f"{was} is now {instead}; the old name goes with the next version", DeprecationWarning, stacklevel=4)
