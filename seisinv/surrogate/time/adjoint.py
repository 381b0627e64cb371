"""Gradients of the surrogate's data by adjoint waves: a smooth kernel, known at every node of the model.

    (1/c²) ∂²λ/∂t² − ∇²λ = Σ_r g_r(T − t) δ(x − x_r),   dJ/dc = (2/c³) ∫ ∂p/∂t(x, t) ∂λ/∂t(x, T − t) dt

for g = dJ/d(data) (Tarantola 1984, doi 10.1190/1.1441754; integrated by parts once, so that a slow drift of λ, which
absorbing edges hardly hold, does not count).  The adjoint waves are those of one more survey, with sources at the
receivers: the same features, factorisation and scattered-field form give them.  It is the gradient of the continuous
problem rather than of the surrogate's numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Grid, Survey
from seisinv.surrogate.time.wavefield import Wavefield

STEPS = 3.0  # of the integral over time per period of the highest frequency; its integrand holds twice that
EASED = 0.25  # periods of the highest frequency over which residuals fall to zero at the end of the record


def reversed_survey(survey: Survey, gradient: Tensor, frequency: float) -> Survey:
    """Return the survey of the adjoint waves: receivers emit the misfit's derivative in the data, backwards.

    Parameters
    ----------
    gradient : (shot, receiver, time) tensor
    frequency : float, Hz
        Highest one: a residual that does not end at zero would start a front that no feature follows.
    """
    g = gradient.detach().double().clone()
    eased = min(ceil(EASED / frequency / survey.time.step), g.shape[-1])
    g[..., g.shape[-1] - eased :] *= torch.cos(torch.pi / 2 * (torch.arange(eased) + 0.5) / eased) ** 2
    shots = tuple(replace(shot, sources=shot.receivers) for shot in survey.shots)
    return survey.replace(shots=shots, wavelet=g.flip(-1) / survey.time.step)


def kernel(forward: Wavefield, adjoint: Wavefield, *, grid: Grid, end: float, frequency: float) -> np.ndarray:
    """Return ∫ ∂p/∂t(x, t) ∂λ/∂t(x, T − t) dt around every node, summed over shots [nz, nx].

    Parameters
    ----------
    forward, adjoint : Wavefield
        p and λ of every shot.
    grid : Grid
        Its nodes stand for a cell each, for half of one at edges.
    end : float, s
        T.
    frequency : float, Hz
        Highest one.
    """
    z, x = np.meshgrid(*(grid.coordinates(a) for a in grid.axes), indexing="ij")
    times = np.linspace(0.0, end, ceil(end * frequency * STEPS) + 1)
    total = np.zeros(z.size)
    for t in times[1:-1]:  # p is at rest at the start and λ at the end
        at, back = (np.column_stack([z.ravel(), x.ravel(), np.full(z.size, when)]) for when in (t, end - t))
        total += np.sum(forward(at, (0, 0, 1)) * adjoint(back, (0, 0, 1)), axis=0)
    weights = [np.full(n, h) for n, h in zip(grid.shape, grid.spacing, strict=True)]
    for w in weights:
        w[[0, -1]] *= 0.5
    return total.reshape(z.shape) * np.outer(*weights) * times[1]


def attach(data: Tensor, vp: Tensor, gradient: Callable[[Tensor], np.ndarray]) -> Tensor:
    """Return data whose derivative in the velocity is `gradient` of what comes back to them."""
    return torch.as_tensor(_Attach.apply(data, vp, gradient))


class _Attach(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, data: Tensor, vp: Tensor, gradient: Callable[[Tensor], np.ndarray]) -> Tensor:
        ctx.gradient, ctx.like = gradient, vp.dtype
        return data.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:  # type: ignore[override]
        return None, torch.from_numpy(ctx.gradient(gradients[0])).to(ctx.like), None
