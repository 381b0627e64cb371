"""What an inversion reports while it runs and hands back when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seisinv.core import Gathers, Model, Simulator


@dataclass(frozen=True)
class Event:
    """What a running inversion reports: an evaluation, an update, or a message.

    Parameters
    ----------
    band : float, Hz, or None
        Upper corner of the band; None: the data as they are.
    band_number, bands : int
        Which band of how many, from 1.
    iteration, iterations : int
        Accepted updates in this band, of how many.
    evaluations : int
        Misfits with gradients in this band so far.
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
        What is happening, where it is not an evaluation.
    model : Model or None
        The model that an update has led to, where the event tells of one.
    member, members : int
        Which inversion of an ensemble of how many, from 1.
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


Progress = Callable[[Event], None]


@dataclass(frozen=True)
class BandEnd:
    """How a band ended: its label, why, and after how many updates and evaluations.

    With a ladder, one per rung: `stage` is "kinematic" or "waveform", `why` what made it the next one.
    """

    band: float | None
    reason: str
    iterations: int
    evaluations: int
    stage: str = "waveform"
    why: str = ""


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of an inversion.

    Parameters
    ----------
    model, start : Model
    history : list of dict
        One row per accepted iteration, as in history.jsonl.
    ends : one BandEnd per band, or per rung of a ladder
    wavelets : tensors by band label
        Estimated source wavelets, on the survey's source time axis; empty if the wavelet was known.
    run_directory : Path or None
    solves : int
        Wave equations solved in all, one per shot and simulation, two per shot and gradient; the trials after the last
        row of the history and the estimates of wavelets included.
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
        """Simulate shots (default: all) in the result, or in another model, with the last wavelet; unfiltered."""
        index = list(range(len(self.simulator.survey))) if shots is None else list(shots)
        wavelet = list(self.wavelets.values())[-1] if self.wavelets else None
        with torch.no_grad():
            return self.simulator.subset(index)(self.model if model is None else model, of_shots(wavelet, index))


def of_shots(wavelet: Tensor | None, shots: Sequence[int]) -> Tensor | None:
    """Return the wavelets of some shots from one for all [time] or one per shot [shot, source, time]."""
    return wavelet if wavelet is None or wavelet.ndim == 1 else wavelet[list(shots)]
