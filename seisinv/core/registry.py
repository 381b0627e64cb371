"""Classes that settings choose by name: each has a `name` and is found through a base class."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import ClassVar, Protocol, TypeVar

from seisinv.core.errors import ConfigError


class Named(Protocol):
    """A class that settings can choose."""

    name: ClassVar[str]


T = TypeVar("T", bound=Named)


def concrete(base: type[T]) -> Iterator[type[T]]:
    """Yield the subclasses of a class that are not abstract, and theirs, in the order in which they were defined."""
    for kind in base.__subclasses__():
        if not inspect.isabstract(kind):
            yield kind
        yield from concrete(kind)


def names(*bases: type[T]) -> dict[str, type[T]]:
    """Return the concrete subclasses that have a name, by name.

    Parameters
    ----------
    *bases : type
        Base classes; a subclass takes part as soon as it is defined, wherever that is.

    Returns
    -------
    dict of str to type

    Examples
    --------
    >>> from seisinv.misfit import Misfit
    >>> names(Misfit)["l2"].__name__
    'L2'
    """
    return {kind.name: kind for base in bases for kind in concrete(base) if kind.name}


def by_name(name: str, what: str, *bases: type[T]) -> type[T]:
    """Return the concrete subclass of that name.

    Parameters
    ----------
    name : str
    what : str
        What is chosen, for the error: "misfit".
    *bases : type
        Base classes, as for `names`.

    Returns
    -------
    type

    Raises
    ------
    ConfigError
        If no class has that name; the message lists those that exist.

    Examples
    --------
    >>> from seisinv.misfit import Misfit
    >>> by_name("huber", "misfit", Misfit).__name__
    'Huber'
    """
    known = names(*bases)
    if name not in known:
        raise ConfigError(f"{what} {name!r} is not known; choose one of {', '.join(sorted(known))}")
    return known[name]
