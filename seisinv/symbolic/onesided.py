"""Where a statement takes differences across a one-sided free surface, which its first rows take by other weights."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, cast

from seisinv.symbolic.poly import Monomial, Poly, Read
from seisinv.symbolic.program import Program, Set
from seisinv.symbolic.weights import staggered


class Difference(NamedTuple):
    """`scale` × `factors` × the staggered difference of a product along the first axis.

    Parameters
    ----------
    scale : Fraction
        A number.
    factors : Monomial
        Reads at the point itself.
    product : tuple of Read
        What is differenced, read at the point itself.
    up : bool
        Whether the difference goes from whole nodes to half nodes, by the table `Closure.up`; else by `Closure.down`.
    """

    scale: Fraction
    factors: Monomial
    product: tuple[Read, ...]
    up: bool


def differences(program: Program, s: Set) -> tuple[Poly, list[Difference]]:
    """Return a statement's right-hand side without the terms that read along the first axis, and those as differences.

    Raises
    ------
    ValueError
        If they are not staggered first differences.
    """
    rest = Poly()
    found: dict[tuple[Monomial, tuple[Read, ...]], dict[int, Fraction]] = {}
    for m, c in s.right:
        reads = [cast(Read, a) for a, power in m for _ in range(power)]
        away = {r.offset for r in reads if r.offset[0]}
        if not away:
            rest = rest + Poly({m: c})
            continue
        if len(away) > 1 or any(next(iter(away))[1:]):
            raise ValueError(f"∂{s.left}/∂t takes mixed differences across a one-sided free surface")
        (offset,) = away
        back = tuple(-o for o in offset)
        product = tuple(r.moved(back) for r in reads if r.offset == offset)
        factors = tuple((a, power) for a, power in m if cast(Read, a).offset != offset)
        found.setdefault((factors, product), {})[offset[0]] = c
    out = []
    for (factors, product), at in found.items():
        up = 0 not in next(program.place[r.name] for r in product if r.name in program.place)
        usual = {o: w for o, w in staggered(2 * program.reach, up=up).items() if w}
        scale = at[next(iter(at))] / usual.get(next(iter(at)), Fraction(1))
        if {o: w * scale for o, w in usual.items() if o} != at:
            raise ValueError(f"∂{s.left}/∂t does not take a staggered difference across a one-sided free surface")
        out.append(Difference(scale, factors, product, up))
        centre = Poly({factors: 1}) * Poly({tuple((r, 1) for r in product): 1})
        rest = rest - centre * (scale * usual[0])
    return rest, out
