"""Equations → program: finite differences of any even order on the staggered grid, absorbing boundaries by rewriting.

A derivative that is applied to a bare field twice along one axis becomes the centred second difference; every other one
moves its operand half a cell and becomes the staggered first difference, both exact for polynomials of their order
(Fornberg 1988, doi 10.1090/S0025-5718-1988-0935077-0).

Absorbing boundaries are convolutional perfectly matched layers (Komatitsch & Martin 2007, doi 10.1190/1.2757586),
written as D ← D + ψ with ψ ← a ψ + b D.  For the second derivative the rewrite is applied twice and gives D² + D ψ + ζ
(Pasalic & McGarry 2010, doi 10.1190/1.3513453).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from seisinv.symbolic.equations import Derivative, Equation, Symbol
from seisinv.symbolic.poly import Poly, Read
from seisinv.symbolic.program import RECEIVERS, SOURCES, Profile, Program, Set

RECORD = "data"  # the name of what is recorded, in every program


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


class _Discretisation:
    """Collects the statements of one program; see `discretise`."""

    def __init__(self, axes: Sequence[str], order: int, ratios: Sequence[float]) -> None:
        self.axes, self.order = list(axes), order
        self.ratios = [Fraction(r) for r in ratios]
        self.memory: dict[str, int] = {}
        self.of: dict[str, Poly] = {}  # what each memory field belongs to
        self.profiles: dict[str, Profile] = {}
        self.body: list[Set] = []
        self.place: dict[str, frozenset[int]] = {}
        self.parity: dict[str, int] = {}

    def centre(self, name: str) -> Poly:
        return Poly.of(Read(name, (0,) * len(self.axes)))

    def numbered(self, place: frozenset[str]) -> frozenset[int]:
        return frozenset(self.axes.index(a) for a in place)

    def combine(self, e: Poly, axis: int, kind: str) -> Poly:
        """Apply a difference along an axis; `kind` is "up" or "down" (staggered), "first" or "second" (centred)."""
        r, half = self.order // 2, Fraction(1, 2)
        if kind in ("up", "down"):
            offsets = range(-r + 1, r + 1) if kind == "up" else range(-r, r)
            points = tuple(o - half if kind == "up" else o + half for o in offsets)
        else:
            offsets = range(-r, r + 1)
            points = tuple(map(Fraction, offsets))
        scale = self.ratios[axis] ** (2 if kind == "second" else 1)
        out = Poly()
        for o, w in zip(offsets, weights(points, 2 if kind == "second" else 1), strict=True):
            by = tuple(o if k == axis else 0 for k in range(len(self.axes)))
            out = out + e.shifted(by) * (w * scale)
        return out

    def absorbed(self, name: str, axis: int, place: frozenset[int], parity: int, e: Poly) -> Poly:
        """Rewrite D → D + ψ, adding ψ's statement once; ψ continues through a free surface as D does."""
        half = axis in place
        if self.of.setdefault(name, e) != e:
            raise ValueError(f"two derivatives need a memory field called {name}; rename a field or coefficient")
        if name not in self.memory:
            self.memory[name] = axis
            self.place[name], self.parity[name] = place, parity
            suffix = self.axes[axis] + ("h" if half else "")
            a, b = f"a_{suffix}", f"b_{suffix}"
            self.profiles |= {a: Profile("a", axis, half), b: Profile("b", axis, half)}
            self.body.append(Set(name, self.centre(a) * self.centre(name) + self.centre(b) * e))
        return e + self.centre(name)

    def visit(self, e: Poly) -> tuple[Poly, frozenset[int], int]:
        """Return the discrete expression, its place and its parity through the free surface."""
        total = Poly()
        known: tuple[frozenset[int], int] | None = None
        for m, c in e:
            term, place, parity = Poly.number(c), frozenset[int](), 1
            for atom, power in m:
                assert power == 1, "equations are polynomials of first powers"
                value, at, p = self.atom(atom)
                if len(m) > 1 and at != place and place and at:
                    raise ValueError(f"{_name(atom)} is at {self.shown(at)} but its factor at {self.shown(place)}")
                term, place, parity = term * value, place | at, parity * p
            if known not in (None, (place, parity)):
                raise ValueError(f"terms of one equation are at {self.shown(place, parity)} and {self.shown(*known)}")
            total, known = total + term, (place, parity)
        return total, *(known or (frozenset(), -1))

    def atom(self, atom: object) -> tuple[Poly, frozenset[int], int]:
        if isinstance(atom, Symbol):
            place = self.numbered(atom.place)
            parity = {"field": atom.parity, "coefficient": 1, "source": -1}[atom.kind]
            self.place[atom.name], self.parity[atom.name] = place, parity
            return self.centre(atom.name), place, parity
        assert isinstance(atom, Derivative)
        axis = self.axes.index(atom.axis)
        inner = _bare_second(atom)
        if inner is not None:
            value, place, parity = self.atom(inner)
            psi = self.absorb_name("psi", inner.name, axis)
            turned = -parity if axis == 0 else parity
            self.absorbed(psi, axis, place, turned, self.combine(value, axis, "first"))
            second = self.combine(value, axis, "second") + self.combine(self.centre(psi), axis, "first")
            return self.absorbed(self.absorb_name("zeta", inner.name, axis), axis, place, parity, second), place, parity
        value, place, parity = self.visit(atom.of)
        moved, parity = place ^ {axis}, -parity if axis == 0 else parity
        difference = self.combine(value, axis, "up" if axis in moved else "down")
        name = self.absorb_name("psi", _name(atom.of), axis)
        return self.absorbed(name, axis, moved, parity, difference), moved, parity

    def absorb_name(self, kind: str, of: str, axis: int) -> str:
        return f"{kind}_{of}_{self.axes[axis]}"

    def shown(self, place: frozenset[int], parity: int = 0) -> str:
        through = {0: "", 1: ", even through a free surface", -1: ", odd through a free surface"}[parity]
        return "(" + ", ".join(a + ("+½" if k in place else "") for k, a in enumerate(self.axes)) + ")" + through


def discretise(
    equations: Sequence[Equation], axes: Sequence[str], *, order: int, record: str, ratios: Sequence[float]
) -> Program:
    """Turn equations into a time-step program.

    Parameters
    ----------
    equations, axes, order, record, ratios
        As of `derive`.

    Returns
    -------
    Program
        One time step.

    Raises
    ------
    ValueError
        If an expression mixes places on the staggered grid, or parities through a free surface; if there is not one
        source; if two quantities share a name.
    """
    if order % 2 or order < 2:
        raise ValueError(f"order is {order}; it must be even and at least 2")
    d = _Discretisation(axes, order, ratios)
    kinds = _by_kind(equations)
    (source,) = kinds["source"]
    if record not in kinds["field"]:
        raise ValueError(f"the record is {record!r}; it must be a field: {', '.join(sorted(kinds['field']))}")
    fields: list[str] = []
    swaps: list[tuple[str, str]] = []
    for equation in equations:
        f, place = equation.rate.field, d.numbered(equation.rate.field.place)
        d.place[f.name], d.parity[f.name] = place, f.parity
        right, where, parity = d.visit(equation.right)
        if (where, parity) != (place, f.parity):
            here, there = d.shown(place, f.parity), d.shown(where, parity)
            raise ValueError(f"∂{f.name}/∂t is at {here} but its right-hand side at {there}")
        new = f.name
        start = d.centre(f.name)
        if equation.rate.order == 2:
            new = f"{f.name}_old"
            start = 2 * d.centre(f.name) - d.centre(new)
            swaps.append((f.name, new))
            d.place[new], d.parity[new] = place, f.parity
        fields += dict.fromkeys([f.name, new])
        spread = Poly({m: c for m, c in right if source in {r.name for r, _ in m if isinstance(r, Read)}})
        d.body.append(Set(new, start + right - spread))
        if spread:
            d.body.append(Set(new, d.centre(new) + spread, SOURCES))  # later equations of the step read that field
    fed = [s.left for s in d.body if s.where]
    if len({(d.place[f], d.parity[f]) for f in fed}) > 1:
        raise ValueError(f"the source {source} acts on fields at different places: {', '.join(fed)}")
    return Program(
        ndim=len(d.axes),
        body=(Set(RECORD, d.centre(record), RECEIVERS), *d.body),
        fields=(*fields, *d.memory),
        swaps=tuple(swaps),
        memory=d.memory,
        coefficients=tuple(sorted(kinds["coefficient"])),
        profiles=d.profiles,
        points={RECORD: RECEIVERS, source: SOURCES},
        source=source,
        record=RECORD,
        reach=order // 2,
        place=d.place,
        parity=d.parity,
    )


def _by_kind(equations: Sequence[Equation]) -> dict[str, set[str]]:
    """Return the names of fields, coefficients and the source, each of which must stand for one symbol only."""
    known: dict[str, Symbol] = {}
    for symbol in [s for e in equations for s in (e.rate.field, *_symbols(e.right))]:
        if known.setdefault(symbol.name, symbol) != symbol:
            raise ValueError(
                f"{symbol.name!r} stands for two quantities: {known[symbol.name]} and {symbol}; rename one"
            )
    kinds = {kind: {s.name for s in known.values() if s.kind == kind} for kind in ("field", "coefficient", "source")}
    if len(kinds["source"]) != 1:
        raise ValueError(f"the equations have {len(kinds['source'])} sources; they need one, for example Source('s')")
    unsolved = kinds["field"] - {e.rate.field.name for e in equations}
    if unsolved:
        raise ValueError(f"no equation gives the time derivative of {', '.join(sorted(unsolved))}")
    return kinds


def _symbols(e: Poly) -> list[Symbol]:
    out = []
    for a in e.atoms():
        out += [a] if isinstance(a, Symbol) else _symbols(a.of) if isinstance(a, Derivative) else []
    return out


def _bare_second(atom: Derivative) -> Symbol | None:
    """Return the field f of D(D(f, a), a), else None."""
    match atom.of.atoms():
        case [Derivative(of, axis)] if axis == atom.axis and len(of.atoms()) == 1:
            (field,) = of.atoms()
            return field if isinstance(field, Symbol) else None
    return None


def _name(e: object) -> str:
    if isinstance(e, Poly):
        return "_".join(_name(a) for a in e.atoms())
    if isinstance(e, Symbol):
        return e.name
    assert isinstance(e, Derivative)
    return f"d{_name(e.of)}{e.axis}"


@dataclass(frozen=True)
class Scales:
    """Powers of the time step and of 1/spacing that each coefficient absorbs, and the coefficient of the source."""

    time: Mapping[str, int]
    space: Mapping[str, int]
    source: str

    def factor(self, name: str, step: float, spacing: float) -> float:
        """Return what a physical coefficient is multiplied by."""
        return step ** self.time[name] / spacing ** self.space[name]


def scaling(equations: Sequence[Equation]) -> Scales:
    """Read the scales off the equations.

    The program's differences have unit step and spacing; a term with n derivatives in space carries 1/spacingⁿ.
    """
    time: dict[str, int] = {}
    space: dict[str, int] = {}
    source = ""
    for equation in equations:
        for m, _ in equation.right:
            names = [a.name for a, _ in m if isinstance(a, Symbol) and a.kind == "coefficient"]
            if len(names) != 1:
                raise ValueError(f"each term of ∂{equation.rate.field.name}/∂t needs exactly one coefficient")
            time[names[0]] = equation.rate.order
            depth = sum(_depth(a) for a, _ in m)
            if any(isinstance(a, Symbol) and a.kind == "source" for a, _ in m):
                source = names[0]
            elif space.setdefault(names[0], depth) != depth:
                raise ValueError(f"{names[0]} multiplies derivatives of different order")
    return Scales(time, space, source)


def _depth(atom: object) -> int:
    """How many derivatives are applied."""
    return 1 + max(_depth(a) for a in atom.of.atoms()) if isinstance(atom, Derivative) else 0
