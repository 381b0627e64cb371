"""Identity by content: hashes of objects that tell one from another wherever results could differ."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from seisinv.core.errors import ConfigError

# Metadata of dataclass fields that change how fast a result is computed, not what it is.
SPEED_ONLY = {"identity": "never"}
# Metadata of fields that runs of earlier versions do not know: they count where they differ from their default.
ADDED_LATER = {"identity": "unless default"}
# Classes by the names under which runs of earlier versions know them.
FORMER = {"Continuation": "Ladder"}
# Code that run.toml records the version of; that of other modules counts with the objects that use it.
VERSIONED = {"seisinv", "torch", "numpy", "scipy", *sys.stdlib_module_names}
WRAPPED = ("__func__", "fget", "func", "__wrapped__")  # where static methods, properties and caches keep their function
GENERATED = ("_abc_impl",)  # attributes of classes that Python makes


@runtime_checkable
class Identified(Protocol):
    """An object that states which of its contents matter."""

    @property
    def identity(self) -> Any:
        """Values that distinguish it from others of its class."""


def digest(*values: Any) -> str:
    """Return a hash of the content of objects: numbers, arrays, containers, networks, functions, what can be pickled.

    The code of classes and functions counts, with the globals they use, unless it comes with a package whose version
    run.toml records.

    Parameters
    ----------
    *values
        An object may state what counts by a property `identity`.

    Returns
    -------
    str
        20 hexadecimal digits.

    Raises
    ------
    ConfigError
        If the content of an object cannot be told.
    """
    h = hashlib.sha256()
    for part in _Reader().parts(values):
        h.update(len(part).to_bytes(8, "little") + part)
    return h.hexdigest()[:20]


class _Reader:
    """Yields what objects consist of."""

    def __init__(self) -> None:
        self.inside: list[int] = []  # the objects around the one that is read, which it may refer to

    def parts(self, value: Any) -> Iterable[bytes]:
        if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
            yield repr(value).encode()
        elif id(value) in self.inside:
            yield f"{len(self.inside) - self.inside.index(id(value))} up".encode()
        else:
            self.inside.append(id(value))
            yield from self._contents(value)
            self.inside.pop()

    def _contents(self, value: Any) -> Iterable[bytes]:
        if isinstance(value, Tensor):
            plain = value.detach().cpu().resolve_conj().resolve_neg()
            plain = plain.view(torch.int16) if plain.dtype is torch.bfloat16 else plain  # numpy has none
            yield from self._contents(plain.numpy())
        elif isinstance(value, np.ndarray):
            yield f"{value.dtype}{value.shape}".encode()
            if value.dtype.hasobject:
                yield from self.parts(value.tolist())
            else:
                yield np.ascontiguousarray(value).tobytes()
        elif isinstance(value, Mapping):
            for pair in value.items():
                yield from self._each(pair)
        elif isinstance(value, list | tuple):
            yield f"{len(value)} items".encode()
            yield from self._each(value)
        elif isinstance(value, set | frozenset):
            yield from self._each(sorted(map(digest, value)))
        elif isinstance(value, type | FunctionType | BuiltinFunctionType | ModuleType):
            yield from self._code(value)
        else:
            name = type(value).__qualname__
            yield FORMER.get(name, name).encode()
            if not _is_versioned(type(value)):
                yield from self._code(type(value))
            yield from self._state(value)

    def _each(self, values: Iterable[Any]) -> Iterable[bytes]:
        for value in values:
            yield from self.parts(value)

    def _state(self, value: Any) -> Iterable[bytes]:
        """Yield what distinguishes an object from others of its class."""
        if isinstance(value, Identified):
            yield from self.parts(value.identity)
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                counts, item = field.metadata.get("identity"), getattr(value, field.name)
                if counts != "never" and not (counts == "unless default" and item == field.default):
                    yield field.name.encode()
                    yield from self.parts(item)
        elif isinstance(value, nn.Module):
            public = {n: v for n, v in vars(value).items() if not n.startswith("_") and n != "training"}
            yield from self._each((public, value.state_dict(), dict(value.named_children())))
        else:
            yield from self._each(_pickled(value))

    def _code(self, value: Any) -> Iterable[bytes]:
        """Yield the name of a class, function or module, and its code unless a recorded version stands for it."""
        yield f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}".encode()
        if _is_versioned(value):
            return
        if isinstance(value, type):
            yield from self._each(value.__bases__)
            for name, item in vars(value).items():
                function = next((f for w in WRAPPED if (f := getattr(item, w, None)) is not None), item)
                if isinstance(function, FunctionType) or not (name.startswith("__") or name in GENERATED):
                    yield from self._each((name, function))
        elif isinstance(value, FunctionType):
            code = value.__code__
            yield from self._compiled(code, value.__doc__)
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            used = [value.__globals__[n] for n in code.co_names if n in value.__globals__]
            yield from self._each((value.__defaults__, value.__kwdefaults__, cells, used))

    def _compiled(self, code: CodeType, documentation: str | None = None) -> Iterable[bytes]:
        yield code.co_code
        yield from self.parts(code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._compiled(constant)
            elif constant is not documentation:
                yield from self.parts(constant)


def _pickled(value: Any) -> list[Any]:
    """Return what pickling would keep of an object, without what it has computed and kept since."""
    try:
        form = value.__reduce_ex__(2)
    except TypeError:
        raise ConfigError(
            f"{value!r} cannot be told from others of its class, so that a run might be resumed with another one",
            remedy="give its class a property identity that returns what distinguishes it (numbers, arrays)",
        ) from None
    if isinstance(form, str):
        return [form]
    _, arguments, state, *items = (*form, None, None, None)[:5]
    if isinstance(state, dict):
        state = {n: v for n, v in state.items() if not isinstance(getattr(type(value), n, None), cached_property)}
    out = [a for a in arguments if a is not type(value)] + ([state] if state else [])
    return out + [list(i) for i in items if i is not None]


def _is_versioned(value: Any) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""
    return name.partition(".")[0] in VERSIONED
