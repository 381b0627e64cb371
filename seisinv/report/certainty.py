"""Uncertainty of a run by its ensemble: the spread, and where a truth is known, whether it is calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seisinv import plot
from seisinv.core import PARAMETERS
from seisinv.metrics.errors import rmse
from seisinv.report.render import Headline
from seisinv.runs.record import RunRecord
from seisinv.runs.uncertainty import Uncertainty

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Certainty:
    """Uncertainty of one parameter over the cells that were inverted; SI units."""

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
    """Return the uncertainty of each parameter that was inverted."""
    e, out = run.ensemble, []
    if e is None or e.mean.grid != run.start.grid:
        return []
    for name in e.mean:
        spread = e.std(name)
        # Water and whatever else keeps its starting value has no spread.
        free = (spread > 0) | (run.result[name] != run.start[name]).numpy()
        if not spread.any():
            continue
        known: list[float | None] = [None] * 4
        if run.truth is not None and run.has_truth and name in run.truth:
            correlation = e.spread_error_correlation(run.truth, name=name, mask=free)
            known = [
                e.coverage(run.truth, name=name, mask=free),
                correlation if np.isfinite(correlation) else None,
                rmse(e.mean, run.truth, name=name, mask=free),
                rmse(run.result, run.truth, name=name, mask=free),
            ]
        half, spread = e.half_width(name=name)[free], spread[free]
        out.append(
            Certainty(name, float(np.median(half)), float(np.median(spread)), float(np.percentile(spread, 95)), *known)
        )
    return out


def headlines(run: RunRecord) -> Iterator[Headline]:
    """Yield the headline numbers of the uncertainty."""
    e = run.ensemble
    for c in certainties(run):
        if e is None:
            return
        level, unit = percent(e.level), c.unit
        note = f"half of the {level} interval in the median cell, from {e.size} members, {calibration(e)}"
        yield Headline(f"{c.title} uncertainty", f"± {c.half_width:.0f} {unit}", note)
        if c.coverage is not None:
            note = "of the cells that were inverted"
            if c.correlation is not None:
                note += f"; rank correlation of spread and error {c.correlation:.2f}"
            yield Headline(f"Truth inside the {level} interval", f"{c.coverage:.0%}", note)


def words(e: Uncertainty) -> list[str]:
    """Return what the spread means, and what it does not."""
    first = (
        f"{e.size} inversions: one of the data as they are, the others of the data plus noise with the spectrum of the "
        "residuals of the first, each with its own seed. Their spread is the uncertainty due to that noise and the "
        "prior. It is not the whole error: it does not include what all members share, such as the wave equation, the "
        "starting model, the bounds and a local minimum, and members that are optimised differ less than the error."
    )
    if e.calibration == 1:
        return [
            first,
            "The spread is shown as it is (calibration 1): it underestimates the error, so take it as a lower limit.",
        ]
    return [
        first,
        f"The spread is shown times {e.calibration:g}, the given calibration: a factor found on known models holds for "
        "similar surveys and geology.",
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
    e = run.ensemble
    truth = run.truth if run.has_truth and run.truth is not None and name in run.truth else None
    return plot.uncertainty(e.mean, e.std(name), name, truth=truth, half_width=e.half_width(name=name))
