"""The residual of a physics on features, read from the same `equations()` as the simulator's stencils.

Discretising turns every derivative into a stencil.  Here every derivative is carried out instead: by the product rule
an equation becomes a polynomial in *jets*, symbols with an order of differentiation along each axis,

    D(b D(p, z), z)  ──►  b p_zz + b_z p_z

and a jet is looked up where a number is wanted: a field's in the closed-form derivatives of the features, a
coefficient's in a spline through the values that `coefficients(model)` gives at the place where the coefficient lives
on the staggered grid.  Staggering itself leaves no other trace: features have values everywhere.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Grid, ModelError
from seisinv.surrogate.features import Order
from seisinv.symbolic import Equation, Poly
from seisinv.symbolic.equations import Derivative, Symbol


class Jet(NamedTuple):
    """A symbol of an equation, differentiated so many times along each spatial axis."""

    symbol: Symbol
    order: tuple[int, ...]


class Functions(Protocol):
    """What a residual needs of features: their derivatives; the last order is in time."""

    def matrix(self, points: np.ndarray, order: Order = ...) -> np.ndarray:
        """Return a derivative of every feature [point, feature]."""


class Values(Protocol):
    """What a residual needs of a medium: its coefficients and their derivatives."""

    def tensor(self, jet: Jet, at: np.ndarray) -> Tensor:
        """Return a coefficient or its derivative at points [point, axis], m."""


def jets(expression: Poly, axes: Sequence[str]) -> Poly:
    """Return the expression with all derivatives carried out: a polynomial in jets."""

    def atom(a: Hashable) -> Poly:
        if isinstance(a, Symbol):
            return Poly.of(Jet(a, (0,) * len(axes)))
        assert isinstance(a, Derivative)
        return differentiate(jets(a.of, axes), axes.index(a.axis))

    return expression.substitute(atom)


def differentiate(expression: Poly, axis: int) -> Poly:
    """Return the derivative of a polynomial in jets along an axis, by the chain rule."""
    out = Poly()
    for jet in expression.atoms():
        assert isinstance(jet, Jet)
        up = tuple(n + (k == axis) for k, n in enumerate(jet.order))
        out = out + expression.diff(jet) * Poly.of(jet._replace(order=up))
    return out


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
                    f"the equation of {own.name} holds {other}; the surrogate carries one field (acoustic)"
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
