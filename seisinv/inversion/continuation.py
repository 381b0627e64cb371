"""Frequency continuation with traveltime stages: no band begins before the traveltimes of the model suit it.

Least squares pulls an arrival to the nearest cycle, the wrong one beyond half a period. Before each band the delays Δt
of all traces are measured in that band (see `signal.delays`), and the next stage is

    traveltime   where P₉₅(|Δt|) ≥ ½ T     a misfit of traveltimes (cross-correlation, envelope), which skips no cycle
    traveltime   once, where it is ≥ ¼ T   since the other 5 % can spoil least squares this close to the limit
    waveform     else                      the problem's own misfit

with T the period of the mean frequency in the band. After a traveltime stage the delays are measured again. A band that
has had its largest number of traveltime stages without getting under ½ T is never begun: the run ends, and says so.
Continuation from low to high frequencies is Bunks et al.'s (1995, doi:10.1190/1.1443880); the limit of half a period is
Virieux & Operto's (2009, doi:10.1190/1.3238367); traveltimes before waveforms are Luo & Schuster's (1991,
doi:10.1190/1.1443081).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seisinv.core import ConfigError
from seisinv.inversion.optimizers import LBFGS, Optimizer
from seisinv.misfit import Misfit, TravelTime
from seisinv.signal.processing import Band


@dataclass(frozen=True)
class Continuation:
    """When traveltimes are fitted before waveforms, and when a band may begin.

    Parameters
    ----------
    misfit : Misfit
        Of the traveltime stages: `TravelTime()`, `TravelTime(envelope=True)` or `Envelope()`.
    optimizer : Optimizer
        Of the traveltime stages; its iterations are those of one stage.
    attempts : int
        Largest number of traveltime stages in one band.
    periods : float
        Largest delay with which a band may begin, in periods.
    aim : float
        Delay, in periods, from which a band begins with at least one traveltime stage.
    percentile : float
        Share of the traces, in percent, whose delays must not exceed these limits.

    Raises
    ------
    ConfigError
        If a value is out of its range.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.inversion import Continuation
    >>> continuation = Continuation(misfit=si.misfit.Envelope(), attempts=2)  # for Inversion(continuation=…)
    >>> continuation.periods, continuation.aim
    (0.5, 0.25)
    """

    misfit: Misfit = field(default_factory=TravelTime)
    optimizer: Optimizer = field(default_factory=lambda: LBFGS(iterations=6))
    attempts: int = 4
    periods: float = 0.5
    aim: float = 0.25
    percentile: float = 95.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigError(f"attempts is {self.attempts}; the continuation needs at least 1 traveltime stage")
        if not 0 < self.periods <= 1:
            raise ConfigError(
                f"periods is {self.periods:g}; a band may begin with delays of 0 to 1 period, 0.5 is usual"
            )
        if not 0 <= self.aim <= self.periods:
            raise ConfigError(f"aim is {self.aim:g}; it lies between 0 and periods, which is {self.periods:g}")
        if not 0 < self.percentile <= 100:
            raise ConfigError(f"percentile is {self.percentile:g}; it lies between 0 and 100, such as 95")

    def next_stage(self, stage: Stage, *, delay: float, period: float, attempt: int) -> Stage:
        """Return the stage as it is where its delays (s) suit its period (s), else a traveltime stage before it.

        Parameters
        ----------
        stage : Stage
        delay, period : float, s
            As measured in the model where it begins.
        attempt : int
            Number of traveltime stages that this band has had.
        """
        if np.isnan(delay):
            return replace(
                stage,
                why="no trace has a signal in both the observed and the predicted data, so no delay can be measured",
            )
        enough = self.aim if attempt == 0 else self.periods
        found = f"{self.percentile:g} % of the traces are off by up to {delay * 1e3:.0f} ms"
        limit = f"{enough * period * 1e3:.0f} ms ({enough:g} periods)"
        if delay < enough * period:
            return replace(stage, why=f"{found}, less than {limit}")
        why = f"{found}, not less than {limit}"
        return replace(stage, misfit=self.misfit, optimizer=self.optimizer, attempt=attempt + 1, why=why)

    def capped(self, stage: Stage) -> str:
        """Return why the run ends before a stage, and what helps."""
        band = "all frequencies" if stage.band is None else f"{stage.band.high:g} Hz"
        return (
            f"the continuation ends before waveforms up to {band}: {stage.why} after {self.attempts} traveltime "
            "stages; begin with a lower band or a better starting model, or mute what the prediction cannot hold"
        )


@dataclass(frozen=True)
class Stage:
    """One minimisation: a band, a misfit, an optimiser; `index` counts stages, `number` bands, both from 0.

    `attempt` is 0 where waveforms are fitted, else the number of the band's traveltime stage, from 1; `why` is empty
    without a continuation. `search` is 0, or the share that this stage has of the search for the wavelet.
    """

    index: int
    number: int
    band: Band | None
    optimizer: Optimizer
    misfit: Misfit
    attempt: int = 0
    why: str = ""
    search: float = 0.0

    @property
    def kind(self) -> str:
        """ "kinematic" (a traveltime stage) or "waveform", as in history.jsonl."""
        return "kinematic" if self.attempt else "waveform"

    @property
    def note(self) -> dict[str, Any]:
        """Entries of the rows of the history; none where there is no continuation by traveltimes."""
        return {"rung": self.index, "stage": self.kind, "why": self.why} if self.why else {}
