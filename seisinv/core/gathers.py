"""Shot gathers: recorded or simulated traces together with the survey that made them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

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
    """

    data: Tensor
    survey: Survey
    live: Tensor

    def __init__(self, data: Tensor, survey: Survey, live: Tensor | None = None) -> None:
        expected = (len(survey), survey.max_receivers, survey.time.samples)
        if tuple(data.shape) != expected:
            raise DataError(f"data has shape {tuple(data.shape)}; the survey says [shot, receiver, time] = {expected}")
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

    def replace(self, **changes: object) -> Gathers:
        """Return a copy with some of data, survey, live changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


@runtime_checkable
class Observed(Protocol):
    """Recorded data: gathers in memory, or a file that loads the shots asked for."""

    @property
    def survey(self) -> Survey:
        """The acquisition."""

    def __len__(self) -> int: ...

    def __getitem__(self, shots: Sequence[int] | slice) -> Gathers:
        """Load some of the shots."""
