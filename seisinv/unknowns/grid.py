"""What an inversion solves for: a vector, the model that it stands for, and its bounds."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Argument, ConfigError, Grid, Message, Model, ModelError, registry
from seisinv.core.arrays import numbers, real
from seisinv.core.model import solid


class Unknown(abc.ABC):
    """A parameterisation: the optimiser sees a vector of numbers near 1 in size, the physics sees a model.

    A subclass says which model a vector stands for, and how far entries may go. A `name` on it makes it available to
    settings, see `unknown_named`.

    Examples
    --------
    >>> unknown = Bounded(Model(Grid((3, 4), 10.0), vp=2000.0), vp=(1500, 3000))
    >>> isinstance(unknown, Unknown), unknown.model(torch.from_numpy(1.1 * unknown.vector())).vp[0, 0].item()
    (True, 2200.0)
    """

    name: ClassVar[str] = ""

    @property
    @abc.abstractmethod
    def start(self) -> Model:
        """Starting model, which `vector()` stands for."""

    @abc.abstractmethod
    def vector(self) -> np.ndarray:
        """Return the vector of the starting model.

        Returns
        -------
        (n,) float64 array, dimensionless
        """

    @abc.abstractmethod
    def model(self, vector: Tensor) -> Model:
        """Return the model that a vector stands for.

        Parameters
        ----------
        vector : (n,) tensor, dimensionless

        Returns
        -------
        Model
            Differentiable with respect to `vector`; water keeps its starting values exactly.
        """

    @abc.abstractmethod
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of the vector.

        Returns
        -------
        low, high : (n,) arrays, dimensionless
            ±inf where an entry is free.
        """

    @property
    def fixed(self) -> Tensor | None:
        """Nodes [z, x] that keep their starting value, None where all may change."""
        return None

    @abc.abstractmethod
    def within(self, model: Model) -> Model:
        """Return the nearest model within the bounds of the parameters, with the starting model's water.

        Parameters
        ----------
        model : Model
            On the grid of the starting model.

        Returns
        -------
        Model
        """

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...] | None:
        """Shape (parameter, z, x) in which the vector lies on the grid, or None if its entries have no place there."""

    @property
    @abc.abstractmethod
    def unit(self) -> float:
        """Change of the first parameter (m/s for vp) that an entry of the vector makes when it grows by 1."""

    @property
    @abc.abstractmethod
    def first_step(self) -> float:
        """Largest change of an entry that a first, untested update should make."""


@dataclass(frozen=True, eq=False)
class Bounded(Unknown):
    """Values on the grid within bounds: the classical unknown of full-waveform inversion.

    The vector holds m / m̄ for each node, with m̄ the mean of the starting model's parameter; a step of equal length
    therefore changes vp and rho by the same percentage.

    Parameters
    ----------
    start : Model
        Starting model; parameters without bounds stay as they are there.
    water : float (m), bool array [z, x], or None
        Nodes that keep their starting value: all above a depth, or where the mask is True.
    **bounds : (low, high) by parameter name, SI units
        For example vp=(1450, 4800) in m/s.

    Raises
    ------
    ConfigError
        If there are no bounds, or low is not below high.
    ModelError
        If the starting model exceeds the bounds outside the water, or the mask does not fit the grid.

    Examples
    --------
    >>> unknown = Bounded(Model(Grid((3, 4), 10.0), vp=2000.0), vp=(1500, 3000))
    >>> unknown.vector().size, unknown.unit
    (12, 2000.0)
    """

    name: ClassVar[str] = "grid"
    start_model: Model
    water: Tensor | None
    limits: Mapping[str, tuple[float, float]]

    def __init__(
        self, start: Model, *, water: float | np.ndarray | Tensor | None = None, **bounds: tuple[float, float]
    ) -> None:
        if not bounds:
            raise ConfigError(
                "there are no bounds; give those of at least one parameter, for example vp=(1450, 4800) in m/s"
            )
        object.__setattr__(self, "start_model", start)
        object.__setattr__(self, "water", None if water is None else water_mask(start.grid, water))
        limits = {name: _checked_limits(start, self.water, name, pair) for name, pair in bounds.items()}
        object.__setattr__(self, "limits", MappingProxyType(limits))

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.start_model, self.water, dict(self.limits))

    @property
    def start(self) -> Model:
        """Starting model."""
        return self.start_model

    @property
    def fixed(self) -> Tensor | None:
        """The water."""
        return self.water

    @property
    def shape(self) -> tuple[int, ...]:
        """(parameter, z, x)."""
        return (len(self.limits), *self.start.grid.shape)

    @cached_property
    def scales(self) -> tuple[float, ...]:
        """Mean of each unknown parameter of the starting model, SI units."""
        return tuple(float(self.start[name].detach().double().mean()) for name in self.limits)

    @property
    def unit(self) -> float:
        """Mean of the first unknown parameter of the starting model, SI units."""
        return self.scales[0]

    @property
    def first_step(self) -> float:
        """0.015: 1.5 % of the mean."""
        return 0.015

    def vector(self) -> np.ndarray:
        """Return the starting model's values over their means [n], parameter by parameter, row by row."""
        rows = [
            self.start[n].detach().double().cpu().numpy() / s for n, s in zip(self.limits, self.scales, strict=True)
        ]
        return np.stack(rows).ravel()

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds [n]; in the water both are the starting value."""
        low, high = np.empty(self.shape), np.empty(self.shape)
        for k, ((lo, hi), scale) in enumerate(zip(self.limits.values(), self.scales, strict=True)):
            low[k], high[k] = lo / scale, hi / scale
        if self.water is not None:
            start = self.vector().reshape(self.shape)
            wet = np.broadcast_to(self.water.numpy(), self.shape)
            low, high = np.where(wet, start, low), np.where(wet, start, high)
        return low.ravel(), high.ravel()

    def model(self, vector: Tensor) -> Model:
        """Return the model of a vector [n], in the starting model's dtype; water keeps its starting values exactly."""
        rows = zip(self.limits, self.scales, vector.reshape(self.shape), strict=True)
        return self.outside_water({name: row * scale for name, scale, row in rows})

    def within(self, model: Model) -> Model:
        """Return the nearest model within the limits, with the starting model's water."""
        limits = self.limits.items()
        return self.outside_water({n: model[n].to(self.start[n].dtype).clamp(low, high) for n, (low, high) in limits})

    def outside_water(self, values: Mapping[str, Tensor]) -> Model:
        """Return the starting model with other values outside the water, in its dtype."""
        changed = solid({name: value.to(self.start[name].dtype) for name, value in values.items()}, self.start)
        if self.water is not None:
            changed = {name: torch.where(self.water, self.start[name], value) for name, value in changed.items()}
        return self.start.replace(**changed)


def unknown_named(name: str) -> type[Unknown]:
    """Return the unknown that settings call `name`.

    Parameters
    ----------
    name : str
        "grid", "spline", "siren", "decoder", or the `name` of a subclass of your own.

    Returns
    -------
    type
        The class; call it with a starting model and bounds.

    Raises
    ------
    ConfigError
        If no unknown has that name.

    Examples
    --------
    >>> unknown_named("grid")(Model(Grid((3, 4), 10.0), vp=2000.0), vp=(1500, 3000)).shape
    (1, 3, 4)
    """
    return registry.by_name(name, "unknown", Unknown)  # type: ignore[type-abstract]


def _restored(start: Model, water: Tensor | None, limits: Mapping[str, tuple[float, float]]) -> Bounded:
    return Bounded(start, water=water, **limits)


def water_mask(grid: Grid, water: float | np.ndarray | Tensor) -> Tensor:
    """Return the mask of nodes in the water.

    Parameters
    ----------
    grid : Grid
    water : float (m), or bool array [z, x]
        Depth above which nodes are water, or the mask itself, which is checked.

    Returns
    -------
    bool tensor [z, x]
        True in the water.

    Raises
    ------
    ModelError
        If a mask does not have the shape of the grid.

    Examples
    --------
    >>> water_mask(Grid((4, 2), 10.0), 15.0)[:, 0].tolist()
    [True, True, False, False]
    """
    water = numbers(water, "the water", error=ModelError)
    if water.ndim == 0:
        above = torch.from_numpy(grid.coordinates("z") < float(water))
        return above.reshape(-1, *(1,) * (grid.ndim - 1)).expand(grid.shape).clone()
    mask = torch.as_tensor(water, dtype=torch.bool)
    if tuple(mask.shape) != grid.shape:
        raise ModelError(f"the water mask has shape {tuple(mask.shape)}; the grid has {grid.shape} (depth first)")
    return mask


def _checked_limits(start: Model, water: Tensor | None, name: str, pair: tuple[float, float]) -> tuple[float, float]:
    limits = real(pair, f"the bounds of {name}", error=ConfigError)
    if limits.shape != (2,) or not limits[0] < limits[1]:
        found = tuple(limits.ravel().tolist())
        raise ConfigError(f"{name} has bounds {found}; give (low, high) with low < high, in SI units")
    low, high = limits.astype(float).tolist()
    values = start[name].detach()
    values = values if water is None else values[~water]
    if values.numel() == 0:
        raise ConfigError("the water mask covers the whole grid, so that nothing is left to invert; make it smaller")
    if float(values.min()) < low or float(values.max()) > high:
        raise ModelError(
            f"{name} of the starting model spans {float(values.min()):g} to {float(values.max()):g}, outside its "
            f"bounds ({low:g}, {high:g})",
            argument=Argument(f"inversion.bounds.{name}"),
            value=(float(values.min()), float(values.max())),
            remedy=(
                Message("change ", Argument(f"inversion.bounds.{name}", ...)),
                Message("mask the water (", Argument("inversion.water", ...), ")"),
                "clip the model",
            ),
        )
    return low, high
