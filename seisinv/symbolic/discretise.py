"""Equations → program: finite differences of any even order on the staggered grid, absorbing boundaries by rewriting.

A derivative that is applied to a bare field twice along one axis becomes the centred second difference; every other one
moves its operand half a cell and becomes the staggered first difference, both exact for polynomials of their order
(Fornberg 1988, doi 10.1090/S0025-5718-1988-0935077-0).

Absorbing boundaries are convolutional perfectly matched layers (Komatitsch & Martin 2007, doi 10.1190/1.2757586),
written as D ← D + ψ with ψ ← a ψ + b D.  For the second derivative the rewrite is applied twice and gives D² + D ψ + ζ
(Pasalic & McGarry 2010, doi 10.1190/1.3513453).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from seisinv.symbolic.equations import Derivative, Equation, Symbol, symbols
from seisinv.symbolic.poly import Monomial, Poly, Read
from seisinv.symbolic.program import RECEIVERS, SOURCES, Profile, Program, Set
from seisinv.symbolic.scales import early
from seisinv.symbolic.weights import staggered, weights

RECORD = "data_"  # + the name of what is recorded: its array in every program


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
        return frozenset(self.axes.index(a) for a in place - {"t"})

    def combine(self, e: Poly, axis: int, kind: str) -> Poly:
        """Apply a difference along an axis; `kind` is "up" or "down" (staggered), "first" or "second" (centred)."""
        if kind in ("up", "down"):
            stencil = staggered(self.order, up=kind == "up")
        else:
            offsets = range(-(self.order // 2), self.order // 2 + 1)
            found = weights(tuple(map(Fraction, offsets)), 2 if kind == "second" else 1)
            stencil = dict(zip(offsets, found, strict=True))
        scale = self.ratios[axis] ** (2 if kind == "second" else 1)
        out = Poly()
        for o, w in stencil.items():
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

    def dragged(self, name: str) -> Poly:
        """A field that loses a little of itself in absorbing layers."""
        out = self.centre(name)
        for axis, letter in enumerate(self.axes):
            half = axis in self.place[name]
            g = f"g_{letter}{'h' if half else ''}"
            self.profiles[g] = Profile("g", axis, half)
            out = out * self.centre(g)
        return out

    def visit(self, e: Poly) -> tuple[Poly, frozenset[int], int]:
        """Return the discrete expression, its place and its parity through the free surface."""
        total = Poly()
        known: tuple[frozenset[int], int] | None = None
        fed = [m for m, _ in e if any(isinstance(a, Symbol) and a.kind == "source" for a, _ in m)]
        for m, c in sorted(e, key=lambda t: t[0] in fed):  # a source is where its equation is
            term, place, parity = Poly.number(c), frozenset[int](), 1
            for atom, power in m:
                assert power == 1, "equations are polynomials of first powers"
                value, at, p = self.atom(atom)
                if len(m) > 1 and at != place and place and at:
                    raise ValueError(f"{_name(atom)} is at {self.shown(at)} but its factor at {self.shown(place)}")
                term, place, parity = term * value, place | at, parity * p
            if m in fed:
                place, parity = (place if len(m) > 1 or not known else known[0]), (known[1] if known else parity)
            if known not in (None, (place, parity)):
                raise ValueError(f"terms of one equation are at {self.shown(place, parity)} and {self.shown(*known)}")
            total, known = total + term, (place, parity)
        return total, *(known or (frozenset(), -1))

    def atom(self, atom: object) -> tuple[Poly, frozenset[int], int]:
        if isinstance(atom, Symbol):
            place = self.numbered(atom.place)
            if atom.kind == "source":
                return self.centre(atom.name), place, 1
            parity = atom.parity if atom.kind == "field" else 1
            self.place[atom.name], self.parity[atom.name] = place, parity
            return self.centre(atom.name), place, parity
        assert isinstance(atom, Derivative)
        axis = self.axes.index(atom.axis)
        inner = _bare_second(atom)
        if inner is not None:
            value, place, parity = self.atom(inner)
            if parity == 0 and axis == 0:
                raise ValueError(f"{inner.name} is one-sided at a free surface; differences there must be first ones")
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
    equations: Sequence[Equation],
    axes: Sequence[str],
    *,
    order: int,
    records: Mapping[str, Poly],
    ratios: Sequence[float],
    emits: Sequence[str] | None = None,
    drag: bool = False,
) -> Program:
    """Turn equations into a time-step program.

    Parameters
    ----------
    equations, axes, order, records, ratios, emits, drag
        As of `derive`.

    Returns
    -------
    Program
        One time step.

    Raises
    ------
    ValueError
        If an expression mixes places on the staggered grid, or parities through a free surface; if a source acts in two
        equations; if two quantities share a name.
    """
    if order % 2 or order < 2:
        raise ValueError(f"order is {order}; it must be even and at least 2")
    d = _Discretisation(axes, order, ratios)
    kinds = _by_kind(equations)
    early(equations)
    wanted = kinds["source"] if emits is None else kinds["source"] & set(emits)
    fields: list[str] = []
    swaps: list[tuple[str, str]] = []
    fed: dict[str, str] = {}
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
        spread = {s: Poly({m: c for m, c in right if s in _read(m)}) for s in sorted(kinds["source"] & _reads(right))}
        d.body.append(Set(new, start + right - sum(spread.values(), Poly())))
        for s, terms in spread.items():
            if s in fed:
                raise ValueError(f"the source {s} acts on {fed[s]} and on {f.name}; give each equation one of its own")
            fed[s] = f.name
            d.place[s], d.parity[s] = place, -1 if f.pinned else f.parity
            if s in wanted:  # at once: later equations of the step read that field
                d.body.append(Set(new, d.centre(new) + terms, SOURCES + s))
        if drag and equation.rate.order == 1:  # a statement of its own, which leaves the others alone in the adjoint
            d.body.append(Set(new, d.dragged(new)))
    if len({d.parity[f] == 0 for f in kinds["field"]}) > 1:
        names = ", ".join(sorted(f for f in kinds["field"] if d.parity[f] == 0))
        raise ValueError(f"{names} is one-sided at a free surface (parity 0) but others are not; make it all or none")
    measured = []
    for name, e in records.items():
        unknown = {s.name for s in symbols(e)} - kinds["field"]
        if unknown:
            known = ", ".join(sorted(kinds["field"]))
            raise ValueError(f"the record is {', '.join(sorted(unknown))!r}; it must be a field: {known}")
        value, place, parity = d.visit(e)
        measured.append(Set(RECORD + name, value, RECEIVERS + name))
        d.place[RECORD + name], d.parity[RECORD + name] = place, parity
    return Program(
        ndim=len(d.axes),
        body=(*measured, *d.body),
        fields=(*fields, *d.memory),
        swaps=tuple(swaps),
        memory=d.memory,
        coefficients=tuple(sorted(kinds["coefficient"])),
        profiles=d.profiles,
        points={RECORD + n: RECEIVERS + n for n in records} | {s: SOURCES + s for s in fed if s in wanted},
        sources=tuple(s for s in fed if s in wanted),
        records=tuple(RECORD + n for n in records),
        reach=order // 2,
        place=d.place,
        parity=d.parity,
    )


def _by_kind(equations: Sequence[Equation]) -> dict[str, set[str]]:
    """Return the names of fields, coefficients and sources, each of which must stand for one symbol only."""
    known: dict[str, Symbol] = {}
    for symbol in [s for e in equations for s in (e.rate.field, *symbols(e.right))]:
        if known.setdefault(symbol.name, symbol) != symbol:
            raise ValueError(
                f"{symbol.name!r} stands for two quantities: {known[symbol.name]} and {symbol}; rename one"
            )
    kinds = {kind: {s.name for s in known.values() if s.kind == kind} for kind in ("field", "coefficient", "source")}
    if not kinds["source"]:
        raise ValueError("the equations have no source; they need one, for example Source('s')")
    unsolved = kinds["field"] - {e.rate.field.name for e in equations}
    if unsolved:
        raise ValueError(f"no equation gives the time derivative of {', '.join(sorted(unsolved))}")
    return kinds


def _read(m: Monomial) -> set[str]:
    return {r.name for r, _ in m if isinstance(r, Read)}


def _reads(e: Poly) -> set[str]:
    return {r.name for r in e.reads()}


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
