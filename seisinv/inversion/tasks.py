"""The expensive work of an inversion as pure functions of picklable inputs, by groups of shots.

Whatever distributes them needs only `map(misfit_and_gradient, tasks)`; see `seisinv.spread`.
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
from seisinv.inversion.balance import Balance
from seisinv.inversion.point import Point
from seisinv.inversion.wavelet import EstimateWavelet, pulse, with_best_wavelet
from seisinv.misfit import Misfit
from seisinv.signal.delays import moments
from seisinv.signal.processing import Band, Window, processed


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What all groups of shots of one evaluation have in common.

    Parameters
    ----------
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
    point : Point, optional
        The vector of the unknown, where gradients with respect to it are wanted of each group.
    balance : Balance, optional
        Between the components of the data, where there are several.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.inversion.tasks import Evaluation
    >>> model = si.Model(si.Grid((13, 21), 20.0), vp=2000.0)
    >>> Evaluation(model.grid, dict(model.parameters), ("vp",), si.misfit.L2()).wanted
    ('vp',)
    """

    grid: Grid
    parameters: Mapping[str, Tensor]
    wanted: tuple[str, ...]
    misfit: Misfit
    wavelet: EstimateWavelet | None = None
    highest: float = 0.0
    band: Band | None = None
    window: Window | None = None
    point: Point | None = None
    balance: Balance | None = None


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
    shared : Evaluation
        What it has in common with the other groups.
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
    shared: Evaluation
    source: Tensor | None = None

    @property
    def name(self) -> str:
        """What it is called where it is lost."""
        return f"shots {min(self.shots) + 1} to {max(self.shots) + 1}"

    @property
    def holds_data(self) -> bool:
        """Whether its data are in memory, so that they would travel with it."""
        return isinstance(self.observed, Gathers)


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

    def __add__(self, other: ShotResult) -> ShotResult:
        """Return that of both groups."""
        gradient = {n: g + other.gradient[n] for n, g in self.gradient.items()}
        return ShotResult(self.misfit + other.misfit, gradient, self.seconds + other.seconds)


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
    value = _misfit(task, _processed(predicted, task), _processed(observed, task))
    if not torch.isfinite(value):
        remedy = "it is predicted: check the bounds and the wavelet"
        refuse_nan(predicted.data, predicted.live, predicted.survey, remedy=remedy)
    gradients = torch.autograd.grad(value, inputs) if inputs else ()
    return ShotResult(value.item(), _by_name(task, gradients), time.perf_counter() - began)


def misfit_of_nothing(task: ShotTask) -> float:
    """Return the misfit of a group of shots where nothing is predicted; it costs no simulation."""
    observed = _processed(task.observed[list(task.rows)], task)
    return float(_misfit(task, observed.replace(data=torch.zeros_like(observed.data)), observed))


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
    if task.shared.balance is not None:
        v = v * task.shared.balance.of(data.survey).sqrt()[..., None]
    return _by_name(task, torch.autograd.grad(data.data, inputs, v))


def squared_projection(task: ShotTask, seed: int) -> np.ndarray:
    """Return the square of a random projection on the vector of the unknown; see `random_projection`."""
    assert task.shared.point is not None  # that of the task's model
    return task.shared.point.chained(random_projection(task, seed)) ** 2


def time_residuals(task: ShotTask) -> Mapping[str, np.ndarray]:
    """Return the delays of a group of shots and the sums for its mean frequency; see `signal.delays.moments`."""
    with torch.no_grad():
        _, predicted, observed, _ = _predicted(task)
        p, d = _processed(predicted, task), _processed(observed, task)
    traces = (p.live & d.live).numpy()
    return moments(p.data.numpy()[traces], d.data.numpy()[traces], d.survey.time.step)


def best_wavelets(task: ShotTask) -> np.ndarray:
    """Return the wavelet of a group of shots, and those of its shots alone, as [2, shot, time]."""
    assert task.shared.wavelet is not None  # asked for only where one is estimated
    with torch.no_grad():
        _, response, observed = _simulated(task)
        ways = (task.shared.wavelet, replace(task.shared.wavelet, per_shot=True))
        found = [_with_best_wavelet(task, response, observed, how)[1] for how in ways]
    return np.stack([w.expand(len(task.rows), -1).numpy() for w in found])


def _predicted(task: ShotTask) -> tuple[list[Tensor], Gathers, Gathers, Tensor | None]:
    """Return the wanted parameters, predicted and observed gathers, and the wavelet if it is estimated."""
    inputs, simulated, observed = _simulated(task)
    if task.shared.wavelet is None:
        return inputs, simulated, observed, None
    fitted, wavelet = _with_best_wavelet(task, simulated, observed, task.shared.wavelet)
    return inputs, fitted, observed, wavelet


def _with_best_wavelet(
    task: ShotTask, simulated: Gathers, observed: Gathers, how: EstimateWavelet
) -> tuple[Gathers, Tensor]:
    balance = task.shared.balance
    factors = None if balance is None else balance.factors(simulated.survey) * balance.of(simulated.survey).sqrt()
    return with_best_wavelet(simulated, observed, how, highest=task.shared.highest, factors=factors)


def _simulated(task: ShotTask) -> tuple[list[Tensor], Gathers, Gathers]:
    """Return the wanted parameters, simulated and observed gathers; a pulse is emitted where a wavelet is estimated."""
    leaves = {n: p.detach().clone().requires_grad_(n in task.shared.wanted) for n, p in task.shared.parameters.items()}
    inputs = [leaves[n] for n in task.shared.wanted]
    model, observed = Model(task.shared.grid, **leaves), task.observed[list(task.rows)]
    refuse_nan(observed.data, observed.live, observed.survey)
    if task.shared.wavelet is None:
        return inputs, task.simulator(model, task.source), observed
    source = torch.from_numpy(pulse(task.simulator.survey.source_time, task.shared.highest))
    gathers = task.simulator(model, source.to(next(iter(leaves.values())).dtype))
    used = gathers.live if task.shared.window is None else gathers.live & task.shared.window.traces(gathers.survey)
    return inputs, gathers.replace(live=used), observed


def _processed(gathers: Gathers, task: ShotTask) -> Gathers:
    found, balance = processed(gathers, task.shared.band, task.shared.window), task.shared.balance
    return found if balance is None else balance.even(found)


def _misfit(task: ShotTask, predicted: Gathers, observed: Gathers) -> Tensor:
    balance = task.shared.balance
    if balance is None:
        return task.shared.misfit(predicted, observed)
    return task.shared.misfit(predicted, observed, weights=balance.of(predicted.survey))


def _by_name(task: ShotTask, gradients: Sequence[Tensor]) -> dict[str, np.ndarray]:
    return {n: g.double().cpu().numpy() for n, g in zip(task.shared.wanted, gradients, strict=True)}
