"""What an ensemble says of a run in numbers and words: its spread, and where a truth is known, whether it is honest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seisinv import plot
from seisinv.core import PARAMETERS
from seisinv.metrics import rmse
from seisinv.runs import Uncertainty
from seisinv.runs.record import RunRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Certainty:
    """How certain one parameter is, over the cells that were inverted; SI units."""

    name: str
    half_width: float  # median of half the interval's width
    median: float  # of the standard deviation
    high: float  # its 95th percentile
    coverage: float | None
    correlation: float | None
    rmse: float | None  # of the mean
    rmse_first: float | None  # of the first member

    @property
    def title(self) -> str:
        """The parameter in words."""
        return PARAMETERS[self.name].title

    @property
    def unit(self) -> str:
        """The parameter's unit."""
        return PARAMETERS[self.name].unit


def certainties(run: RunRecord) -> list[Certainty]:
    """Return how certain each parameter is that was inverted."""
    e, out = run.ensemble, []
    if e is None or e.mean.grid != run.start.grid:
        return []
    for name in e.mean:
        spread = e.std(name)
        # Water and whatever else keeps its starting value is certain by decree.
        free = (spread > 0) | (run.result[name] != run.start[name]).numpy()
        if not spread.any():
            continue
        judged: list[float | None] = [None] * 4
        if run.truth is not None and run.has_truth:
            correlation = e.spread_error_correlation(run.truth, name=name, mask=free)
            judged = [
                e.coverage(run.truth, name=name, mask=free),
                correlation if np.isfinite(correlation) else None,
                rmse(e.mean, run.truth, name=name, mask=free),
                rmse(run.result, run.truth, name=name, mask=free),
            ]
        half, spread = e.half_width(name=name)[free], spread[free]
        out.append(
            Certainty(name, float(np.median(half)), float(np.median(spread)), float(np.percentile(spread, 95)), *judged)
        )
    return out


def cards(run: RunRecord) -> Iterator[tuple[str, str, str]]:
    """Yield (title, value, note) of the numbers a reader looks for first."""
    e = run.ensemble
    for c in certainties(run):
        if e is None:
            return
        level, unit = percent(e.level), c.unit
        note = f"half of the {level} interval in the median cell, from {e.size} members, {calibration(e)}"
        yield f"{c.title} uncertainty", f"± {c.half_width:.0f} {unit}", note
        if c.coverage is not None:
            note = "of the cells that were inverted"
            if c.correlation is not None:
                note += f"; rank correlation of spread and error {c.correlation:.2f}"
            yield f"Truth inside the {level} interval", f"{c.coverage:.0%}", note


def words(e: Uncertainty) -> list[str]:
    """Return what a spread is and what it is not."""
    first = (
        f"{e.size} inversions: one of the data as they are, the others of the data plus noise made like what the first "
        "left unexplained, each with a seed of its own. Their spread is what that noise and the prior leave open. It "
        "is not the whole error: what all members share, such as the wave equation, the start model, the bounds and a "
        "wrong minimum, does not show in it, and members that are optimised agree better than the truth allows."
    )
    if e.calibration == 1:
        return [
            first,
            "The spread is shown as it is (calibration 1): it understates the error, so take it as a lower limit.",
        ]
    return [
        first,
        f"The spread is shown times {e.calibration:g}, the calibration that was given: a factor found on models whose "
        "truth is known holds for surveys and geology like theirs.",
    ]


def calibration(e: Uncertainty) -> str:
    """Return the calibration in words."""
    return "not calibrated" if e.calibration == 1 else f"calibration {e.calibration:g}"


def percent(share: float) -> str:
    """Return a share such as 0.9 as 90%."""
    return f"{100 * share:g}%"


def figure(run: RunRecord, name: str) -> Figure:
    """Draw mean and spread of a parameter, and where a truth is known, the error."""
    assert run.ensemble is not None  # asked only of parameters that `certainties` returns
    e, truth = run.ensemble, run.truth if run.has_truth else None
    return plot.uncertainty(e.mean, e.std(name), name, truth=truth, half_width=e.half_width(name=name))
