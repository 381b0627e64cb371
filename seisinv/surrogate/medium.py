"""Coefficients of a wave equation as functions of position, of one model or of its parts between discontinuities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Grid
from seisinv.surrogate.jets import Jet, Values
from seisinv.surrogate.parts import Parts


@dataclass(frozen=True, eq=False)
class Medium:
    """Coefficients of a physics as smooth functions of position: splines, of a lower degree on short axes.

    Parameters
    ----------
    grid : Grid
    coefficients : tensors or arrays of the grid's shape, by name, SI units
        Beyond the grid the value at its edge holds.
    degree : int
        Of the splines: 5 for smooth media, 1 where a jump must not ring.
    """

    grid: Grid
    coefficients: Mapping[str, Tensor | np.ndarray]
    degree: int = 5

    def __call__(self, jet: Jet, at: np.ndarray) -> np.ndarray:
        """Return a coefficient or its derivative at points [point, axis], m."""
        return np.asarray(self.tensor(jet, at).detach().numpy())

    def tensor(self, jet: Jet, at: np.ndarray) -> Tensor:
        """Return the same, differentiable in the coefficient."""
        given = self.coefficients[jet.symbol.name]
        values = (given if isinstance(given, Tensor) else torch.tensor(given)).to(torch.float64)
        if not values.requires_grad and float(values.min()) == float(values.max()):
            return torch.full((len(at),), 0.0 if any(jet.order) else float(values.reshape(-1)[0]), dtype=torch.float64)
        cards = []
        for k, (a, h) in enumerate(zip(self.grid.axes, self.grid.spacing, strict=True)):
            nodes = self.grid.coordinates(a) + 0.5 * h * (a in jet.symbol.place)
            cards.append(torch.from_numpy(_cardinal(nodes, at[:, k], self.degree, jet.order[k])))
        return ((cards[0] @ values) * cards[1]).sum(1)


def _cardinal(nodes: np.ndarray, at: np.ndarray, degree: int, order: int) -> np.ndarray:
    """Return derivatives of the splines that are 1 on one node and 0 on the others [point, node]."""
    from scipy.interpolate import make_interp_spline

    degree = min(degree, len(nodes) - 1)
    if order > degree:
        return np.zeros((len(at), len(nodes)))
    spline = make_interp_spline(nodes, np.eye(len(nodes)), k=degree)
    return np.ascontiguousarray(spline(np.clip(at, nodes[0], nodes[-1]), nu=order))


@dataclass(frozen=True, eq=False)
class PartedMedium:
    """A medium in parts: at every point that of its part.

    Parameters
    ----------
    parts : Parts
    media : one for each part
    """

    parts: Parts
    media: Sequence[Values]

    def tensor(self, jet: Jet, at: np.ndarray) -> Tensor:
        """Return a coefficient or its derivative at points [point, axis], m."""
        own = self.parts.at(at)
        out = torch.zeros(len(at), dtype=torch.float64)
        for number, medium in enumerate(self.media):
            here = np.flatnonzero(own == number)
            if len(here):
                out = out.index_put((torch.from_numpy(here),), medium.tensor(jet, at[here]))
        return out
