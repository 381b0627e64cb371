"""An implicit network: the update of the starting model is a function of position that a small network computes.

    h₁ = sin(ω₀ (W₁ p + b₁)),   h_k = sin(W_k h_{k−1} + b_k),   u(p) = size · (W h_n + b)

with p = (z, x), each axis scaled to −1…1. The network is SIREN (Sitzmann et al. 2020, arXiv:2006.09661), W₁ drawn from
±1/n and W_k from ±√(6/n) for n inputs; as the unknown of full-waveform inversion Sun et al. 2023
(doi:10.1029/2022JB025964). Departures: SIREN's ω₀ in the hidden layers is part of their weights here, which so are near
1 in size; the last layer starts from zero, so that the starting model is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Model
from seisinv.unknowns.grid import Bounded
from seisinv.unknowns.update import NetworkUpdate


@dataclass(frozen=True, eq=False)
class Siren(NetworkUpdate):
    """Update of the starting model by a network of sines in the coordinates (Sitzmann et al. 2020).

    It regularises because it learns long wavelengths first and short ones late. It takes no account of illumination:
    where the data constrain the model weakly, it continues what they show elsewhere.

    Parameters
    ----------
    start : Model
        Starting model; parameters without bounds stay as they are there. The network computes in its dtype.
    size : float, m/s
        Update of the first parameter for an output of 1; other parameters change by the same percentage. It should be
        near the update that is expected.
    width, depth : int
        Number of sines per layer, and number of layers.
    omega : float
        ω₀: the sines of the first layer have up to about ω₀ / 6 periods across an axis. More is rougher.
    seed : int
        Seed of the first weights.
    water : float (m), bool array [z, x], or None
        Nodes that keep their starting value: all above a depth, or where the mask is True.
    **bounds : (low, high) by parameter name, SI units
        For example vp=(1450, 4800) in m/s; kept by a smooth map, see `update.py`.

    Raises
    ------
    ConfigError
        If a setting is not positive.
    ModelError
        If the starting model exceeds the bounds outside the water.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> unknown = Siren(Model(Grid((31, 61), 10.0), vp=2000.0), width=32, vp=(1500, 3000))
    >>> unknown.vector().size
    1185
    """

    name: ClassVar[str] = "siren"
    width: int
    depth: int
    omega: float
    seed: int

    def __init__(
        self,
        start: Model,
        *,
        size: float = 300.0,
        width: int = 128,
        depth: int = 2,
        omega: float = 20.0,
        seed: int = 0,
        water: float | np.ndarray | Tensor | None = None,
        **bounds: tuple[float, float],
    ) -> None:
        if not 0 < omega < math.inf:
            raise ConfigError(f"omega is {omega:g}; a network of sines needs a positive value, such as 20")
        box = Bounded(start, water=water, **bounds)
        self._set(box, size=size, seed=seed, width=width, depth=depth, omega=omega)

    @property
    def unit(self) -> float:
        """size · width / 4, m/s: Adam's update changes the model by at most 0.6 to 1.3 times its rate (measured)."""
        return self.size * self.width / 4

    def vector(self) -> np.ndarray:
        """Return the first weights and biases [n], layer by layer: random, those of the last layer zero."""
        random = np.random.default_rng(self.seed)
        parts = []
        for layer in range(self.depth):
            weight, bias = self._shapes[2 * layer : 2 * layer + 2]
            n = weight[1]
            of_weight, of_bias = (1 / n, n**-0.5) if layer == 0 else ((6 / n) ** 0.5, (6 / n) ** 0.5)
            parts += [random.uniform(-of_weight, of_weight, weight), random.uniform(-of_bias, of_bias, bias)]
        parts += [np.zeros(shape) for shape in self._shapes[-2:]]
        return np.concatenate([part.ravel() for part in parts])

    def output(self, weights: Sequence[Tensor]) -> Tensor:
        """Return W h_n + b [parameter, z, x]."""
        h, frequency = self._positions.to(weights[0].device), self.omega
        for layer in range(self.depth):
            h = torch.sin(frequency * torch.addmm(weights[2 * layer + 1], h, weights[2 * layer].T))
            frequency = 1.0
        out = torch.addmm(weights[-1], h, weights[-2].T).T
        return out.reshape(-1, *self.start.grid.shape)

    @cached_property
    def _shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights and biases, layer by layer."""
        sizes = [self.start.grid.ndim, *[self.width] * self.depth, len(self.box.limits)]
        return [shape for a, b in pairwise(sizes) for shape in ((b, a), (b,))]

    @cached_property
    def _positions(self) -> Tensor:
        """Positions of the nodes [node, axis], each axis from −1 to 1."""
        axes = [torch.linspace(-1, 1, n, dtype=torch.float64) for n in self.start.grid.shape]
        return torch.cartesian_prod(*axes).to(self.dtype)
