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
from typing import Any, ClassVar

import torch
from torch import Tensor

from seisinv.core import ConfigError, Model, registry

UNIT = 1000.0


class Penalty(abc.ABC):
    """A scalar, differentiable function of the model that is added to the relative data misfit.

    A `name` on a subclass makes it available to settings, see `penalty_named`.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> float(Tikhonov(0.1)(Model(Grid((3, 4), 10.0), vp=2000.0)))  # a constant model is smooth
    0.0
    """

    name: ClassVar[str] = ""

    @abc.abstractmethod
    def __call__(self, model: Model) -> Tensor:
        """Return the weighted penalty of a model.

        Parameters
        ----------
        model : Model

        Returns
        -------
        scalar tensor, dimensionless
            Relative to the data misfit at the start of the band.
        """


class PlugAndPlay(abc.ABC):
    """A plug-and-play prior, applied by half-quadratic splitting.

    min J(m) + R(m) is solved in two alternating steps (Geman & Yang 1995, doi:10.1109/83.392335; Venkatakrishnan et al.
    2013, doi:10.1109/GlobalSIP.2013.6737048): the prior maps the current model to a target z, for instance by denoising
    it; then some updates lower J(m) + w ‖m − z‖². The wave equation is therefore only solved in models m, and the prior
    is evaluated once for several updates. A `name` on a subclass makes it available to settings, see `penalty_named`.

    Attributes
    ----------
    every : int
        Number of updates after which the next target is computed.
    targets : int or None
        Largest number of targets in a band, of which the last is kept; None: no limit.
    finish : bool
        Whether the result is one more target instead of the last model: closer to the true model where the prior holds,
        at a higher data misfit.

    Examples
    --------
    >>> from seisinv.priors import Learned
    >>> prior = Learned(every=5)
    >>> isinstance(prior, PlugAndPlay), prior.every, prior.targets, prior.finish
    (True, 5, 2, True)
    """

    name: ClassVar[str] = ""
    every: int
    targets: int | None = None
    finish: bool

    @property
    @abc.abstractmethod
    def identity(self) -> tuple[Any, ...]:
        """All that its targets depend on, as plain values and hashes of files: a run is resumed only with the same."""

    @abc.abstractmethod
    def check(self, model: Model) -> None:
        """Raise an error for a starting model that the prior cannot be applied to; called before any work.

        Parameters
        ----------
        model : Model

        Raises
        ------
        ConfigError
            With the reason and a remedy.
        """

    @abc.abstractmethod
    def target(
        self, model: Model, *, start: Model, progress: float, wavelength: float | None, seed: Sequence[int]
    ) -> Model:
        """Return the target of a model.

        Parameters
        ----------
        model : Model
            Current model.
        start : Model
            Starting model.
        progress : float
            From 0 in the first band to 1 in the last (1 where there is one).
        wavelength : float, m, or None
            Shortest of the band, at the mean velocity; None where the data are not filtered.
        seed : sequence of int
            Seed of the random numbers, if any are drawn.

        Returns
        -------
        Model
            The target z.
        """

    def last(self, model: Model, *, start: Model, wavelength: float | None, seed: Sequence[int]) -> Model:
        """Return the last target, the result where `finish` is True: by default as in the last band.

        The parameters are those of `target`.

        Parameters
        ----------
        model, start : Model
            The current and the starting model.
        wavelength : float, m, or None
            Shortest wavelength of the band.
        seed : sequence of int
        """
        return self.target(model, start=start, progress=1.0, wavelength=wavelength, seed=seed)

    @abc.abstractmethod
    def penalty(self, target: Model, *, progress: float, misfit: float) -> Penalty:
        """Return the penalty on the distance to the target.

        Parameters
        ----------
        target : Model
            z.
        progress : float
            As for `target`.
        misfit : float
            Data misfit of the current model over that at the start of the band.

        Returns
        -------
        Penalty
        """


def listed(penalty: Any) -> tuple[Any, ...]:
    """Return the penalties and priors that were given, as one, several or None."""
    if penalty is None:
        return ()
    return (penalty,) if isinstance(penalty, Penalty | PlugAndPlay) else tuple(penalty)


def penalty_named(name: str) -> type[Penalty] | type[PlugAndPlay]:
    """Return the penalty or plug-and-play prior that settings call `name`.

    Parameters
    ----------
    name : str
        "tikhonov", "total_variation", "learned", or the `name` of a subclass of your own.

    Returns
    -------
    type
        The class; call it for an instance.

    Raises
    ------
    ConfigError
        If no penalty has that name.

    Examples
    --------
    >>> penalty_named("tikhonov")().order
    1
    """
    return registry.by_name(name, "penalty", Penalty, PlugAndPlay)  # type: ignore[type-abstract, return-value]


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

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> model, target = (Model(Grid((3, 4), 10.0), vp=vp) for vp in (2100.0, 2000.0))
    >>> round(float(Attraction(0.1, target, distance=100.0)(model)), 6)
    0.05
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

    Raises
    ------
    ConfigError
        If `order` is neither 1 nor 2, `weight` is negative, or `length` is not positive.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> ramp = torch.linspace(1000, 2000, 11, dtype=torch.float64)[:, None].expand(11, 5)
    >>> round(float(Tikhonov(1.0, length=100.0)(Model(Grid((11, 5), 10.0), vp=ramp))), 6)  # 1000 m/s over 100 m
    0.5
    """

    name: ClassVar[str] = "tikhonov"
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

    Raises
    ------
    ConfigError
        If `weight` is negative, or `length` or `smoothing` is not positive.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> step = torch.tensor([1000.0, 1000.0, 2000.0, 2000.0])[:, None].expand(4, 5)  # 1000 m/s in one cell of four
    >>> round(float(TotalVariation(1.0, length=10.0)(Model(Grid((4, 5), 10.0), vp=step))), 2)
    0.25
    """

    name: ClassVar[str] = "total_variation"
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
