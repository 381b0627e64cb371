"""Identity of jobs: hashes of their inputs by name, so that a refusal can say which differ."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from seisinv.core import Gathers, Observed

# Settings that change how fast a result is computed, not what it is.
WITHOUT_EFFECT = ("memory", "threads")
SAMPLED_SHOTS = 8
# Classes by the names under which runs of earlier versions know them.
FORMER = {"Continuation": "Ladder"}


@runtime_checkable
class Identified(Protocol):
    """An object that states which of its contents matter."""

    @property
    def identity(self) -> Any:
        """Values that distinguish it from others of its class."""


def digest(*values: Any) -> str:
    """Return a hash of nested dataclasses, mappings, sequences, arrays and numbers; other objects count by type."""
    h = hashlib.sha256()
    for part in _parts(values):
        h.update(len(part).to_bytes(8, "little") + part)
    return h.hexdigest()[:20]


def data_digest(observed: Observed) -> str:
    """Return a hash of the survey and of up to eight shots spread over it, so that a large file is not read whole."""
    survey = observed.survey
    index = np.unique(np.linspace(0, len(observed) - 1, SAMPLED_SHOTS).round().astype(int)).tolist()
    some: Gathers = observed[index]
    return digest(len(observed), survey.time, survey.shots, some.data, some.live)


def _parts(value: Any) -> Iterable[bytes]:
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        yield repr(value).encode()
    elif isinstance(value, Tensor):
        yield from _parts(value.detach().cpu().numpy())
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _parts(key)
            yield from _parts(item)
    elif isinstance(value, list | tuple):
        yield f"{len(value)} items".encode()
        for item in value:
            yield from _parts(item)
    elif isinstance(value, Identified):
        yield type(value).__qualname__.encode()
        yield from _parts(value.identity)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = type(value).__qualname__
        yield FORMER.get(name, name).encode()
        for field in dataclasses.fields(value):
            if field.name not in WITHOUT_EFFECT:
                yield field.name.encode()
                yield from _parts(getattr(value, field.name))
    else:
        yield type(value).__qualname__.encode()
