"""Weights of finite differences, exact for polynomials (Fornberg 1988, doi 10.1090/S0025-5718-1988-0935077-0)."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache


@lru_cache(maxsize=64)
def weights(points: tuple[Fraction, ...], derivative: int) -> list[Fraction]:
    """Return finite-difference weights at 0 for a derivative, exact for polynomials through `points` (Lagrange)."""
    out = []
    for i, x in enumerate(points):
        basis = [Fraction(1)]  # the polynomial that is 1 at x and 0 at the others, constant term first
        for y in (*points[:i], *points[i + 1 :]):
            pairs = zip([Fraction(0), *basis], [*basis, Fraction(0)], strict=True)
            basis = [(a - y * b) / (x - y) for a, b in pairs]
        out.append(math.factorial(derivative) * basis[derivative])
    return out


def staggered(order: int, *, up: bool) -> dict[int, Fraction]:
    """Return the weights by offset of the first difference half a cell up, or down, from what is differenced."""
    r, half = order // 2, Fraction(1, 2)
    offsets = range(-r + 1, r + 1) if up else range(-r, r)
    points = tuple(o - half if up else o + half for o in offsets)
    return dict(zip(offsets, weights(points, 1), strict=True))
