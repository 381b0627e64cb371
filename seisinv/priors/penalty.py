"""Penalties on rough models: Tikhonov of first and second order, and total variation.

They act on u = m / 1000 (km/s for velocities, g/cm³ for density) and measure its change over a stated `length` in
metres, so that a weight means the same on every grid. The inversion divides the data misfit by its value at the start
of the band before the penalties are added: a weight is relative to a data misfit of 1. A model whose vp changes by
1000 m/s over every `length` costs weight × ½ (Tikhonov) or weight × 1 (total variation).
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seisinv.core import ConfigError, Model

UNIT = 1000.0


class Penalty(abc.ABC):
    """A scalar, differentiable function of the model that is added to the relative data misfit."""

    @abc.abstractmethod
    def __call__(self, model: Model) -> Tensor:
        """Return the weighted penalty, dimensionless."""


class PlugAndPlay(abc.ABC):
    """A prior that looks at the model now and then and says where it should go: half-quadratic splitting.

    min J(m) + R(m) is solved by turns: a target z from the current model, by the prior; then some updates that lower
    J(m) + w ‖m − z‖² (Geman & Yang 1995; Venkatakrishnan et al. 2013), so that the physics only ever sees models m and
    the prior is asked once for several updates. `every` is the number of
    updates after which it is asked for the next target; with `finish` the result of the inversion is one more
    target instead of the last model, which lowers the model's error where the prior is right and raises the misfit.
    """

    every: int
    targets: int | None = None  # at most so many in a band, of which the last stays; None: no limit
    finish: bool

    @property
    @abc.abstractmethod
    def identity(self) -> tuple[Any, ...]:
        """All that its answers depend on, as plain values and hashes of files: a run is resumed with the same only."""

    @abc.abstractmethod
    def check(self, model: Model) -> None:
        """Refuse a start model that the prior cannot serve, in one line; called before any work."""

    @abc.abstractmethod
    def target(
        self, model: Model, *, start: Model, progress: float, wavelength: float | None, seed: Sequence[int]
    ) -> Model:
        """Return the target of a model.

        Parameters
        ----------
        model : Model
            Where the inversion is.
        start : Model
            Where it began.
        progress : float
            From 0 in the first band to 1 in the last (1 where there is one).
        wavelength : float, m, or None
            Shortest of the band, at the mean velocity; None where the data are not filtered.
        seed : sequence of int
            Of the random numbers, if it draws any.
        """

    def last(self, model: Model, *, start: Model, wavelength: float | None, seed: Sequence[int]) -> Model:
        """Return the last target, the result where the prior finishes: by default as in the last band."""
        return self.target(model, start=start, progress=1.0, wavelength=wavelength, seed=seed)

    @abc.abstractmethod
    def penalty(self, target: Model, *, progress: float, misfit: float) -> Penalty:
        """Return the penalty towards the target; `misfit` is that of the data now, over that at the band's start."""


@dataclass(frozen=True, eq=False)
class Attraction(Penalty):
    """Squared distance from a model, ½ w ⟨(m − z)²⟩ / s², summed over parameters.

    Parameters
    ----------
    weight : float
        w, relative to the data misfit at the start of a band.
    target : Model
        z.
    distance : float, SI unit of the parameter
        s.
    """

    weight: float
    target: Model
    distance: float

    def __call__(self, model: Model) -> Tensor:
        """Return ½ w ⟨(m − z)²⟩ / s²."""
        total = next(iter(model.parameters.values())).new_zeros(())
        for name in self.target:
            total = total + ((model[name] - self.target[name].to(model[name].dtype)) / self.distance).square().mean()
        return 0.5 * self.weight * total


@dataclass(frozen=True, eq=False)
class Tikhonov(Penalty):
    """Squared derivatives, ½ w ⟨Σ_a c_a (ℓᵏ ∂ᵏu/∂aᵏ)²⟩ with k = 1 or 2 (Tikhonov & Arsenin 1977).

    ⟨⟩ is the mean over nodes, summed over parameters.

    Parameters
    ----------
    weight : float
        w, relative to the data misfit at the start of a band.
    order : 1 or 2
    length : float, m
        ℓ, the distance over which a change is measured.
    axes : one float per axis (z, x), optional
        Weights c_a; (1, 4) smooths four times as strongly along x.
    reference : Model, optional
        Penalise the departure from it instead of the model itself.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> ramp = torch.linspace(1000, 2000, 11, dtype=torch.float64)[:, None].expand(11, 5)
    >>> round(float(Tikhonov(1.0, length=100.0)(Model(Grid((11, 5), 10.0), vp=ramp))), 6)  # 1000 m/s over 100 m
    0.5
    """

    weight: float = 0.01
    order: int = 1
    length: float = 100.0
    axes: tuple[float, ...] | None = None
    reference: Model | None = None

    def __post_init__(self) -> None:
        _check(self.weight, self.length)
        if self.order not in (1, 2):
            raise ConfigError(f"order is {self.order}; Tikhonov penalises derivatives of order 1 or 2")

    def __call__(self, model: Model) -> Tensor:
        """Return ½ w ⟨Σ_a c_a (ℓᵏ ∂ᵏu/∂aᵏ)²⟩."""
        total = next(iter(model.parameters.values())).new_zeros(())
        for name in model:
            u = model[name] / UNIT
            if self.reference is not None:
                u = u - self.reference[name].to(u.dtype) / UNIT
            for axis, (h, c) in enumerate(zip(model.grid.spacing, _weights(self.axes, model), strict=True)):
                change = torch.diff(u, n=self.order, dim=axis) * (self.length / h) ** self.order
                total = total + 0.5 * c * change.square().mean()
        return self.weight * total


@dataclass(frozen=True)
class TotalVariation(Penalty):
    """Smoothed total variation, w ⟨√(Σ_a c_a (ℓ ∂u/∂a)² + s²) − s⟩: flat pieces with sharp edges (Rudin et al. 1992).

    ⟨⟩ is the mean over nodes, summed over parameters (doi:10.1016/0167-2789(92)90242-F).

    Parameters
    ----------
    weight : float
        w, relative to the data misfit at the start of a band.
    length : float, m
        ℓ, the distance over which a change is measured.
    smoothing : float, dimensionless
        s; changes well below 1000 s m/s per `length` are penalised quadratically, which keeps the gradient continuous.
    axes : one float per axis (z, x), optional
        Weights c_a.
    """

    weight: float = 0.01
    length: float = 100.0
    smoothing: float = 0.01
    axes: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check(self.weight, self.length)
        if not self.smoothing > 0:
            raise ConfigError(f"smoothing is {self.smoothing:g}; total variation needs a positive value, such as 0.01")

    def __call__(self, model: Model) -> Tensor:
        """Return w ⟨√(Σ_a c_a (ℓ ∂u/∂a)² + s²) − s⟩."""
        total = next(iter(model.parameters.values())).new_zeros(())
        for name in model:
            u = model[name] / UNIT
            squares = torch.zeros_like(u)
            for axis, (h, c) in enumerate(zip(model.grid.spacing, _weights(self.axes, model), strict=True)):
                last = u.narrow(axis, u.shape[axis] - 1, 1)
                squares = squares + c * (torch.diff(u, dim=axis, append=last) * (self.length / h)).square()
            total = total + ((squares + self.smoothing**2).sqrt() - self.smoothing).mean()
        return self.weight * total


def _check(weight: float, length: float) -> None:
    if not weight >= 0:
        raise ConfigError(f"weight is {weight:g}; a penalty needs a weight of 0 or more (1 equals the starting misfit)")
    if not length > 0:
        raise ConfigError(f"length is {length:g} m; it must be positive")


def _weights(axes: tuple[float, ...] | None, model: Model) -> tuple[float, ...]:
    if axes is None:
        return (1.0,) * model.grid.ndim
    if len(axes) != model.grid.ndim:
        raise ConfigError(f"axes has {len(axes)} weights; the model has {model.grid.ndim} axes {model.grid.axes}")
    return axes
