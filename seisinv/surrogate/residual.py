"""The residual of a physics on features, read from the same `equations()` as the simulator's stencils.

Discretising turns every derivative into a stencil.  Here every derivative is carried out instead: by the product rule
an equation becomes a polynomial in *jets*, symbols with an order of differentiation along each axis,

    D(b D(p, z), z)  ──►  b p_zz + b_z p_z

and the value of a jet is looked up: a field's in the closed-form derivatives of the features, a
coefficient's in a spline through the values that `coefficients(model)` gives at the position where the coefficient is
defined on the staggered grid.  Staggering has no other effect: features have values everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Grid, Model, ModelError
from seisinv.physics import Physics
from seisinv.surrogate.jets import Functions, Jet, Order, Values, jets
from seisinv.surrogate.parts import Parts
from seisinv.symbolic import Equation, Poly


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


@dataclass(frozen=True, eq=False)
class Residual:
    """Left-hand minus right-hand side of one equation in one field, without its source.

    Parameters
    ----------
    equation : Equation
    axes : names of the spatial axes
    medium : Medium, or another that has values

    Raises
    ------
    ModelError
        If the equation holds other fields than its own, or a field times a field.
    """

    equation: Equation
    axes: tuple[str, ...]
    medium: Values

    def __post_init__(self) -> None:
        own = self.equation.rate.field
        for term, _ in self.right:
            fields = [(j.symbol, power) for j, power in _jets(term) if j.symbol.kind == "field"]
            if any(symbol != own for symbol, _ in fields):
                other = next(symbol.name for symbol, _ in fields if symbol != own)
                raise ModelError(
                    f"the equation of {own.name} holds {other}; surrogates carry one field: pass Acoustic()"
                )
            if sum(power for _, power in fields) > 1:
                raise ModelError(f"the equation of {own.name} is not linear in it; least squares cannot solve it")

    @property
    def right(self) -> Poly:
        """The right-hand side in jets."""
        return jets(self.equation.right, self.axes)

    @property
    def differentiated(self) -> set[str]:
        """Names of the coefficients of which it takes derivatives."""
        found = {j for term, _ in self.right for j, _ in _jets(term)}
        return {j.symbol.name for j in found if j.symbol.kind == "coefficient" and any(j.order)}

    def terms(self, points: np.ndarray) -> list[tuple[Order, Tensor]]:
        """Return the homogeneous residual at points (z, x, t): derivatives of the field and their factors [point]."""
        out: dict[Order, Tensor] = {(0, 0, self.equation.rate.order): torch.ones(len(points), dtype=torch.float64)}
        for term, number in self.right:
            field = [j for j, _ in _jets(term) if j.symbol.kind == "field"]
            if field:
                order: Order = (field[0].order[0], field[0].order[1], 0)
                factor = -float(number) * self._factor(term, points[:, :2])
                out[order] = out[order] + factor if order in out else factor
        return list(out.items())

    def form(self, points: np.ndarray) -> dict[Order, np.ndarray]:
        """Return the same as arrays by order, without gradients."""
        return {order: factor.detach().numpy() for order, factor in self.terms(points)}

    def matrix(self, features: Functions, points: np.ndarray) -> np.ndarray:
        """Return the homogeneous residual of every feature [point, feature]; points are (z, x, t)."""
        (order, factor), *others = self.form(points).items()
        out = factor[:, None] * features.matrix(points, order)
        for order, factor in others:
            out += factor[:, None] * features.matrix(points, order)
        return out

    def source(self, at: np.ndarray) -> np.ndarray:
        """Return what multiplies a point source at positions [point, axis]."""
        out = np.zeros(len(at))
        for term, number in self.right:
            if any(j.symbol.kind == "source" for j, _ in _jets(term)):
                out += float(number) * self._factor(term, at).detach().numpy()
        return out

    def _factor(self, term: Any, at: np.ndarray) -> Tensor:
        """Return the product of a term's coefficients at positions [point, axis]."""
        out = torch.ones(len(at), dtype=torch.float64)
        for jet, power in _jets(term):
            if jet.symbol.kind == "coefficient":
                out = out * self.medium.tensor(jet, at) ** power
        return out


def _jets(term: Any) -> list[tuple[Jet, int]]:
    return [(a, power) for a, power in term if isinstance(a, Jet)]


def equation_of(physics: Physics, grid: Grid) -> Equation:
    """Return the equation of a physics with one field of second order on a 2-D grid.

    Raises
    ------
    ModelError
        If the grid is 3-D, or the physics has other equations.
    """
    if grid.ndim != 2:
        raise ModelError("the model is 3-D; surrogates are made for 2-D models: pass a section of it")
    equations = physics.equations(grid.axes)
    if len(equations) != 1 or equations[0].rate.order != 2:
        names = ", ".join(e.rate.field.name for e in equations)
        raise ModelError(
            f"{physics.name} carries {names}; surrogates carry one field of second order in time: pass Acoustic()"
        )
    return equations[0]


def residual_of(physics: Physics, model: Model, *, degree: int = 5, parts: Parts | None = None) -> Residual:
    """Return the residual in a model; each of its parts is extrapolated from its own nodes."""
    grid = model.grid
    equation = equation_of(physics, grid)
    coefficients = physics.coefficients({n: model[n].to(torch.float64) for n in physics.parameters}, grid.axes)
    if parts is None:
        return Residual(equation, grid.axes, Medium(grid, coefficients, degree))
    media = []
    for number in range(parts.count):
        near = torch.from_numpy(parts.nearest(number))
        media.append(Medium(grid, {n: c.reshape(-1)[near] for n, c in coefficients.items()}, degree))
    return Residual(equation, grid.axes, PartedMedium(parts, media))


def without_gradients(model: Model) -> Model:
    """Return the model with its tensors detached."""
    return model.replace(**{n: model[n].detach() for n in model})
