"""Jets: symbols of an equation with an order of differentiation along each axis, and the product rule on them.

By the product rule an equation becomes a polynomial in jets,

    D(b D(p, z), z)  ──►  b p_zz + b_z p_z

and the value of a jet is looked up: a field's in features, a coefficient's in a medium.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from seisinv.symbolic import Poly
from seisinv.symbolic.equations import Derivative, Symbol

Order = tuple[int, int, int]  # of a derivative along z, x, t

VALUE: Order = (0, 0, 0)


class Jet(NamedTuple):
    """A symbol of an equation and the order of its derivative along each spatial axis."""

    symbol: Symbol
    order: tuple[int, ...]


class Functions(Protocol):
    """The interface of features to a residual: their derivatives; the last order is in time."""

    def matrix(self, points: np.ndarray, order: Order = ...) -> np.ndarray:
        """Return a derivative of every feature [point, feature]."""


class Values(Protocol):
    """The interface of a medium to a residual: its coefficients and their derivatives."""

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
