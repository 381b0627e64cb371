"""The expensive work of an inversion as pure functions of picklable inputs, by groups of shots.

An executor that distributes work over processes or machines needs only `map(misfit_and_gradient, tasks)`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Gathers, Grid, Model, Observed, Simulator
from seisinv.core.gathers import refuse_nan
from seisinv.inversion.wavelet import EstimateWavelet, pulse, with_best_wavelet
from seisinv.misfit import Misfit
from seisinv.signal.delays import moments
from seisinv.signal.processing import Band, Window, processed


@dataclass(frozen=True, eq=False)
class ShotTask:
    """One group of shots to be simulated and compared; `Inversion.tasks` yields them.

    Parameters
    ----------
    simulator : Simulator
        Restricted to the group's shots.
    observed : Observed
        Data that hold the group, in memory or a file.
    rows : tuple of int
        Indices of the group's shots in `observed`.
    shots : tuple of int
        Their indices in the whole survey.
    grid : Grid
    parameters : mapping of str to tensor
        The model, as plain tensors on the grid.
    wanted : tuple of str
        Parameters whose gradient is computed; empty: misfit only.
    misfit : Misfit
    wavelet : EstimateWavelet or None
        How to estimate the wavelet from the group's data; None: it is known.
    highest : float, Hz
        Upper end of an estimated wavelet's spectrum.
    band, window : Band, Window or None
        Filter and mutes of both predicted and observed data.
    source : tensor [time] or [shot, source, time], or None
        A known wavelet in place of the simulator's own.

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
    >>> [task.shots for task in problem.tasks(start, wanted=["vp"])]
    [(0, 1)]
    """

    simulator: Simulator
    observed: Observed
    rows: tuple[int, ...]
    shots: tuple[int, ...]
    grid: Grid
    parameters: Mapping[str, Tensor]
    wanted: tuple[str, ...]
    misfit: Misfit
    wavelet: EstimateWavelet | None = None
    highest: float = 0.0
    band: Band | None = None
    window: Window | None = None
    source: Tensor | None = None


@dataclass(frozen=True, eq=False)
class ShotResult:
    """Misfit of a group of shots and its gradient.

    Parameters
    ----------
    misfit : float
    gradient : mapping of str to array [z, x]
        By parameter, per SI unit of the parameter.
    seconds : float, s
        Time that it took.

    Examples
    --------
    >>> from seisinv.inversion import ShotResult
    >>> ShotResult(misfit=0.5, gradient={}, seconds=1.2).misfit
    0.5
    """

    misfit: float
    gradient: Mapping[str, np.ndarray]
    seconds: float


def misfit_and_gradient(task: ShotTask) -> ShotResult:
    """Compute the data misfit of a group of shots and its gradient with respect to the wanted parameters.

    Parameters
    ----------
    task : ShotTask

    Returns
    -------
    ShotResult

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
    >>> results = [si.inversion.misfit_and_gradient(t) for t in problem.tasks(start, wanted=["vp"])]
    >>> results[0].gradient["vp"].shape
    (13, 21)
    """
    began = time.perf_counter()
    inputs, predicted, observed, _ = _predicted(task)
    value = task.misfit(_processed(predicted, task), _processed(observed, task))
    if not torch.isfinite(value):
        remedy = "it is predicted: check the bounds and the wavelet"
        refuse_nan(predicted.data, predicted.live, predicted.survey, remedy=remedy)
    gradients = torch.autograd.grad(value, inputs) if inputs else ()
    return ShotResult(value.item(), _by_name(task, gradients), time.perf_counter() - began)


def misfit_of_nothing(task: ShotTask) -> float:
    """Return the misfit of a group of shots where nothing is predicted; it costs no simulation."""
    observed = _processed(task.observed[list(task.rows)], task)
    return float(task.misfit(observed.replace(data=torch.zeros_like(observed.data)), observed))


def predicted(task: ShotTask) -> tuple[Gathers, Gathers, Tensor | None]:
    """Return predicted and observed gathers of a group, unfiltered, and the wavelet [1 or shot, time] if estimated."""
    with torch.no_grad():
        _, simulated, observed, wavelet = _predicted(task)
    return simulated, observed, wavelet


def random_projection(task: ShotTask, seed: int) -> Mapping[str, np.ndarray]:
    """Return Jᵀ v for random signs v, J the derivative of the processed live data: E[(Jᵀ v)²] is the diagonal of Jᵀ J.

    The signs of a shot depend on `seed` and the shot's index only, not on how shots are grouped.
    """
    inputs, predicted, observed, _ = _predicted(task)
    data = _processed(predicted, task)
    signs = np.zeros(data.data.shape)
    for row, shot in zip(signs, task.shots, strict=True):
        random = np.random.default_rng([seed, shot])
        row[:] = 1.0 - 2.0 * random.integers(0, 2, row.shape)
    v = torch.from_numpy(signs) * (data.live & observed.live)[..., None]
    return _by_name(task, torch.autograd.grad(data.data, inputs, v))


def time_residuals(task: ShotTask) -> Mapping[str, np.ndarray]:
    """Return the delays of a group of shots and the sums for its mean frequency; see `signal.delays.moments`."""
    with torch.no_grad():
        _, predicted, observed, _ = _predicted(task)
        p, d = _processed(predicted, task), _processed(observed, task)
    traces = (p.live & d.live).numpy()
    return moments(p.data.numpy()[traces], d.data.numpy()[traces], d.survey.time.step)


def best_wavelets(task: ShotTask) -> np.ndarray:
    """Return the wavelet of a group of shots, and those of its shots alone, as [2, shot, time]."""
    assert task.wavelet is not None  # asked for only where one is estimated
    with torch.no_grad():
        _, response, observed = _simulated(task)
        ways = (task.wavelet, replace(task.wavelet, per_shot=True))
        found = [with_best_wavelet(response, observed, how, highest=task.highest)[1] for how in ways]
    return np.stack([w.expand(len(task.rows), -1).numpy() for w in found])


def _predicted(task: ShotTask) -> tuple[list[Tensor], Gathers, Gathers, Tensor | None]:
    """Return the wanted parameters, predicted and observed gathers, and the wavelet if it is estimated."""
    inputs, simulated, observed = _simulated(task)
    if task.wavelet is None:
        return inputs, simulated, observed, None
    fitted, wavelet = with_best_wavelet(simulated, observed, task.wavelet, highest=task.highest)
    return inputs, fitted, observed, wavelet


def _simulated(task: ShotTask) -> tuple[list[Tensor], Gathers, Gathers]:
    """Return the wanted parameters, simulated and observed gathers; a pulse is emitted where a wavelet is estimated."""
    leaves = {n: p.detach().clone().requires_grad_(n in task.wanted) for n, p in task.parameters.items()}
    inputs = [leaves[n] for n in task.wanted]
    model, observed = Model(task.grid, **leaves), task.observed[list(task.rows)]
    refuse_nan(observed.data, observed.live, observed.survey)
    if task.wavelet is None:
        return inputs, task.simulator(model, task.source), observed
    source = torch.from_numpy(pulse(task.simulator.survey.source_time, task.highest))
    gathers = task.simulator(model, source.to(next(iter(leaves.values())).dtype))
    used = gathers.live if task.window is None else gathers.live & task.window.traces(gathers.survey)
    return inputs, gathers.replace(live=used), observed


def _processed(gathers: Gathers, task: ShotTask) -> Gathers:
    return processed(gathers, task.band, task.window)


def _by_name(task: ShotTask, gradients: Sequence[Tensor]) -> dict[str, np.ndarray]:
    return {n: g.double().cpu().numpy() for n, g in zip(task.wanted, gradients, strict=True)}
