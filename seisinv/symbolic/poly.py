"""Polynomials with rational coefficients over reads of arrays: the only expressions a time-step program needs.

SymPy would do, but deriving one physics with it takes a second; a new process has 0.3 s for everything.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple, TypeAlias

Number: TypeAlias = int | Fraction


class Read(NamedTuple):
    """The value of an array at an offset from the point that is being computed.

    Parameters
    ----------
    name : str
        The array.
    offset : tuple of int, cells
        Along each axis.

    Examples
    --------
    >>> Read("p", (0, 1)).moved((0, -1)).is_centre
    True
    """

    name: str
    offset: tuple[int, ...]

    def moved(self, by: tuple[int, ...]) -> Read:
        """Return the read seen from a point `by` cells away."""
        return Read(self.name, tuple(o + b for o, b in zip(self.offset, by, strict=True)))

    @property
    def is_centre(self) -> bool:
        """Whether the read is at the point itself."""
        return not any(self.offset)


Monomial: TypeAlias = tuple[tuple[Hashable, int], ...]


class Poly:
    """A sum of monomials; each is a product of atoms (reads, or symbols of an equation) with integer powers.

    Parameters
    ----------
    terms : mapping of monomials to numbers, optional
        A monomial is a sorted tuple of (atom, power).

    Examples
    --------
    >>> x, y = Poly.of("x"), Poly.of("y")
    >>> (x + y) * (x - y) == x * x - y * y
    True
    >>> (x * x * y).diff("x") == 2 * x * y
    True
    """

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, Number] | None = None) -> None:
        self.terms: dict[Monomial, Fraction] = {
            m: c if isinstance(c, Fraction) else Fraction(c) for m, c in (terms or {}).items() if c
        }

    @staticmethod
    def of(atom: Hashable) -> Poly:
        """Return the polynomial that is one atom."""
        return Poly({((atom, 1),): 1})

    @staticmethod
    def number(value: Number) -> Poly:
        """Return a value as a constant polynomial."""
        return Poly({(): value})

    @staticmethod
    def lift(value: Poly | Number) -> Poly:
        """Return `value` as a polynomial."""
        return value if isinstance(value, Poly) else Poly.number(value)

    def __add__(self, other: Poly | Number) -> Poly:
        out = dict(self.terms)
        for m, c in Poly.lift(other).terms.items():
            out[m] = out.get(m, Fraction(0)) + c
        return Poly(out)

    __radd__ = __add__

    def __neg__(self) -> Poly:
        return Poly({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Poly | Number) -> Poly:
        return self + (-Poly.lift(other))

    def __rsub__(self, other: Poly | Number) -> Poly:
        return Poly.lift(other) - self

    def __mul__(self, other: Poly | Number) -> Poly:
        out: dict[Monomial, Fraction] = {}
        for m, c in self.terms.items():
            for n, d in Poly.lift(other).terms.items():
                product = _multiply(m, n)
                out[product] = out.get(product, Fraction(0)) + c * d
        return Poly(out)

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __iter__(self) -> Iterator[tuple[Monomial, Fraction]]:
        return iter(self.terms.items())

    def atoms(self) -> list[Hashable]:
        """Return every atom once, in a fixed order."""
        return sorted({a for m in self.terms for a, _ in m}, key=_order)

    def reads(self, names: set[str] | None = None) -> list[Read]:
        """Return the reads, all or those of arrays with given names."""
        return [a for a in self.atoms() if isinstance(a, Read) and (names is None or a.name in names)]

    def diff(self, atom: Hashable) -> Poly:
        """Return the partial derivative with respect to an atom."""
        out: dict[Monomial, Fraction] = {}
        for m, c in self.terms.items():
            power = dict(m).get(atom, 0)
            if power:
                rest = _multiply(m, ((atom, -1),))
                out[rest] = out.get(rest, Fraction(0)) + c * power
        return Poly(out)

    def substitute(self, change: Callable[[Hashable], Poly | None]) -> Poly:
        """Return the polynomial with each atom replaced by `change(atom)`; None keeps it.

        An atom with a negative power needs a monomial.
        """
        out: dict[Monomial, Fraction] = {}
        for m, c in self.terms.items():
            term = Poly.number(c)
            changed = False
            for a, power in m:
                new = change(a)
                changed |= new is not None
                term = term * (Poly({((a, power),): 1}) if new is None else _power(new, power))
            for product, value in term.terms.items() if changed else ((m, c),):
                out[product] = out.get(product, Fraction(0)) + value
        return Poly(out)

    def shifted(self, by: tuple[int, ...]) -> Poly:
        """Return the expression as seen from a point `by` cells away: every read moves, coefficients included."""
        moved = {tuple((a.moved(by) if isinstance(a, Read) else a, p) for a, p in m): c for m, c in self.terms.items()}
        return Poly(moved)


def _order(atom: Hashable) -> tuple[str, tuple[int, ...]]:
    return (atom.name, atom.offset) if isinstance(atom, Read) else (repr(atom), ())


def _multiply(m: Monomial, n: Monomial) -> Monomial:
    if not m or not n:
        return m or n
    powers = dict(m)
    for a, p in n:
        powers[a] = powers.get(a, 0) + p
    return tuple(sorted(((a, p) for a, p in powers.items() if p), key=lambda f: _order(f[0])))


def _power(base: Poly, power: int) -> Poly:
    if power >= 0:
        out = Poly.number(1)
        for _ in range(power):
            out = out * base
        return out
    ((m, c),) = base.terms.items()
    return Poly({tuple((a, p * power) for a, p in m): 1 / c ** (-power)})
