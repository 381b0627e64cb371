"""Sample-by-sample misfits: least squares and Huber (1964, doi:10.1214/aoms/1177703732)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisinv.core import ConfigError
from seisinv.misfit.base import Misfit, mean_square_of_shot, tiny


@dataclass(frozen=True)
class L2(Misfit):
    """Least squares, j = ½ ∫ (p − d)² dt (Tarantola 1984, doi:10.1190/1.1441754).

    The unit of j is (unit of the data)² s; with `balance` it is dimensionless.

    Parameters
    ----------
    balance : bool
        Divide each trace's term by the energy ∫ d² dt of the observed trace plus 1 % of its shot's mean, so that far
        offsets count as much as near ones.

    Examples
    --------
    >>> float(L2()(torch.ones(1, 1, 4), torch.zeros(1, 1, 4), dt=0.5))
    1.0
    """

    name: ClassVar[str] = "l2"
    balance: bool = False

    def of_traces(self, predicted: Tensor, observed: Tensor, live: Tensor, dt: float) -> Tensor:
        """Return ½ ∫ (p − d)² dt for each trace."""
        each = 0.5 * dt * (predicted - observed).square().sum(-1)
        return each / _energy(observed, live, dt) if self.balance else each


@dataclass(frozen=True)
class Huber(Misfit):
    """Squares of small residuals, absolute values of large ones: j = ∫ ρ(p − d) dt (Huber 1964).

    ρ(r) = ½ r² where |r| ≤ δ, else δ (|r| − ½ δ), with δ = `threshold` × the root mean square of the shot's live
    observed samples, so that one setting serves any amplitude and frequency band. The unit of j is that of `L2`.

    Parameters
    ----------
    threshold : float, dimensionless
        δ as a multiple of the root mean square of the shot's observed data.
    balance : bool
        As in `L2`.

    Raises
    ------
    ConfigError
        If `threshold` is not positive.

    Examples
    --------
    >>> observed = torch.tensor([[[1.0, -1.0, 1.0, -1.0]]])  # rms 1, so that δ = 1
    >>> predicted = observed + torch.tensor([0.0, 1.0, 3.0, 0.0])
    >>> float(Huber()(predicted, observed, dt=1.0))  # ½ 1² + 1 (3 − ½)
    3.0
    """

    name: ClassVar[str] = "huber"
    threshold: float = 1.0
    balance: bool = False

    def __post_init__(self) -> None:
        if not self.threshold > 0:
            raise ConfigError(f"threshold is {self.threshold:g}; it must be a positive multiple of the data's rms")

    def of_traces(self, predicted: Tensor, observed: Tensor, live: Tensor, dt: float) -> Tensor:
        """Return ∫ ρ(p − d) dt for each trace."""
        delta = self.threshold * mean_square_of_shot(observed, live).sqrt()
        r = predicted - observed
        # r.abs() is evaluated away from 0 only, where it is smooth.
        outside = r.abs() > delta
        linear = delta * (torch.where(outside, r, delta).abs() - 0.5 * delta)
        each = dt * torch.where(outside, linear, 0.5 * r.square()).sum(-1)
        return each / _energy(observed, live, dt) if self.balance else each


def _energy(observed: Tensor, live: Tensor, dt: float) -> Tensor:
    """Energy of each observed trace [shot, receiver], stabilised by 1 % of its shot's mean; 1 in silent shots."""
    duration = dt * observed.shape[-1]
    energy = dt * observed.square().sum(-1) + 0.01 * duration * mean_square_of_shot(observed, live)[..., 0]
    return torch.where(energy > tiny(observed), energy, torch.ones_like(energy))
