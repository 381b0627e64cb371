"""The automatic ladder: times before wave forms, and no band before the times of the model suit it.

Least squares pulls an arrival to the nearest cycle, the wrong one beyond half a period. Before each band the delays Δt
of all traces are measured in that band (see `skipping`), and the next rung is

    kinematic   where P₉₅(|Δt|) ≥ ½ T     a misfit of times (cross-correlation, envelope), which no cycle stops
    kinematic   once, where it is ≥ ¼ T   since the other 5 % can spoil least squares this close to the bound
    waveform    else                      the problem's own misfit

with T the period of the mean frequency in the band. After a kinematic rung the delays are measured again. A band that
has had its cap of kinematic rungs without getting under ½ T is never begun: the ladder ends, and says so. Continuation
from low to high frequencies is Bunks et al.'s (1995, doi:10.1190/1.1443880); the bound of half a period is Virieux &
Operto's (2009, doi:10.1190/1.3238367); times before wave forms are Luo & Schuster's (1991, doi:10.1190/1.1443081).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seisinv.core import ConfigError
from seisinv.inversion.optimizers import LBFGS, Optimizer
from seisinv.inversion.processing import Band
from seisinv.misfit import Misfit, TravelTime


@dataclass(frozen=True)
class Ladder:
    """When times are fitted, and when a band may begin.

    Parameters
    ----------
    misfit : Misfit
        Of the kinematic rungs: `TravelTime()`, `TravelTime(envelope=True)` or `Envelope()`.
    optimizer : Optimizer
        Of the kinematic rungs; its iterations are those of one rung.
    attempts : int
        Cap: kinematic rungs in one band.
    periods : float
        Largest delay with which a band may begin, in periods.
    aim : float
        Delay, in periods, from which a band begins with one kinematic rung at least.
    percentile : float
        Share of the traces in percent whose delays must keep to it.

    Examples
    --------
    >>> import seisinv as si
    >>> Ladder(misfit=si.misfit.Envelope(), attempts=2).periods
    0.5
    """

    misfit: Misfit = field(default_factory=TravelTime)
    optimizer: Optimizer = field(default_factory=lambda: LBFGS(iterations=6))
    attempts: int = 4
    periods: float = 0.5
    aim: float = 0.25
    percentile: float = 95.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigError(f"attempts is {self.attempts}; a ladder needs at least 1 kinematic rung")
        if not 0 < self.periods <= 1:
            raise ConfigError(
                f"periods is {self.periods:g}; a band may begin with delays of 0 to 1 period, 0.5 is usual"
            )
        if not 0 <= self.aim <= self.periods:
            raise ConfigError(f"aim is {self.aim:g}; it lies between 0 and periods, which is {self.periods:g}")
        if not 0 < self.percentile <= 100:
            raise ConfigError(f"percentile is {self.percentile:g}; it lies between 0 and 100, such as 95")

    def judged(self, rung: Rung, *, late: float, period: float, attempt: int) -> Rung:
        """Return the rung as it is where its delays (s) suit its period (s), else a kinematic one before it."""
        if np.isnan(late):
            return replace(rung, why="no trace is heard on both sides, so no time is known")
        enough = self.aim if attempt == 0 else self.periods
        found = f"{self.percentile:g} % of the traces are off by up to {late * 1e3:.0f} ms"
        limit = f"{enough * period * 1e3:.0f} ms ({enough:g} periods)"
        if late < enough * period:
            return replace(rung, why=f"{found}, less than {limit}")
        why = f"{found}, not less than {limit}"
        return replace(rung, misfit=self.misfit, optimizer=self.optimizer, attempt=attempt + 1, why=why)

    def capped(self, rung: Rung) -> str:
        """Return why the ladder ends before a rung, and what helps."""
        band = "all frequencies" if rung.band is None else f"{rung.band.high:g} Hz"
        return (
            f"the ladder ends before wave forms up to {band}: {rung.why} after {self.attempts} kinematic rungs; "
            "begin with a lower band or a better start model, or mute what the prediction cannot hold"
        )


@dataclass(frozen=True)
class Rung:
    """One minimisation: a band, a misfit, an optimiser; `index` counts rungs, `number` bands, both from 0.

    `attempt` is 0 where wave forms are fitted, else which kinematic rung of the band it is, from 1; `why` is empty
    where there is no ladder.
    """

    index: int
    number: int
    band: Band | None
    optimizer: Optimizer
    misfit: Misfit
    attempt: int = 0
    why: str = ""

    @property
    def stage(self) -> str:
        """ "kinematic" or "waveform"."""
        return "kinematic" if self.attempt else "waveform"

    @property
    def note(self) -> dict[str, Any]:
        """What the rows of the history say of it: nothing where there is no ladder."""
        return {"rung": self.index, "stage": self.stage, "why": self.why} if self.why else {}
