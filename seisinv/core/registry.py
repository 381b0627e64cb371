"""Classes that settings choose by name: each has a `name` and is found through a base class."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import ClassVar, Protocol, TypeVar

from seisinv.core.errors import ConfigError


class Named(Protocol):
    """A class that settings can choose."""

    name: ClassVar[str]


T = TypeVar("T", bound=Named)
K = TypeVar("K")


def concrete(base: type[K]) -> Iterator[type[K]]:
    """Yield the subclasses of a class that are not abstract, and theirs, in the order in which they were defined."""
    for kind in base.__subclasses__():
        if not inspect.isabstract(kind):
            yield kind
        yield from concrete(kind)


def names(*bases: type[T]) -> dict[str, type[T]]:
    """Return the concrete subclasses that state a name, by name; one that only inherits it does not take its place.

    Parameters
    ----------
    *bases : type
        Base classes; a subclass takes part as soon as it is defined, wherever that is.

    Returns
    -------
    dict of str to type

    Raises
    ------
    ConfigError
        If two classes state one name.

    Examples
    --------
    >>> from seisinv.misfit import Misfit
    >>> names(Misfit)["l2"].__name__
    'L2'
    """
    stated = (kind for base in bases for kind in concrete(base) if vars(kind).get("name"))
    return unique((kind.name, kind) for kind in stated)


def unique(named: Iterable[tuple[str, type[K]]]) -> dict[str, type[K]]:
    """Return classes by name; a class that was defined again takes the place of the former.

    Raises
    ------
    ConfigError
        If two classes have one name.
    """
    out: dict[str, type[K]] = {}
    for name, kind in named:
        former = out.setdefault(name, kind)
        if (former.__module__, former.__qualname__) != (kind.__module__, kind.__qualname__):
            raise ConfigError(
                f"{name!r} is the name of {former.__module__}.{former.__qualname__} and of "
                f"{kind.__module__}.{kind.__qualname__}; rename one"
            )
        out[name] = kind
    return out


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
