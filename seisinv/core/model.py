"""Subsurface models: named parameter tensors in SI units on one grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from seisinv.core.arrays import numbers, real, real_tensor
from seisinv.core.errors import ModelError
from seisinv.core.grid import Grid

STIFFEST = 0.866  # vs / vp of a solid whose bulk modulus is 0, √¾


@dataclass(frozen=True)
class Parameter:
    """What a model parameter is called, its unit, and which values are plausible."""

    name: str
    title: str
    unit: str
    low: float
    high: float
    hint: str


class _Parameters(dict[str, Parameter]):
    """The usual parameters; others, which a wave equation may have, may be any positive number."""

    def __missing__(self, name: str) -> Parameter:
        return Parameter(name, name, "", np.nextafter(0, 1), np.inf, "parameters are positive")


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    _Parameters(
        {
            p.name: p
            for p in (
                Parameter("vp", "P velocity", "m/s", 100, 12_000, "velocities are in m/s: did you pass km/s?"),
                Parameter("vs", "S velocity", "m/s", 0, 8_000, "velocities are in m/s"),
                Parameter("rho", "density", "kg/m³", 100, 10_000, "densities are in kg/m³: did you pass g/cm³?"),
            )
        }
    )
)


@dataclass(frozen=True)
class Model:
    """Parameters of the subsurface on a grid.

    Parameters
    ----------
    grid : Grid
    parameters : tensors of the grid's shape, by name
        `vp` in m/s, `vs` in m/s, `rho` in kg/m³, or what a wave equation of your own needs (any positive number, in
        SI units); a number stands for a constant model.

    Raises
    ------
    ModelError
        If a shape differs from the grid's, or a value is not finite, not positive or not plausible in SI units; if
        vs is above 0.866 vp, which no solid is.

    Examples
    --------
    >>> Model(Grid((3, 4), 10.0), vp=2000.0).vp.shape
    torch.Size([3, 4])
    """

    grid: Grid
    parameters: Mapping[str, Tensor]

    def __init__(self, grid: Grid, **parameters: Tensor | np.ndarray | float) -> None:
        object.__setattr__(self, "grid", grid)
        if not parameters:
            raise ModelError("a model needs at least one parameter, for example vp=2000.0 (m/s)")
        object.__setattr__(
            self, "parameters", MappingProxyType({n: _checked(grid, n, v) for n, v in parameters.items()})
        )
        if "vp" in parameters and "vs" in parameters:
            _check_ratio(self.parameters["vp"].detach(), self.parameters["vs"].detach())

    def __repr__(self) -> str:
        spans = (
            f"{n} {float(v.detach().min()):g} to {float(v.detach().max()):g} {PARAMETERS[n].unit}"
            for n, v in self.parameters.items()
        )
        return f"Model({self.grid}, {', '.join(spans)})"

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.grid, dict(self.parameters))

    @classmethod
    def layered(cls, grid: Grid, tops: Sequence[float], **parameters: Sequence[float]) -> Model:
        """Build a model of flat layers.

        Parameters
        ----------
        grid : Grid
        tops : sequence of float, m
            Depth of the top of each layer, increasing; the first at or above the top of the grid.
        **parameters : sequence of float, SI units
            One value per layer.

        Returns
        -------
        Model

        Raises
        ------
        ModelError
            If numbers of values differ, or tops do not increase.

        Examples
        --------
        >>> Model.layered(Grid((3, 2), 10.0), [0.0, 15.0], vp=[1500.0, 2000.0]).vp[:, 0].tolist()
        [1500.0, 1500.0, 2000.0]
        """
        depths = numbers(tops, "tops", shape=(None,), error=ModelError).astype(float)
        values = {n: real(v, n, error=ModelError).astype(float) for n, v in parameters.items()}
        if any(v.shape != depths.shape for v in values.values()):
            raise ModelError(f"tops has {len(depths)} layers; every parameter needs one value per layer")
        if not len(depths) or (np.diff(depths) < 0).any() or depths[0] > grid.origin[0]:
            raise ModelError("tops must increase with depth and start at or above the top of the grid")
        layer = np.searchsorted(depths, grid.coordinates("z") + 1e-9, side="right") - 1
        column = (slice(None),) + (None,) * (grid.ndim - 1)
        return cls(grid, **{n: np.broadcast_to(v[layer][column], grid.shape) for n, v in values.items()})

    @property
    def leading(self) -> str:
        """The parameter that stands for the model where only one can: vp, or its first without it."""
        return "vp" if "vp" in self.parameters else next(iter(self.parameters))

    @property
    def vp(self) -> Tensor:
        """P velocity, m/s."""
        return self["vp"]

    @property
    def vs(self) -> Tensor:
        """S velocity, m/s."""
        return self["vs"]

    @property
    def rho(self) -> Tensor:
        """Density, kg/m³."""
        return self["rho"]

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.parameters:
            raise ModelError(f"the model has no {name}; it has {', '.join(self.parameters)}: pass {name}=… to Model")
        return self.parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parameters)

    def replace(self, **parameters: Tensor | np.ndarray | float) -> Model:
        """Return a copy with some parameters changed or added.

        Parameters
        ----------
        **parameters : tensor, array or float
            As for the class.

        Returns
        -------
        Model
        """
        return Model(self.grid, **{**self.parameters, **parameters})

    def to(self, dtype: torch.dtype) -> Model:
        """Return a copy in another floating-point type.

        Parameters
        ----------
        dtype : torch.dtype

        Returns
        -------
        Model
        """
        return Model(self.grid, **{n: v.to(dtype) for n, v in self.parameters.items()})


def _restored(grid: Grid, parameters: Mapping[str, Tensor]) -> Model:
    return Model(grid, **parameters)


def solid(values: Mapping[str, Tensor], start: Model) -> dict[str, Tensor]:
    """Return values in which vs is at most √¾ vp, as in every solid: vs gives way, or vp where vs is that of the start.

    Parameters
    ----------
    values : tensors by parameter
        What differs from the start.
    start : Model

    Returns
    -------
    dict of str to tensor

    Examples
    --------
    >>> start = Model(Grid((2, 2), 10.0), vp=2000.0, vs=866.0)
    >>> solid({"vp": torch.full((2, 2), 900.0)}, start)["vp"][0, 0].item()
    1000.0
    """
    out = dict(values)
    if "vs" in out and "vp" in start:
        out["vs"] = torch.minimum(out["vs"], STIFFEST * out.get("vp", start["vp"]))
    elif "vp" in out and "vs" in start:
        out["vp"] = torch.maximum(out["vp"], start["vs"] / STIFFEST)
    return out


def _check_ratio(vp: Tensor, vs: Tensor) -> None:
    """Raise ModelError where there is no such solid: vs ≤ √¾ vp (a bulk modulus of at least 0)."""
    ratio = vs / vp
    if float(ratio.max()) > STIFFEST + 1e-4:
        node = np.unravel_index(int(ratio.argmax()), tuple(ratio.shape))
        where = ", ".join(str(int(k)) for k in node)
        raise ModelError(
            f"vs is {float(vs[node]):g} m/s at node ({where}), where vp is {float(vp[node]):g} m/s",
            limit="vs is at most 0.866 vp in a solid, and 0.71 vp in rocks",
            remedy="lower vs there, or raise vp",
        )


def _checked(grid: Grid, name: str, value: Tensor | np.ndarray | float) -> Tensor:
    known = PARAMETERS[name]
    tensor = real_tensor(value, name, error=ModelError)
    if not isinstance(value, Tensor):
        tensor = tensor.to(torch.get_default_dtype())
    if tensor.ndim == 0:
        tensor = tensor.expand(grid.shape)
    if tuple(tensor.shape) != grid.shape:
        raise ModelError(f"{name} has shape {tuple(tensor.shape)}; the grid has {grid.shape} (depth first)")
    seen = tensor.detach()
    low, high = float(seen.min()), float(seen.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int((~torch.isfinite(seen)).sum())
        raise ModelError(f"{name} holds {bad} NaN or infinite values of {seen.numel()}; fill them before use")
    if low < known.low or high > known.high:
        edge = high if high > known.high or high < known.low else low
        word = "reaches" if edge == high else "falls to"
        raise ModelError(
            f"{name} {word} {edge:g} {known.unit} (plausible: {known.low:g} to {known.high:g}); {known.hint}"
        )
    return tensor
