"""Identity by content: hashes of objects that tell one from another wherever results could differ."""

from __future__ import annotations

import contextlib
import copyreg
import dataclasses
import hashlib
import pickle
import sys
from collections.abc import Generator, Iterable, Mapping
from functools import cached_property
from pathlib import Path
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
MODULE = set(vars(nn.Module()))  # what torch keeps in every module
SCALARS = (bool, int, float, complex, str, bytes, np.generic)
CODE = (type, FunctionType, BuiltinFunctionType, ModuleType)
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
    reader = _Reader()
    for part in (f"{len(values)} items".encode(), *(p for value in values for p in reader.parts(value))):
        h.update(len(part).to_bytes(8, "little") + part)
    return h.hexdigest()[:20]


def _is_default(item: Any, default: Any) -> bool:
    return not isinstance(item, np.ndarray | Tensor) and bool(item == default)


class _Reader:
    """Yields what objects consist of; code that is met again, or an object inside itself, is named by a number."""

    def __init__(self) -> None:
        self.inside: list[int] = []  # the objects around the one that is read
        self.code: dict[int, int] = {}  # numbers of the classes, functions and modules that were read

    def parts(self, value: Any) -> Iterable[bytes]:
        if value is None or (isinstance(value, SCALARS) and _is_versioned(type(value))):
            yield repr(value).encode()
        elif isinstance(value, CODE):
            if id(value) in self.code:
                yield f"code {self.code[id(value)]}".encode()
            else:
                self.code[id(value)] = len(self.code)
                yield from self._code(value)
        elif id(value) in self.inside:
            yield f"{len(self.inside) - self.inside.index(id(value))} up".encode()
        else:
            self.inside.append(id(value))
            yield from self._contents(value)
            self.inside.pop()

    def _contents(self, value: Any) -> Iterable[bytes]:
        if isinstance(value, Mapping | list | tuple) and not _is_versioned(type(value)):  # with attributes of its own
            yield from self._each((type(value), _kept(value)))
        if isinstance(value, Tensor):
            if value.is_meta:
                raise _unknown(value)
            plain = value.detach().to_dense().cpu().resolve_conj().resolve_neg()
            if plain.dtype is torch.bfloat16:  # numpy has none
                yield b"bfloat16"
                plain = plain.view(torch.int16)
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
            yield from self._each(("set", sorted(map(digest, value))))
        elif isinstance(getattr(value, "__wrapped__", None), FunctionType):  # a cached function
            yield from self.parts(value.__wrapped__)
        else:
            name = type(value).__qualname__
            yield FORMER.get(name, name).encode()
            if not _is_versioned(type(value)):
                yield from self.parts(type(value))
            yield from self._state(value)

    def _each(self, values: Iterable[Any]) -> Iterable[bytes]:
        for value in values:
            if isinstance(value, Mapping):  # its borders; the only one of an object needs none
                yield f"{len(value)} entries".encode()
            yield from self.parts(value)

    def _state(self, value: Any) -> Iterable[bytes]:
        """Yield what distinguishes an object from others of its class."""
        if isinstance(value, nn.Module):
            own = {n: v for n, v in vars(value).items() if n not in MODULE}
            tensors = {**dict(value.named_parameters(recurse=False)), **dict(value.named_buffers(recurse=False))}
            yield from self._each((own, list(tensors.items()), list(value.named_children())))
        elif isinstance(value, Identified):
            yield from self.parts(value.identity)
        elif dataclasses.is_dataclass(value):
            fields = dataclasses.fields(value)
            for field in fields:
                counts, item = field.metadata.get("identity"), getattr(value, field.name)
                if counts != "never" and not (counts == "unless default" and _is_default(item, field.default)):
                    yield field.name.encode()
                    yield from self.parts(item)
            if not _is_versioned(type(value)):
                known = {field.name for field in fields}
                yield from self.parts({n: v for n, v in _kept(value).items() if n not in known})
        else:
            yield from self._each(_pickled(value))

    def _code(self, value: Any) -> Iterable[bytes]:
        """Yield the name of a class, function or module, and its code unless a recorded version stands for it."""
        yield f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}".encode()
        if _is_versioned(value):
            return
        if isinstance(value, ModuleType):
            with contextlib.suppress(OSError, TypeError):  # one without a file is known by its name
                yield Path(value.__file__ or "").read_bytes()
        elif isinstance(value, type):
            yield from self._each(value.__bases__)
            for name, item in vars(value).items():
                function = next((f for w in WRAPPED if (f := getattr(item, w, None)) is not None), item)
                if isinstance(function, FunctionType) or not (name.startswith("__") or name in GENERATED):
                    yield from self._each((name, function))
        elif isinstance(value, FunctionType):
            names = yield from self._compiled(value.__code__, value.__doc__)
            used = [(n, value.__globals__[n]) for n in sorted(names) if n in value.__globals__]
            yield from self._each((value.__defaults__, value.__kwdefaults__, used))
            for cell in value.__closure__ or ():
                with contextlib.suppress(ValueError):  # an empty one
                    yield from self.parts(cell.cell_contents)

    def _compiled(self, code: CodeType, documentation: str | None = None) -> Generator[bytes, None, set[str]]:
        """Yield compiled code with that of the functions defined in it; return the names that they use."""
        names = set(code.co_names)
        yield code.co_code
        yield from self.parts(code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                names |= yield from self._compiled(constant)
            elif constant is not documentation:
                yield from self.parts(constant)
        return names


def _pickled(value: Any) -> list[Any]:
    """Return what pickling would keep of an object, without what it has computed and kept since."""
    try:
        reduce = copyreg.dispatch_table.get(type(value))
        form = value.__reduce_ex__(2) if reduce is None else reduce(value)
    except (TypeError, pickle.PicklingError):
        raise _unknown(value) from None
    if isinstance(form, str):
        return [form]
    _, arguments, state, *items = (*form, None, None, None)[:5]
    out = [a for a in arguments if a is not type(value)]
    out += [_kept(value) if isinstance(state, dict) else state] if state else []
    return out + [list(i) for i in items if i is not None]


def _unknown(value: Any) -> ConfigError:
    return ConfigError(
        f"{value!r} cannot be told from others of its class, so that a run might be resumed with another one",
        remedy="keep it out of what the run uses, or give the object that holds it a property identity that "
        "returns what distinguishes it (numbers, arrays)",
    )


def _kept(value: Any) -> dict[str, Any]:
    """Return the attributes of an object that were set, not computed and kept by a cached property."""
    own = getattr(value, "__dict__", {})
    return {n: v for n, v in own.items() if not isinstance(getattr(type(value), n, None), cached_property)}


def _is_versioned(value: Any) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""
    return name.partition(".")[0] in VERSIONED
