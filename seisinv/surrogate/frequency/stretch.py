"""Absorbing layers by complex stretching, as a rewrite of equations and their medium: every ∂/∂a becomes g_a ∂/∂a.

    a' = a + (1/iω) ∫ σ_a da,   g_a = ∂a/∂a' = 1 / (1 − i σ_a / ω)

for fields that vary as e^{iωt} (Chew & Weedon 1994, doi 10.1002/mop.4650071304).  g is one more coefficient of the
equation, known in closed form with its derivatives; a residual then follows by the product rule as for any equation.
σ is quadratic in the depth within a layer: σ = 3 c ln(1/R) d² / 2 L³ with the reflection R at normal incidence.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import torch

from seisinv.core import Model, ModelError
from seisinv.core.resampling import linear
from seisinv.physics import Physics
from seisinv.surrogate.jets import Jet
from seisinv.symbolic import Coefficient, D, Equation, Poly
from seisinv.symbolic.equations import Derivative, Symbol

REFLECTION = 1e-4
STRETCH = "stretch"  # the coefficient's name begins so


def stretched(equation: Equation, axes: Sequence[str]) -> Equation:
    """Return the equation in stretched coordinates."""

    def expression(e: Poly) -> Poly:
        return e.substitute(atom)

    def atom(a: Hashable) -> Poly | None:
        if isinstance(a, Symbol):
            return None
        assert isinstance(a, Derivative)
        return Coefficient(f"{STRETCH}_{a.axis}") * D(expression(a.of), a.axis)

    return Equation(equation.rate, expression(equation.right))


@dataclass(frozen=True)
class Layer:
    """Stretching of one axis: none between `low` and `high`, growing over `width` beyond them.

    Parameters
    ----------
    low, high, width : float, m
    speed : float, m/s
        c, the fastest velocity.
    omega : float, rad/s
    """

    low: float
    high: float
    width: float
    speed: float
    omega: float

    @property
    def strength(self) -> float:
        """σ at the layer's end, 1/s."""
        return 1.5 * self.speed * log(1 / REFLECTION) / self.width

    def coordinate(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the stretched coordinate a' and its first and second derivative along a."""
        beyond = np.maximum(at - self.high, 0.0) - np.maximum(self.low - at, 0.0)
        depth, way = np.abs(beyond) / self.width, np.sign(beyond)
        turn = -1j * self.strength / self.omega
        return (
            at + turn * way * self.width * depth**3 / 3,
            1 + turn * depth**2,
            turn * way * 2 * depth / self.width,
        )

    def factor(self, at: np.ndarray, order: int) -> np.ndarray:
        """Return g or its first derivative."""
        _, first, second = self.coordinate(at)
        return 1 / first if order == 0 else -second / first**2


@dataclass(frozen=True, eq=False)
class LayeredMedium:
    """A medium whose parameters are linear between nodes and constant beyond them, in stretched coordinates.

    Parameters
    ----------
    physics : Physics
    model : Model
    layers : Layer along z and x
    """

    physics: Physics
    model: Model
    layers: tuple[Layer, Layer]

    def tensor(self, jet: Jet, at: np.ndarray) -> torch.Tensor:
        """Return a coefficient, or a derivative of the stretching, at points (z, x), m.

        Raises
        ------
        ModelError
            If the equation differentiates a coefficient, or one lives between nodes.
        """
        name, axes = jet.symbol.name, self.model.grid.axes
        if name.startswith(STRETCH):
            k = axes.index(name.removeprefix(f"{STRETCH}_"))
            factor = self.layers[k].factor(at[:, k], jet.order[k]) if not jet.order[1 - k] else np.zeros(len(at))
            return torch.from_numpy(factor)
        if any(jet.order) or jet.symbol.place:
            raise ModelError(
                f"the equation differentiates {name}; the surrogate needs coefficients by their value only"
            )
        values = {n: torch.from_numpy(self.parameter(n, at))[:, None] for n in self.physics.parameters}
        return self.physics.coefficients(values, axes)[name][:, 0]

    def parameter(self, name: str, at: np.ndarray) -> np.ndarray:
        """Return a parameter of the model at points (z, x), m."""
        return linear(self.model.grid, self.model[name].detach().double().numpy(), at)
