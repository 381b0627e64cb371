"""Shot gathers: recorded or simulated traces together with the survey that made them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from seisinv.core.arrays import real, real_tensor
from seisinv.core.errors import DataError
from seisinv.core.survey import Survey


@dataclass(frozen=True, eq=False)
class Gathers:
    """Traces [shot, receiver, time] of a survey.

    Parameters
    ----------
    data : tensor [shot, receiver, time]
        Pressure (Pa) or whatever the receivers measure; padded with zeros where shots have fewer receivers.
    survey : Survey
    live : bool tensor [shot, receiver], optional
        False for padding and for dead traces; every misfit ignores those.

    Raises
    ------
    DataError
        If the shape is not that of the survey.

    Examples
    --------
    >>> import torch
    >>> from seisinv.core import line
    >>> survey = Survey.surface(sources=line(0, 100, every=50), receivers=line(0, 100, every=10),
    ...                         wavelet=None, duration=0.1, dt=4e-3)
    >>> gathers = Gathers(torch.zeros(3, 11, 26), survey)
    >>> len(gathers), gathers[[0, 2]].data.shape
    (3, torch.Size([2, 11, 26]))
    """

    data: Tensor
    survey: Survey
    live: Tensor

    def __init__(self, data: Tensor, survey: Survey, live: Tensor | None = None) -> None:
        expected = (len(survey), survey.max_receivers, survey.time.samples)
        data = real_tensor(data, "data")
        if tuple(data.shape) != expected:
            raise DataError(f"data has shape {tuple(data.shape)}; the survey says [shot, receiver, time] = {expected}")
        if live is not None and not isinstance(live, Tensor):
            live = torch.as_tensor(real(live, "live"))
        if live is not None and (tuple(live.shape) != expected[:2] or live.dtype != torch.bool):
            text = f"live has shape {tuple(live.shape)} of {live.dtype}"
            raise DataError(text, limit=f"it must be [shot, receiver] = {expected[:2]} of torch.bool")
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "survey", survey)
        object.__setattr__(self, "live", survey.occupied if live is None else survey.occupied & live)

    def __repr__(self) -> str:
        return (
            f"Gathers({tuple(self.data.shape)} {self.data.dtype}, {int(self.live.sum())} live traces, {self.survey!r})"
        )

    def __len__(self) -> int:
        return len(self.survey)

    def __getitem__(self, shots: Sequence[int] | slice) -> Gathers:
        """Return some of the shots, in the order given."""
        index = list(range(len(self))[shots]) if isinstance(shots, slice) else [int(i) for i in shots]
        survey = self.survey.subset(index)
        n = survey.max_receivers
        return Gathers(self.data[index, :n], survey, self.live[index, :n])

    @property
    def components(self) -> tuple[str, ...]:
        """Names of what the receivers measure; empty where the survey does not say."""
        return tuple(dict.fromkeys(c for shot in self.survey.shots for c in shot.components or ()))

    def component(self, name: str) -> Gathers:
        """Return the traces of one component.

        Parameters
        ----------
        name : str
            For example "vz".

        Returns
        -------
        Gathers
            Shots that have none of it are left out.

        Raises
        ------
        DataError
            If no receiver measures it.
        """
        if name not in self.components:
            known = ", ".join(self.components) or "no receiver says what it measures (components of Shot or Survey)"
            raise DataError(f"there is no component {name!r}", remedy=f"use one of these: {known}")
        rows = [np.flatnonzero([c == name for c in shot.components or ()]) for shot in self.survey.shots]
        kept = [k for k, r in enumerate(rows) if len(r)]
        width = max(len(rows[k]) for k in kept)
        index = torch.tensor([[*rows[k], *[0] * (width - len(rows[k]))] for k in kept])
        data = self.data[kept].gather(1, index[..., None].expand(-1, -1, self.data.shape[-1]))
        survey = self.survey.subset(kept)
        shots = tuple(shot.listening(rows[k]) for k, shot in zip(kept, survey.shots, strict=True))
        survey = survey.replace(shots=shots)
        return Gathers(data * survey.occupied[..., None], survey, self.live[kept].gather(1, index) & survey.occupied)

    def replace(self, **changes: object) -> Gathers:
        """Return a copy with some of data, survey, live changed.

        Parameters
        ----------
        **changes
            `data`, `survey` or `live`, as for the class.

        Returns
        -------
        Gathers
        """
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


MEND = "mark it dead (bytes 29-30 = 2 of a file, live = False of gathers) or repair it"


@runtime_checkable
class Parted(Protocol):
    """Recorded data of which a part can travel alone, with no more than its own shots' headers."""

    def part(self, shots: Sequence[int]) -> Observed:
        """Return data that hold some of the shots, in the order given."""


def part_of(observed: Observed, shots: Sequence[int]) -> tuple[Observed, tuple[int, ...]]:
    """Return data that hold some shots of others, as little more as they can, and where the shots are in them.

    Gathers in memory travel as samples; a file is opened where its part is read.
    """
    if isinstance(observed, Gathers):
        return observed[list(shots)], tuple(range(len(shots)))
    if isinstance(observed, Parted):
        return observed.part(shots), tuple(range(len(shots)))
    return observed, tuple(shots)


def refuse_nan(
    data: Tensor, live: Tensor, survey: Survey | None = None, *, file: Path | None = None, remedy: str = MEND
) -> None:
    """Raise DataError for the first live trace [shot, receiver] that holds NaN or infinite samples."""
    if bool(torch.isfinite(data.detach().sum())):
        return
    bad = torch.nonzero(live & ~torch.isfinite(data.detach()).all(-1)).tolist()
    if bad:
        shot, trace = bad[0]
        name = f"[{shot}]" if survey is None else str(survey.shots[shot].number)
        more = f", as do {len(bad) - 1} more" if len(bad) > 1 else ""
        samples = int((~torch.isfinite(data[shot, trace].detach())).sum())
        raise DataError(
            f"shot {name} trace {trace + 1} holds {samples} NaN or infinite samples{more}",
            remedy=remedy,
            file=file,
        )


@runtime_checkable
class Observed(Protocol):
    """Recorded data: gathers in memory, or a file that loads the shots asked for.

    Examples
    --------
    >>> import torch
    >>> from seisinv.core import line
    >>> survey = Survey.surface(sources=line(0, 0, every=10), receivers=line(0, 10, every=10),
    ...                         wavelet=None, duration=0.1, dt=0.1)
    >>> isinstance(Gathers(torch.zeros(1, 2, 2), survey), Observed)
    True
    """

    @property
    def survey(self) -> Survey:
        """The acquisition."""

    def __len__(self) -> int: ...

    def __getitem__(self, shots: Sequence[int] | slice) -> Gathers:
        """Load some of the shots."""
