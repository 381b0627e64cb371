"""Identity of the data of a job; see `seisinv.core.identity` for that of everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core import Gathers, Observed, Survey
from seisinv.core.identity import digest
from seisinv.runs.cost import Spent, spent
from seisinv.runs.directory import read_arrays

SAMPLED_SHOTS = 8


def data_digest(observed: Observed) -> str:
    """Return a hash of the survey and of up to eight shots spread over it, so that a large file is not read whole."""
    survey = observed.survey
    index = np.unique(np.linspace(0, len(observed) - 1, SAMPLED_SHOTS).round().astype(int)).tolist()
    some: Gathers = observed[index]
    return digest(len(observed), survey.time, survey.shots, some.data, some.live)


def whole_digest(observed: Observed) -> str:
    """Return a hash of the survey and of every shot, read one after the other."""
    return digest(data_digest(observed), [shot_digests(observed[[k]]) for k in range(len(observed))])


def shot_digests(gathers: Gathers) -> list[int]:
    """Return a hash of the live traces of every shot, which does not depend on the shots that are loaded with it."""
    return [
        int.from_bytes(
            hashlib.sha256(data[live].numpy().tobytes() + live.numpy().nonzero()[0].tobytes()).digest()[:8], "little"
        )
        for data, live in zip(gathers.data.detach(), gathers.live, strict=True)
    ]


def changed_shots(observed: Observed, directory: Path) -> list[int]:
    """Return the shots that hold something else now than when the first result of a run was computed from them."""
    first = min((directory / "evaluations").glob("*.npz"), default=None)
    kept = {} if first is None else (read_arrays(first) or {})
    return [k for k, held in kept.get("shots", np.zeros(0)).tolist() if shot_digests(observed[[k]]) != [held]]


@dataclass(frozen=True, eq=False)
class Watched:
    """Data that note what every shot held when it was read, by the shot's place in the survey."""

    observed: Observed
    places: Mapping[int, int]
    seen: dict[int, int] = field(default_factory=dict)

    @property
    def survey(self) -> Survey:
        """The acquisition."""
        return self.observed.survey

    def __len__(self) -> int:
        return len(self.observed)

    def __getitem__(self, shots: Sequence[int] | slice) -> Gathers:
        """Load some of the shots."""
        index = range(len(self))[shots] if isinstance(shots, slice) else shots
        gathers = self.observed[shots]
        self.seen.update(zip((self.places[int(k)] for k in index), shot_digests(gathers), strict=True))
        return gathers


@dataclass(frozen=True, eq=False)
class Noted:
    """The result of tasks, what the shots held that they read, and what they cost in other processes."""

    result: Any
    shots: Mapping[int, int]
    spent: Spent

    def __add__(self, other: Noted) -> Noted:
        """Return that of both."""
        return Noted(self.result + other.result, {**self.shots, **other.shots}, self.spent + other.spent)


@dataclass(frozen=True)
class Watching:
    """A function of a task on `rows` of `observed` data, `shots` of the survey; returns also what was read.

    `home` is the process that counts its own cost.
    """

    function: Callable[[Any], Any]
    home: tuple[str, int]

    def __call__(self, task: Any) -> Noted:
        """Do the task."""
        watched = Watched(task.observed, dict(zip(task.rows, task.shots, strict=True)))
        with spent(self.home) as cost:
            result = self.function(replace(task, observed=watched))
        return Noted(result, watched.seen, cost.now)
