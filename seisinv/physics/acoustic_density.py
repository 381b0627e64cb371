"""Variable-density acoustic waves: pressure p and particle velocity v (Virieux 1986; Levander 1988).

    ∂vz/∂t = −bz ∂p/∂z
    ∂vx/∂t = −bx ∂p/∂x
    ∂p/∂t = K (−∂vz/∂z − ∂vx/∂x + s)

with buoyancy b = 1/rho halfway between nodes (from the mean density), bulk modulus K = rho vp², and s the rate of
volume injection per unit volume, 1/s.  In 3-D vy joins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from seisinv.physics.base import Component, Kind, Physics, halfway, motion
from seisinv.symbolic import Coefficient, D, Dt, Equation, Field, Poly, Source


class AcousticDensity(Physics):
    """Variable-density acoustic wave equation in pressure and particle velocity, on a staggered grid (Virieux 1986).

    Its model has `vp`, m/s, and `rho`, kg/m³.  The source s is a rate of volume injection per unit volume, 1/s, the
    record is pressure, Pa.

    Examples
    --------
    >>> print(AcousticDensity().equations("zx")[-1].text())
    ∂p/∂t = K (−∂vz/∂z − ∂vx/∂x + s)
    """

    parameters: ClassVar[tuple[str, ...]] = ("vp", "rho")

    def equations(self, axes: Sequence[str]) -> list[Equation]:
        """Return Newton's law for each component of v and Hooke's law for p."""
        p, K, s = Field("p"), Coefficient("K"), Source("s")
        v = self._velocity(axes)
        motion = [Equation(Dt(v[a]), -Coefficient(f"b{a}", a) * D(p, a)) for a in axes]
        return [*motion, Equation(Dt(p), K * (sum((-D(v[a], a) for a in axes), Poly()) + s))]

    def _velocity(self, axes: Sequence[str]) -> dict[str, Poly]:
        return {a: Field(f"v{a}", a, parity=+1 if a == axes[0] else -1) for a in axes}

    def coefficients(self, model: Mapping[str, Tensor], axes: Sequence[str]) -> dict[str, Tensor]:
        """Return K = rho vp², Pa, and b = 1/rho, m³/kg, at the places of the velocities."""
        vp, rho = model["vp"], model["rho"]
        return {"K": rho * vp**2} | {f"b{a}": 1 / halfway(rho, k) for k, a in enumerate(axes)}

    def components(self, axes: Sequence[str]) -> dict[str, Component]:
        """Return pressure, and particle velocity, displacement and acceleration along the axes."""
        return {"p": Component(Field("p"), "Pa", "pressure")} | motion(self._velocity(axes))

    def sources(self, axes: Sequence[str]) -> dict[str, Kind]:
        """Return an explosion; on all axes."""
        return {"explosion": Kind({"s": 1.0}, "m³/s (3-D), m²/s (2-D)", "volume injection")}

    def speeds(self, model: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return vp twice, m/s: there is one wave."""
        return model["vp"], model["vp"]
