"""The expensive work of an inversion as pure functions of picklable inputs, shot group by shot group.

An engine that spreads work over processes or machines needs only `map(misfit_and_gradient, tasks)`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Gathers, Grid, Model, Observed, Survey
from seisinv.inversion.processing import Band, Window, processed
from seisinv.misfit import Misfit


class Simulator(Protocol):
    """What an inversion needs of a propagator, or of a surrogate that stands in for one."""

    @property
    def survey(self) -> Survey:
        """Acquisition that it simulates."""

    @property
    def grid(self) -> Grid:
        """Grid of the models it takes."""

    def subset(self, shots: Sequence[int]) -> Simulator:
        """Return the simulator of some of the shots."""

    def __call__(self, model: Model, wavelet: Tensor | None = None) -> Gathers:
        """Simulate, differentiably in the model's tensors."""


@dataclass(frozen=True, eq=False)
class ShotTask:
    """One group of shots to be simulated and compared.

    Parameters
    ----------
    simulator : Simulator
        Restricted to the group's shots.
    observed : Observed
        Data that hold the group, in memory or a file.
    rows : tuple of int
        Where the group's shots are in `observed`.
    shots : tuple of int
        Their indices in the whole survey.
    grid, parameters : Grid, tensors by name
        The model, as plain arrays.
    wanted : names of the parameters whose gradient is asked for; none: misfit only
    misfit : Misfit
    wavelet : tensor [time] or [shot, source, time], or None for the survey's own
    band, window : the same treatment of both sides
    """

    simulator: Simulator
    observed: Observed
    rows: tuple[int, ...]
    shots: tuple[int, ...]
    grid: Grid
    parameters: Mapping[str, Tensor]
    wanted: tuple[str, ...]
    misfit: Misfit
    wavelet: Tensor | None = None
    band: Band | None = None
    window: Window | None = None


@dataclass(frozen=True, eq=False)
class ShotResult:
    """Misfit of a shot group and its gradient by parameter name, per SI unit of the parameter."""

    misfit: float
    gradient: Mapping[str, np.ndarray]
    seconds: float


def misfit_and_gradient(task: ShotTask) -> ShotResult:
    """Return the data misfit of a group of shots and its gradient with respect to the wanted parameters."""
    began = time.perf_counter()
    inputs, predicted = _simulated(task)
    observed = processed(task.observed[list(task.rows)], task.band, task.window)
    value = task.misfit(predicted, observed)
    gradients = torch.autograd.grad(value, inputs) if inputs else ()
    return ShotResult(value.item(), _by_name(task, gradients), time.perf_counter() - began)


def random_projection(task: ShotTask, seed: int) -> Mapping[str, np.ndarray]:
    """Return Jᵀ v for random signs v, J the derivative of the processed live data: E[(Jᵀ v)²] is the diagonal of Jᵀ J.

    The signs of a shot depend on `seed` and the shot's index only, not on how shots are grouped.
    """
    inputs, predicted = _simulated(task)
    live = predicted.live & task.observed[list(task.rows)].live
    signs = np.zeros(predicted.data.shape)
    for row, shot in zip(signs, task.shots, strict=True):
        random = np.random.default_rng([seed, shot])
        row[:] = 1.0 - 2.0 * random.integers(0, 2, row.shape)
    v = torch.from_numpy(signs) * live[..., None]
    return _by_name(task, torch.autograd.grad(predicted.data, inputs, v))


def _simulated(task: ShotTask) -> tuple[list[Tensor], Gathers]:
    leaves = {n: p.detach().clone().requires_grad_(n in task.wanted) for n, p in task.parameters.items()}
    gathers = task.simulator(Model(task.grid, **leaves), task.wavelet)
    return [leaves[n] for n in task.wanted], processed(gathers, task.band, task.window)


def _by_name(task: ShotTask, gradients: Sequence[Tensor]) -> dict[str, np.ndarray]:
    return {n: g.double().cpu().numpy() for n, g in zip(task.wanted, gradients, strict=True)}
