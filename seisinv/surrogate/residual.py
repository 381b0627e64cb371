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
from typing import Any, NamedTuple

import numpy as np

from seisinv.core import Grid, ModelError
from seisinv.surrogate.features import Features, Order
from seisinv.symbolic import Equation, Poly
from seisinv.symbolic.equations import Derivative, Symbol


class Jet(NamedTuple):
    """A symbol of an equation, differentiated so many times along each spatial axis."""

    symbol: Symbol
    order: tuple[int, ...]


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
    """Coefficients of a physics as smooth functions of position: quintic splines, cubic or lower on short axes.

    Parameters
    ----------
    grid : Grid
    coefficients : arrays of the grid's shape, by name, SI units
        Beyond the grid the value at its edge holds.
    """

    grid: Grid
    coefficients: Mapping[str, np.ndarray]

    def __call__(self, jet: Jet, at: np.ndarray) -> np.ndarray:
        """Return a coefficient or its derivative at points [point, axis], m."""
        from scipy.interpolate import RectBivariateSpline

        values = self.coefficients[jet.symbol.name]
        if np.ptp(values) == 0:
            return np.full(len(at), 0.0 if any(jet.order) else values.flat[0])
        nodes = [
            self.grid.coordinates(a) + 0.5 * h * (a in jet.symbol.place)
            for a, h in zip(self.grid.axes, self.grid.spacing, strict=True)
        ]
        degree = [min(5, len(n) - 1) for n in nodes]
        spline = RectBivariateSpline(*nodes, values, kx=degree[0], ky=degree[1], s=0)
        z, x = (np.clip(at[:, k], n[0], n[-1]) for k, n in enumerate(nodes))
        return np.asarray(spline.ev(z, x, dx=jet.order[0], dy=jet.order[1]))


@dataclass(frozen=True, eq=False)
class Residual:
    """Left-hand minus right-hand side of one equation in one field, without its source.

    Parameters
    ----------
    equation : Equation
    axes : names of the spatial axes
    medium : Medium

    Raises
    ------
    ModelError
        If the equation holds other fields than its own, or a field times a field.
    """

    equation: Equation
    axes: tuple[str, ...]
    medium: Medium

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

    def form(self, points: np.ndarray) -> dict[Order, np.ndarray]:
        """Return the factor [point] of every derivative of the field in the residual; points are (z, x, t)."""
        out: dict[Order, np.ndarray] = {(0, 0, self.equation.rate.order): np.ones(len(points))}
        for term, number in self.right:
            for jet in (j for j, _ in _jets(term) if j.symbol.kind == "field"):
                order: Order = (jet.order[0], jet.order[1], 0)
                out[order] = out.get(order, 0.0) - float(number) * self._factor(term, points)
        return out

    def matrix(self, features: Features, points: np.ndarray) -> np.ndarray:
        """Return the homogeneous residual of every feature [point, feature]; points are (z, x, t)."""
        out = np.zeros((len(points), features.count))
        for order, factor in self.form(points).items():
            out += factor[:, None] * features.matrix(points, order)
        return out

    def _factor(self, term: Any, points: np.ndarray) -> np.ndarray:
        """Return the product of a term's coefficients at the points."""
        out = np.ones(len(points))
        for jet, power in _jets(term):
            if jet.symbol.kind == "coefficient":
                out = out * self.medium(jet, points[:, :2]) ** power
        return out


def _jets(term: Any) -> list[tuple[Jet, int]]:
    return [(a, power) for a, power in term if isinstance(a, Jet)]
