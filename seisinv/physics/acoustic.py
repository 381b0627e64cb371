"""Constant-density acoustic waves: pressure p in a medium of P velocity vp.

    ∂²p/∂t² = K (∂²p/∂z² + ∂²p/∂x² + s),  K = vp²

so that (1/vp²) ∂²p/∂t² − ∇²p = s(t) δ(x − x_s) (Aki & Richards 2002, §4.1).  In 3-D ∂²p/∂y² joins the sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from seisinv.physics.base import Component, Kind, Physics
from seisinv.symbolic import Coefficient, D, Dtt, Equation, Field, Poly, Source


class Acoustic(Physics):
    """Constant-density acoustic wave equation, second order in time (Aki & Richards 2002, §4.1).

    Its model has `vp`, m/s.  The source s is in Pa/m² per unit of volume, the record is pressure, Pa.

    Examples
    --------
    >>> print(Acoustic().equations("zx")[0].text())
    ∂²p/∂t² = K (∂²p/∂z² + ∂²p/∂x² + s)
    """

    parameters: ClassVar[tuple[str, ...]] = ("vp",)

    def equations(self, axes: Sequence[str]) -> list[Equation]:
        """Return ∂²p/∂t² = K (∇²p + s)."""
        p, K, s = Field("p"), Coefficient("K"), Source("s")
        laplacian = sum((D(D(p, a), a) for a in axes), Poly())
        return [Equation(Dtt(p), K * (laplacian + s))]

    def coefficients(self, model: Mapping[str, Tensor], axes: Sequence[str]) -> dict[str, Tensor]:
        """Return K = vp², m²/s²."""
        return {"K": model["vp"] ** 2}

    def components(self, axes: Sequence[str]) -> dict[str, Component]:
        """Return pressure; on all axes."""
        return {"p": Component(Field("p"), "Pa", "pressure")}

    def sources(self, axes: Sequence[str]) -> dict[str, Kind]:
        """Return an explosion; on all axes."""
        return {"explosion": Kind({"s": 1.0}, "Pa m (3-D), Pa (2-D)", "explosion")}

    def speeds(self, model: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return vp twice, m/s: there is one wave."""
        return model["vp"], model["vp"]
