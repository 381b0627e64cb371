"""First-arrival times as a differentiable function of the velocity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import GeometryError, Grid
from seisinv.core.resampling import bilinear
from seisinv.traveltime.eikonal import Linearised, arrivals


def first_arrivals(vp: Tensor, grid: Grid, sources: np.ndarray, *, receivers: Sequence[np.ndarray]) -> list[Tensor]:
    """Return the first-arrival times at the receivers of each source, differentiable in the velocity.

    The gradient is exact for the upwind scheme: one sparse triangular solve per source.

    Parameters
    ----------
    vp : tensor [z, x], m/s
    grid : Grid
    sources : (n, 2) array, m
    receivers : n arrays (·, 2), m

    Returns
    -------
    list of n tensors, s

    Raises
    ------
    GeometryError
        If the grid is not two-dimensional, or a position lies outside.

    Examples
    --------
    >>> vp = torch.full((21, 41), 2000.0, dtype=torch.float64, requires_grad=True)
    >>> times = first_arrivals(vp, Grid((21, 41), 20.0), np.array([[0.0, 100.0]]), receivers=[np.array([[0.0, 700.0]])])
    >>> round(float(times[0]), 6)
    0.3
    """
    sources = np.atleast_2d(np.asarray(sources, float))
    if grid.ndim != 2 or len(receivers) != len(sources):
        raise GeometryError(
            f"the grid has {grid.ndim} axes and there are {len(sources)} sources with {len(receivers)} sets of "
            "receivers; give a 2-D grid and one set for each source"
        )
    for name, places in (("source", sources), ("receiver", np.concatenate(list(receivers)))):
        outside = ~grid.contains(places)
        if outside.any():
            raise GeometryError(f"{name} at (z, x) = {tuple(places[outside][0])} m is outside the model {grid.extent}")
    times = _Times.apply(vp, grid, sources, [np.asarray(r, float) for r in receivers])
    return list(torch.split(times, [len(r) for r in receivers]))


class _Times(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vp: Tensor, grid: Grid, sources: np.ndarray, receivers: list[np.ndarray]) -> Tensor:
        solved = arrivals(grid, 1 / vp.detach().double().numpy(), sources)
        ctx.solved, ctx.receivers, ctx.like = solved, receivers, vp
        return torch.from_numpy(np.concatenate([solved.at(k, r) for k, r in enumerate(receivers)])).to(vp)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        solved, at = ctx.solved, 0
        total = np.zeros(solved.slowness.size)
        weights = grads[0].double().numpy()
        for k, receivers in enumerate(ctx.receivers):
            index, share = bilinear(solved.grid, receivers)
            far = np.linalg.norm(receivers - solved.sources[k], axis=1)
            back = np.zeros((solved.slowness.size, 1))
            np.add.at(back[:, 0], index, (weights[at : at + len(receivers)] * far)[:, None] * share)
            total += Linearised.of(solved, k).adjoint(back)[:, 0]
            at += len(receivers)
        gradient = -(solved.slowness**2) * total.reshape(solved.slowness.shape)
        return torch.from_numpy(gradient).to(ctx.like), None, None, None
