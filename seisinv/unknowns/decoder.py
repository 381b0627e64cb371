"""A convolutional decoder: the update of the starting model is an image that a small network makes from fixed noise.

    x_{k+1} = norm(silu(up₂(W_k x_k))),   u = size · (W x_L + b)

The deep decoder of Heckel & Hand (2019, arXiv:1810.03982), a small form of the deep image prior (Ulyanov et al. 2018,
arXiv:1711.10925): W_k mixes channels, up₂ doubles the resolution linearly, norm gives each channel a mean and standard
deviation that are weights, x₀ is noise that stays as drawn. Departures: SiLU in place of ReLU, since an optimiser with
line search needs a continuous gradient; no sigmoid at the end; the last layer starts from zero, so that the starting
model is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, silu

from seisinv.core import ConfigError, Grid, Model
from seisinv.unknowns.grid import Bounded
from seisinv.unknowns.update import NetworkUpdate

LEAST_VARIANCE = 1e-5  # of a channel, as in batch normalisation


@dataclass(frozen=True, eq=False)
class Decoder(NetworkUpdate):
    """Update of the starting model by a deep decoder (Heckel & Hand 2019).

    It regularises by its few weights and by the upsampling, which make smooth images easier than rough ones. Every
    weight acts everywhere: where the data constrain the model weakly, it changes with the rest.

    Parameters
    ----------
    start : Model
        Starting model; parameters without bounds stay as they are there. The network computes in its dtype.
    size : float, m/s
        Update of the first parameter for an output of 1; other parameters change by the same percentage. It should be
        near the update that is expected.
    channels : int
        Number of images per level.
    levels : int
        Number of doublings of the resolution: the noise has one value per 2^levels nodes. More is smoother.
    seed : int
        Seed of the noise and of the first weights.
    water : float (m), bool array [z, x], or None
        Nodes that keep their starting value: all above a depth, or where the mask is True.
    **bounds : (low, high) by parameter name, SI units
        For example vp=(1450, 4800) in m/s; kept by a smooth map, see `update.py`.

    Raises
    ------
    ConfigError
        If a setting is not positive, or the grid is too small for so many levels.
    ModelError
        If the starting model exceeds the bounds outside the water.

    Examples
    --------
    >>> unknown = Decoder(Model(Grid((31, 61), 10.0), vp=2000.0), channels=16, vp=(1500, 3000))
    >>> unknown.vector().size
    881
    """

    name: ClassVar[str] = "decoder"
    channels: int
    levels: int
    seed: int

    def __init__(
        self,
        start: Model,
        *,
        size: float = 300.0,
        channels: int = 64,
        levels: int = 3,
        seed: int = 0,
        water: float | np.ndarray | Tensor | None = None,
        **bounds: tuple[float, float],
    ) -> None:
        self._set(Bounded(start, water=water, **bounds), size=size, seed=seed, channels=channels, levels=levels)
        if min(_nodes(start.grid, levels)) < 2:
            most = next(k for k in range(levels - 1, -1, -1) if min(_nodes(start.grid, k)) >= 2)
            shape = start.grid.shape
            raise ConfigError(f"levels is {levels}; a grid of {shape} nodes can be halved {most} times at most")

    @property
    def unit(self) -> float:
        """size · channels / 2, m/s: Adam's update changes the model by at most 1 to 1.5 times its rate (measured)."""
        return self.size * self.channels / 2

    def vector(self) -> np.ndarray:
        """Return the first weights [n], level by level: random mixing, unit norms, a last layer of zeros."""
        random, n = np.random.default_rng(self.seed), self.channels
        parts = []
        for _ in range(self.levels):
            parts += [random.standard_normal(n * n) / n**0.5, np.ones(n), np.zeros(n)]
        return np.concatenate([*parts, *(np.zeros(math.prod(shape)) for shape in self._shapes[-2:])])

    def output(self, weights: Sequence[Tensor]) -> Tensor:
        """Return W x_L + b [parameter, z, x]."""
        x, mode = self._noise.to(weights[0].device), {2: "bilinear", 3: "trilinear"}[self.start.grid.ndim]
        per_channel, nodes = (-1,) + (1,) * self.start.grid.ndim, tuple(range(1, x.ndim))
        for level, shape in enumerate(self._levels[1:]):
            mixing, deviation, mean = weights[3 * level : 3 * level + 3]
            x = silu(interpolate(torch.tensordot(mixing, x, 1)[None], size=shape, mode=mode)[0])
            x = x - x.mean(nodes, keepdim=True)
            x = x / (x.square().mean(nodes, keepdim=True) + LEAST_VARIANCE).sqrt()
            x = deviation.reshape(per_channel) * x + mean.reshape(per_channel)
        return torch.tensordot(weights[-2], x, 1) + weights[-1].reshape(per_channel)

    @cached_property
    def _shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights: mixing, deviation, mean for each level, then weight and bias of the last layer."""
        n, out = self.channels, len(self.box.limits)
        return [*[(n, n), (n,), (n,)] * self.levels, (out, n), (out,)]

    @cached_property
    def _levels(self) -> list[tuple[int, ...]]:
        """Nodes at each level, from the noise to the grid."""
        return [_nodes(self.start.grid, k) for k in range(self.levels, -1, -1)]

    @cached_property
    def _noise(self) -> Tensor:
        """The noise x₀ [channel, z, x]."""
        random = np.random.default_rng([self.seed, 1])
        return torch.from_numpy(random.standard_normal((self.channels, *self._levels[0]))).to(self.dtype)


def _nodes(grid: Grid, halvings: int) -> tuple[int, ...]:
    return tuple(-(-n // 2**halvings) for n in grid.shape)
