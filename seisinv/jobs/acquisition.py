"""What the settings [survey] say of sources and receivers, beside or instead of what files say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seisinv.core import Argument, ConfigError, Gathers, Grid, Message, Observed, Shot, Survey, TimeAxis
from seisinv.core.gathers import part_of
from seisinv.jobs.data import Data
from seisinv.jobs.settings import Settings
from seisinv.physics import wave_equation
from seisinv.propagate import Propagator


@dataclass(frozen=True, eq=False)
class Declared:
    """Observed data whose sources are of a kind that the settings name.

    Parameters
    ----------
    observed : Observed
    survey : Survey
        With that kind.
    """

    observed: Observed
    survey: Survey

    def __len__(self) -> int:
        return len(self.observed)

    def part(self, shots: Sequence[int]) -> Observed:
        """Return data that hold some of the shots."""
        observed, rows = part_of(self.observed, [int(k) for k in shots])
        own = self.survey.subset(shots)
        if len(rows) == len(observed):
            return Declared(observed, own)
        return Declared(observed[list(rows)], own)

    def __getitem__(self, shots: Sequence[int] | slice) -> Gathers:
        """Load some of the shots."""
        found = self.observed[shots]
        return found.replace(survey=self.survey.subset(shots))


def with_kind(settings: Settings, data: Data) -> Data:
    """Return data whose sources are what `survey.kind` says, the same where it says nothing."""
    kind = settings.survey.kind
    if kind is None:
        return data

    def declared(observed: Observed) -> Declared:
        shots = tuple(replace(shot, kinds=(kind,) * len(shot.sources)) for shot in observed.survey.shots)
        return Declared(observed, observed.survey.replace(shots=shots))

    held = None if data.held_out is None else declared(data.held_out)
    return replace(data, observed=declared(data.observed), held_out=held)


def with_components(settings: Settings) -> Settings:
    """Return settings in which `data.component` says what `survey.components` does.

    Raises
    ------
    ConfigError
        If it says something else already.
    """
    names, said = settings.survey.components, settings.data.component
    if names is None:
        return settings
    if said is not None and _names(said) != names:
        both = Message(Argument("survey.components"), " and ", Argument("data.component"), " name different components")
        raise ConfigError(both, remedy="give one of them")
    wanted: Any = names[0] if len(names) == 1 else list(names)
    return settings.model_copy(update={"data": settings.data.model_copy(update={"component": wanted})})


def _names(said: Any) -> list[str]:
    return (
        [part.strip() for part in said.split(",")] if isinstance(said, str) else said if isinstance(said, list) else []
    )


def check_survey(settings: Settings) -> None:
    """Refuse a kind of source or a component that the wave equation does not have.

    Raises
    ------
    ConfigError
        With the setting, the names that there are, and who has the one that was given.
    """
    said, axes = settings.survey, len(settings.grid.shape or (0, 0))
    physics, grid, at = wave_equation(settings.propagator.physics), Grid((9,) * axes, 1.0), np.full((1, axes), 4.0)
    for key, kinds, components in (("kind", said.kind, None), ("components", None, said.components)):
        names = tuple(components or ())
        shot = Shot(
            at,
            at.repeat(max(1, len(names)), axis=0),
            kinds=None if kinds is None else (kinds,),
            components=names or None,
        )
        try:
            Propagator(physics, grid, Survey((shot,), TimeAxis(1e-3, 2)))
        except ConfigError as error:
            raise error.within(Message(Argument(f"survey.{key}"))) from None
