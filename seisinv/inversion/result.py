"""Progress reports and the result of an inversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seisinv.core import Gathers, Model, Simulator
from seisinv.inversion.wavelet import of_shots
from seisinv.metrics.errors import rmse
from seisinv.runs.ledger import Ledger


@dataclass(frozen=True)
class Event:
    """Progress report of a running inversion: an evaluation, an update, or a message.

    Parameters
    ----------
    band : float, Hz, or None
        Upper corner of the band; None: the data as they are.
    band_number, bands : int
        Number of the band, from 1, and number of bands.
    iteration, iterations : int
        Number of accepted updates in this band so far, and at most.
    evaluations : int
        Number of misfits with gradients in this band so far.
    misfit : float or None
        Latest data misfit, in the misfit's own unit.
    relative : float or None
        The same over its value at the start of the band.
    solves : int
        Wave equations solved so far: one per shot and simulation, two per shot and gradient.
    seconds, eta : float, s
        Time spent on evaluations, those of an earlier, interrupted process included; estimated time left.
    replayed : bool
        Whether this evaluation came from the run directory.
    message : str
        Description, where it is not an evaluation.
    model : Model or None
        The model after an update.
    member, members : int
        Number of the ensemble member, from 1, and number of members.
    budget : int or None
        Largest number of solves.
    searches : bool
        Whether the wavelet is searched: the model is then dropped.
    shots : (int, int) or None
        Within an evaluation: how many of its shots are done, and how many there are.

    Examples
    --------
    >>> from seisinv.inversion import Event
    >>> event = Event(band=8.0, band_number=1, bands=2, iteration=3, iterations=10, evaluations=4, misfit=0.5,
    ...               relative=0.25, solves=32, seconds=4.0, eta=9.0)
    >>> f"{event.iteration}/{event.iterations}: {event.relative:.0%}"
    '3/10: 25%'
    """

    band: float | None
    band_number: int
    bands: int
    iteration: int
    iterations: int
    evaluations: int
    misfit: float | None
    relative: float | None
    solves: int
    seconds: float
    eta: float | None
    replayed: bool = False
    message: str = ""
    model: Model | None = None
    member: int = 1
    members: int = 1
    budget: int | None = None
    searches: bool = False
    shots: tuple[int, int] | None = None


Progress = Callable[[Event], None]


@dataclass(frozen=True)
class BandEnd:
    """The end of a band, or of a stage of a continuation.

    Parameters
    ----------
    band : float, Hz, or None
        Upper corner; None: the data as they are.
    reason : str
        Why it ended.
    iterations, evaluations : int
        Number of updates, and of misfits with gradients.
    stage : str
        "kinematic" for a traveltime stage, else "waveform".
    why : str
        Why the continuation chose this stage; empty without one.

    Examples
    --------
    >>> from seisinv.inversion import BandEnd
    >>> BandEnd(8.0, "all 10 iterations done", iterations=10, evaluations=12).stage
    'waveform'
    """

    band: float | None
    reason: str
    iterations: int
    evaluations: int
    stage: str = "waveform"
    why: str = ""


@dataclass(frozen=True, eq=False)
class Result:
    """The result of an inversion.

    Parameters
    ----------
    model, start : Model
        Final and starting model.
    history : sequence of mapping
        One row per accepted iteration, as in history.jsonl.
    ends : sequence of BandEnd
        One per band, or per stage of a continuation.
    wavelets : mapping of str to tensor
        Estimated source wavelets by band, on the survey's source time axis; empty if the wavelet was known.
    run_directory : Path or None
    simulator : Simulator
        Predicts the data.
    solves : int
        Wave equations solved in all, one per shot and simulation, two per shot and gradient, including the trials after
        the last row of the history and the estimates of wavelets.

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((13, 21), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 300, every=200, depth=20), wavelet=si.ricker(6),
    ...                            receivers=si.line(0, 400, every=40, depth=220), duration=0.5, dt=4e-3)
    >>> simulate = si.Propagator(si.Acoustic(), grid, survey, vp_max=2600)
    >>> start = si.Model(grid, vp=2000.0)
    >>> problem = si.Inversion(propagator=simulate, observed=simulate(start.replace(vp=2050.0)),
    ...                        unknown=si.unknowns.Bounded(start, vp=(1500, 2600)))
    >>> result = si.invert(problem, si.LBFGS(iterations=1))
    >>> result.ends[0].iterations, result.predicted([0]).data.shape
    (1, torch.Size([1, 11, 126]))
    """

    model: Model
    start: Model
    history: Sequence[Mapping[str, Any]]
    ends: Sequence[BandEnd]
    wavelets: Mapping[str, Tensor]
    run_directory: Path | None
    simulator: Simulator
    solves: int

    def predicted(self, shots: Sequence[int] | None = None, *, model: Model | None = None) -> Gathers:
        """Simulate shots with the last wavelet.

        Parameters
        ----------
        shots : sequence of int, optional
            Default: all.
        model : Model, optional
            Default: the result.

        Returns
        -------
        Gathers
            Unfiltered.
        """
        index = list(range(len(self.simulator.survey))) if shots is None else list(shots)
        wavelet = list(self.wavelets.values())[-1] if self.wavelets else None
        with torch.no_grad():
            return self.simulator.subset(index)(self.model if model is None else model, of_shots(wavelet, index))


def history_row(
    ledger: Ledger, model: Model, place: tuple[float | None, int], misfit: tuple[float, float], **noted: float | None
) -> dict[str, Any]:
    """Return a row of history.jsonl.

    Parameters
    ----------
    ledger : Ledger
    model : Model
        The one that was accepted.
    place : (band, iteration)
    misfit : (misfit, that at the start of the band)
    **noted
        What else the method notes of the iteration.
    """
    (band, iteration), (now, first), truth = place, misfit, ledger.truth
    row = {"band": band, "iteration": iteration, "misfit": now, "relative": now / (first or 1.0), **noted}
    row |= {"solves": ledger.solves, "seconds": round(ledger.seconds, 3)}
    error = None if truth is None or truth.leading not in model else rmse(model, truth, name=truth.leading)
    return row | {"model_rmse": error}
