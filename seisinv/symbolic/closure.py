"""One-sided differences at a free surface that conserve energy: summation by parts on the staggered grid.

B takes whole nodes 0, 1, … to half nodes ½, 3/2, …; A takes half nodes to whole ones; node 0 is on the surface.  With
positive masses M (whole) and m (half), B = m⁻¹ Q and A = −M⁻¹ Qᵀ, so in these masses either is minus the other's
transpose: Σ M x (A y) + Σ m y (B x) = 0.  Inside, both are the usual staggered differences and the masses are 1.  Near
the surface B, and A below row 0, are exact for polynomials of degree 2; row 0 of A is so for y that vanish at the
surface, as tractions do.  Compare Strand 1994 (doi 10.1006/jcph.1994.1005) and O'Reilly, Lundquist, Dunham & Nordström
2017 (doi 10.1137/16M1103348).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from seisinv.symbolic.weights import staggered

# Ten numbers are free: Q[1, i] and Q[3, i] for i = 1, 3, 4, then m[1], m[3], M[1], M[3], by their place among the
# unknowns of `closure`, in hundredths.  They are the same for orders 4 to 12: nonlinear least squares over orders 4, 6,
# 8, 12, at vp/vs = √3 and 2.5, of (1) the error of the Rayleigh velocity of the half space discretised in z, against
# 0.3, 0.08, 0.02 % at 10, 15, 25 nodes per S wavelength, and (2) that of reflected plane P and S waves, against 0.6 and
# 3.4 % at 10 and 5 nodes (weighted ½ and ¼); with masses above 0.3 and no eigenvalue of A B beyond those of the
# interior.  Sought by (1) alone, B nearly loses its rank: slow waves that do not exist then stay at the surface.
_FREE = {7: -87, 9: -7, 10: -1, 19: 0, 21: -116, 22: 112, 31: 66, 33: 88, 36: 138, 38: 120}


@dataclass(frozen=True, eq=False)
class Closure:
    """Differences in the first rows below a free surface, per cell, and masses.

    Parameters
    ----------
    up, down : (rows, reads) arrays
        Weights of B and of A: (B x)ᵢ is the sum of up[i, k] xₖ, and (A y)ᵢ that of down[i, k] yₖ.
    mass_whole, mass_half : (rows,) arrays
        M and m; 1 in later rows.
    """

    up: np.ndarray
    down: np.ndarray
    mass_whole: np.ndarray
    mass_half: np.ndarray

    @property
    def rows(self) -> int:
        """Number of rows that have weights of their own."""
        return len(self.up)

    def mass(self, rows: np.ndarray, *, half: bool) -> np.ndarray:
        """Return the masses of some rows.

        Parameters
        ----------
        rows : array of int
            Numbers of rows, from 0 at the surface.
        half : bool
            Whether they are half nodes.

        Returns
        -------
        array
            Of the shape of `rows`.

        Examples
        --------
        >>> closure(2).mass(np.array([0, 1, 9]), half=False)
        array([0.5, 1. , 1. ])
        """
        known = self.mass_half if half else self.mass_whole
        return np.where(rows < len(known), known[np.minimum(rows, len(known) - 1)], 1.0)


@lru_cache(maxsize=16)
def closure(order: int) -> Closure:
    """Return the closure of staggered differences: of degree 2, or at order 2 the mirror image, which is of degree 1.

    Parameters
    ----------
    order : int
        Of the differences inside: 2, 4, …, 12.

    Returns
    -------
    Closure
        Solved in fractions, so that its numbers do not depend on the machine.

    Examples
    --------
    >>> edge, z = closure(4), np.arange(8.0)
    >>> bool(np.allclose(edge.up @ z**2, 2 * (np.arange(edge.rows) + 0.5)))
    True
    """
    if order not in range(2, 13, 2):
        raise ValueError(f"order is {order}; differences at a one-sided free surface are known for 2, 4, …, 12")
    degree, nh, nw = (2, 5, 6) if order > 2 else (1, 0, 1)
    rows = max(nw, order // 2)
    reads, m, M = rows + order // 2, nh * nw, nh * nw + nh  # unknown j nw + i is Q[j, i], m + j is m[j], M + i is M[i]
    stencil = staggered(order, up=True)
    q = [[stencil.get(i - j, Fraction(0)) for i in range(reads)] for j in range(reads)]
    half, whole = [Fraction(2 * j + 1, 2) for j in range(reads)], [Fraction(i) for i in range(reads)]
    system = [({k: Fraction(1)}, Fraction(w, 100)) for k, w in _FREE.items() if nh]
    for k in range(degree + 1):
        for j in range(nh):
            terms = {j * nw + i: whole[i] ** k for i in range(nw)} | {m + j: -k * half[j] ** (k - 1)}
            system.append((terms, -sum((q[j][i] * whole[i] ** k for i in range(nw, reads)), Fraction(0))))
        for i in range(nw):
            terms = {j * nw + i: half[j] ** k for j in range(nh)} | {M + i: k * whole[i] ** max(k - 1, 0)}
            surface = Fraction(i == k == 0)  # what y adds to row 0 of A where it does not vanish at the surface
            system.append((terms, -sum((q[j][i] * half[j] ** k for j in range(nh, reads)), surface)))
    x = _solve(system, M + nw)
    q[:nh] = [x[j * nw : j * nw + nw] + q[j][nw:] for j in range(nh)]
    mass_half, mass_whole = [*x[m:M], *[Fraction(1)] * (rows - nh)], [*x[M:], *[Fraction(1)] * (rows - nw)]
    up = [[w / mass_half[j] for w in q[j]] for j in range(rows)]
    down = [[-q[j][i] / mass_whole[i] for j in range(reads)] for i in range(rows)]
    return Closure(*(np.array(table, float) for table in (up, down, mass_whole, mass_half)))


def _solve(system: list[tuple[dict[int, Fraction], Fraction]], unknowns: int) -> list[Fraction]:
    """Solve equations Σ terms[k] x[k] = right, some of which follow from others (Gauss and Jordan)."""
    table = [[*(terms.get(k, Fraction(0)) for k in range(unknowns)), right] for terms, right in system]
    for k in range(unknowns):
        p = next(p for p in range(k, len(table)) if table[p][k])
        pivot = [a / table[p][k] for a in table[p]]
        table[p] = table[k]
        table = [[a - row[k] * b for a, b in zip(row, pivot, strict=True)] if row[k] else row for row in table]
        table[k] = pivot
    return [row[-1] for row in table[:unknowns]]
