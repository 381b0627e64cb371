"""Isotropic elastic waves: particle velocity v and stress s (Virieux 1986; Levander 1988); in 2-D, P and SV waves.

    ∂vz/∂t = bz (∂szz/∂z + ∂szx/∂x + fz)
    ∂vx/∂t = bx (∂szx/∂z + ∂sxx/∂x + fx)
    ∂szz/∂t = Cz ∂vz/∂z + Lz ∂vx/∂x + mzz
    ∂sxx/∂t = Lz ∂vz/∂z + C ∂vx/∂x + mxx
    ∂szx/∂t = Mzx ∂vz/∂x + Mzx ∂vx/∂z + mzx

with b = 1/rho halfway between nodes, C = Cz = λ + 2 μ, L = Lz = λ, M = μ in the middle of cells (harmonic mean: a cell
that touches a fluid carries no shear), forces f and minus the moment tensor's rates m per volume.  In 3-D y joins.
Where a free surface is szz = 0: Cz = Lz = 0, and C and L lack λ² / (λ + 2 μ).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import ClassVar

import torch
from torch import Tensor

from seisinv.physics.base import Component, Kind, Physics, halfway, motion
from seisinv.symbolic import Coefficient, D, Dt, Equation, Field, Poly, Source


class Elastic(Physics):
    """Isotropic elastic wave equation in particle velocity and stress, on the staggered grid (Virieux 1986).

    Its model has `vp` and `vs`, m/s, and `rho`, kg/m³; where `vs` is 0 it is a fluid.

    Examples
    --------
    >>> print(Elastic().equations("zx")[-1].text())
    ∂szx/∂t = Mzx ∂vz/∂x + Mzx ∂vx/∂z + mzx
    """

    parameters: ClassVar[tuple[str, ...]] = ("vp", "vs", "rho")
    vanishing: ClassVar[tuple[str, ...]] = ("Mzx", "Mzy", "Myx")
    reciprocal: ClassVar[tuple[tuple[str, str], ...]] = (("fz", "vz"), ("fx", "vx"))
    damping: ClassVar[tuple[float, float, float]] = (1.0, 0.5, 0.1)

    def equations(self, axes: Sequence[str]) -> list[Equation]:
        """Return Newton's law for each component of v, and Hooke's law for each of s."""
        v, s = _fields(axes)
        modulus = {(a, b): Coefficient(("C" if a == b else "L") + "z" * ("z" in (a, b))) for a in axes for b in axes}
        force = {a: sum((D(s[a, b], b) for b in axes), Source(f"f{a}")) for a in axes}
        rate = {a: sum((modulus[a, b] * D(v[b], b) for b in axes), Source(f"m{a}{a}")) for a in axes}
        out = [Equation(Dt(v[a]), Coefficient(f"b{a}", a) * force[a]) for a in axes]
        out += [Equation(Dt(s[a, a]), rate[a]) for a in axes]
        for a, b in itertools.combinations(axes, 2):
            M = Coefficient(f"M{a}{b}", a + b)
            out.append(Equation(Dt(s[a, b]), M * (D(v[a], b) + D(v[b], a)) + Source(f"m{a}{b}")))
        return out

    def coefficients(self, model: Mapping[str, Tensor], axes: Sequence[str]) -> dict[str, Tensor]:
        """Return λ + 2 μ, λ and μ, Pa, and 1/rho, m³/kg, at their places."""
        rho, mu = model["rho"], model["rho"] * model["vs"] ** 2
        C = rho * model["vp"] ** 2
        out = {"C": C, "Cz": C, "Lz": C - 2 * mu} | ({"L": C - 2 * mu} if len(axes) == 3 else {})
        out |= {f"b{a}": 1 / halfway(rho, k) for k, a in enumerate(axes)}
        fluid = (mu == 0).to(mu.dtype)
        compliance = 1 / (mu + fluid)
        for (i, a), (k, b) in itertools.combinations(enumerate(axes), 2):
            solid = halfway(halfway(fluid, i), k) == 0
            out[f"M{a}{b}"] = solid / halfway(halfway(compliance, i), k)
        return out

    def surface(self, row: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the moduli of plane stress, since szz = 0."""
        less, none = row["Lz"] ** 2 / row["C"], torch.zeros_like(row["C"])
        return {"Cz": none, "Lz": none} | {n: row[n] - less for n in ("C", "L") if n in row}

    def components(self, axes: Sequence[str]) -> dict[str, Component]:
        """Return pressure (minus the mean normal stress), and particle motion along the axes."""
        v, s = _fields(axes)
        p = sum((s[a, a] * Fraction(-1, len(axes)) for a in axes), Poly())
        return {"p": Component(p, "Pa", "pressure")} | motion(v)

    def sources(self, axes: Sequence[str]) -> dict[str, Kind]:
        """Return an explosion, forces along the axes, and the elements of a moment tensor."""
        unit = "N m/s" if len(axes) == 3 else "N m/s per m"
        pairs = [(a, a) for a in axes] + list(itertools.combinations(axes, 2))
        force = {f"f{a}": Kind({f"f{a}": 1.0}, unit.replace(" m/s", ""), f"force along {a}") for a in axes}
        moment = {f"m{a}{b}": Kind({f"m{a}{b}": -1.0}, unit, f"moment rate {a}{b}") for a, b in pairs}
        return {"explosion": Kind({f"m{a}{a}": -1.0 for a in axes}, unit, "isotropic moment rate")} | force | moment

    def speeds(self, model: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the speed of S waves (of P waves in a fluid) and of P waves, m/s."""
        return torch.where(model["vs"] > 0, model["vs"], model["vp"]), model["vp"]


def _fields(axes: Sequence[str]) -> tuple[dict[str, Poly], dict[tuple[str, str], Poly]]:
    s = {(a, a): Field(f"s{a}{a}", parity=0, pinned=a == axes[0]) for a in axes}
    for a, b in itertools.combinations(axes, 2):
        s[a, b] = s[b, a] = Field(f"s{a}{b}", a + b, parity=0)
    return {a: Field(f"v{a}", a, parity=0) for a in axes}, s
