"""SH waves: particle velocity vy across the section and shear stress s (Virieux 1984).

    ∂vy/∂t = b (∂syz/∂z + ∂syx/∂x + fy)
    ∂syz/∂t = Mz ∂vy/∂z
    ∂syx/∂t = Mx ∂vy/∂x

with b = 1/rho, M = μ halfway between nodes (harmonic mean), fy force per volume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from seisinv.core import ConfigError
from seisinv.physics.base import Component, Kind, Physics, halfway, motion
from seisinv.symbolic import Coefficient, D, Dt, Equation, Field, Poly, Source


class ElasticSH(Physics):
    """Elastic waves polarised across a 2-D section, on the staggered grid (Virieux 1984).

    Its model has `vs`, m/s, and `rho`, kg/m³.

    Examples
    --------
    >>> print(ElasticSH().equations("zx")[0].text())
    ∂vy/∂t = b (∂syz/∂z + ∂syx/∂x + fy)
    """

    parameters: ClassVar[tuple[str, ...]] = ("vs", "rho")

    def equations(self, axes: Sequence[str]) -> list[Equation]:
        """Return Newton's law and Hooke's law.

        Raises
        ------
        ConfigError
            If the grid is not (z, x).
        """
        if len(axes) != 2:
            raise ConfigError("SH waves are those of a 2-D section", remedy="use a 2-D grid, or physics elastic in 3-D")
        vy = _velocity()
        stress = {a: Field(f"sy{a}", a, parity=0) for a in axes}
        force = sum((D(stress[a], a) for a in axes), Source("fy"))
        return [Equation(Dt(vy), Coefficient("b") * force)] + [
            Equation(Dt(stress[a]), Coefficient(f"M{a}", a) * D(vy, a)) for a in axes
        ]

    def coefficients(self, model: Mapping[str, Tensor], axes: Sequence[str]) -> dict[str, Tensor]:
        """Return 1/rho, m³/kg, and μ, Pa, halfway between nodes."""
        compliance = 1 / (model["rho"] * model["vs"] ** 2)
        return {"b": 1 / model["rho"]} | {f"M{a}": 1 / halfway(compliance, k) for k, a in enumerate(axes)}

    def components(self, axes: Sequence[str]) -> dict[str, Component]:
        """Return particle velocity, displacement and acceleration across the section of two axes."""
        return motion({"y": _velocity()})

    def sources(self, axes: Sequence[str]) -> dict[str, Kind]:
        """Return a force across the section of two axes."""
        return {"fy": Kind({"fy": 1.0}, "N/m", "force across the section")}

    def speeds(self, model: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return vs twice, m/s: there is one wave."""
        return model["vs"], model["vs"]


def _velocity() -> Poly:
    return Field("vy", parity=0)
