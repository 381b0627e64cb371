"""What a wave equation is written in: fields on the staggered grid, coefficients, sources, derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seisinv.symbolic.poly import Poly


@dataclass(frozen=True)
class Symbol:
    """A field, coefficient or source term.

    Parameters
    ----------
    name : str
        Letters, digits and underscores.
    kind : {"field", "coefficient", "source"}
        What it is.
    place : frozenset of str
        Axes along which it sits half a cell up; with "t" also half a step early.
    parity : {-1, 0, 1}
        How a field continues through a free surface at the first row: odd (it vanishes there), even, or not at all.
    pinned : bool
        Whether a field that is one-sided there (parity 0) vanishes in that row.
    """

    name: str
    kind: Literal["field", "coefficient", "source"]
    place: frozenset[str] = frozenset()
    parity: int = -1
    pinned: bool = False


@dataclass(frozen=True)
class Derivative:
    """First derivative of an expression along an axis."""

    of: Poly
    axis: str


@dataclass(frozen=True)
class Rate:
    """First (order 1) or second (order 2) derivative of a field in time: the left-hand side of an equation."""

    field: Symbol
    order: int


@dataclass(frozen=True)
class Equation:
    """`rate` = `right`, in physical units.

    Parameters
    ----------
    rate : Rate
        What changes in time: `Dt(field)` or `Dtt(field)`.
    right : Poly
        The right-hand side: each term has one coefficient.

    Examples
    --------
    >>> p, K, s = Field("p"), Coefficient("K"), Source("s")
    >>> print(Equation(Dtt(p), K * (D(D(p, "z"), "z") + D(D(p, "x"), "x") + s)).text())
    ∂²p/∂t² = K (∂²p/∂z² + ∂²p/∂x² + s)
    """

    rate: Rate
    right: Poly

    def text(self) -> str:
        """Return the equation as a line of text."""
        head = {1: "∂{}/∂t", 2: "∂²{}/∂t²"}[self.rate.order].format(self.rate.field.name)
        return f"{head} = {_text(self.right)}"


def Field(name: str, place: str = "", parity: int = -1, *, pinned: bool = False) -> Poly:
    """Return a quantity that is carried from step to step.

    Parameters
    ----------
    name : str
        Its name, free but for names that are generated.
    place : str
        Axes along which it sits half a cell up: "" on the nodes, "z", "x", "zx".  A "t" says that it is half a step
        early; without, that follows from the order of the equations.
    parity : {-1, 0, 1}
        How it continues through a free surface at the first row: −1 odd, it vanishes there; +1 even; 0 not at all,
        differences are one-sided there (all fields or none; see `closure`).
    pinned : bool
        Whether a field of parity 0 on whole nodes vanishes in the row of a free surface, which its coefficients must
        see to (`Physics.surface`); sources do not feed it there.

    Returns
    -------
    Poly
        To be used in equations.

    Examples
    --------
    >>> Field("vz", "z", parity=+1).atoms()[0].name
    'vz'
    """
    return Poly.of(Symbol(name, "field", frozenset(place), parity, pinned))


def Coefficient(name: str, place: str = "") -> Poly:
    """Return a quantity that follows from the model and does not change in time.

    Parameters
    ----------
    name : str
        Its name, a key of what `Physics.coefficients` returns.
    place : str
        Axes along which it sits half a cell up.

    Returns
    -------
    Poly
        To be used in equations.

    Examples
    --------
    >>> Coefficient("bz", "z").atoms()[0].kind
    'coefficient'
    """
    return Poly.of(Symbol(name, "coefficient", frozenset(place)))


def Source(name: str) -> Poly:
    """Return a source density: s(t) δ(x − x_s).

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    Poly
        To be used in one equation, at whose place it acts, times one coefficient or none.

    Examples
    --------
    >>> Source("s").atoms()[0].kind
    'source'
    """
    return Poly.of(Symbol(name, "source"))


def D(expression: Poly, axis: str) -> Poly:
    """Return the first derivative along an axis; sums are taken apart, products stay together.

    Parameters
    ----------
    expression : Poly
        Of fields, coefficients and derivatives.
    axis : str
        "z", "y" or "x".

    Returns
    -------
    Poly
        Half a cell from the expression, except for a bare field that is differentiated twice along one axis.

    Examples
    --------
    >>> len(D(Field("p") + 2 * Field("q"), "z").terms)
    2
    """
    out = Poly()
    for m, c in expression:
        out = out + Poly.of(Derivative(Poly({m: 1}), axis)) * c
    return out


def Dt(field: Poly) -> Rate:
    """Return the first time derivative of a field, the left-hand side of an equation.

    Parameters
    ----------
    field : Poly
        A field.

    Returns
    -------
    Rate
        ∂field/∂t.

    Examples
    --------
    >>> Dt(Field("p")).order
    1
    """
    return Rate(_symbol(field), 1)


def Dtt(field: Poly) -> Rate:
    """Return the second time derivative of a field, the left-hand side of an equation.

    Parameters
    ----------
    field : Poly
        A field.

    Returns
    -------
    Rate
        ∂²field/∂t².

    Examples
    --------
    >>> Dtt(Field("p")).order
    2
    """
    return Rate(_symbol(field), 2)


def symbols(e: Poly) -> list[Symbol]:
    """Return every field, coefficient and source of an expression, derivatives taken apart; some more than once."""
    out = []
    for a in e.atoms():
        out += [a] if isinstance(a, Symbol) else symbols(a.of) if isinstance(a, Derivative) else []
    return out


def _symbol(field: Poly) -> Symbol:
    (atom,) = field.atoms()
    assert isinstance(atom, Symbol)
    return atom


def _text(e: Poly) -> str:
    """Common factors are written once: K (∂²p/∂z² + ∂²p/∂x² + s)."""
    common = (
        set.intersection(*({a for a, _ in m if isinstance(a, Symbol)} for m in e.terms)) if len(e.terms) > 1 else set()
    )
    front = sorted(a.name for a in common)
    parts = []
    signs = {c < 0 for c in e.terms.values()}
    flip = common and signs == {True}
    for m, c in sorted(e, key=lambda t: any(isinstance(a, Symbol) and a.kind == "source" for a, _ in t[0])):
        names = [_atom(a) for a, _ in sorted(m, key=lambda f: isinstance(f[0], Derivative)) if a not in common]
        value = -c if flip else c
        number = "" if abs(value) == 1 else f"{abs(value)} "
        parts.append(("− " if value < 0 else "+ ") + number + " ".join(names))
    inner = " ".join(parts).removeprefix("+ ").replace("− ", "−", 1 if parts[0].startswith("−") else 0)
    return f"{'−' if flip else ''}{' '.join(front)} ({inner})" if common else inner


def _atom(a: object) -> str:
    if isinstance(a, Symbol):
        return a.name
    assert isinstance(a, Derivative)
    ((m, _),) = a.of.terms.items()
    if len(m) == 1 and isinstance(m[0][0], Derivative) and m[0][0].axis == a.axis:
        return f"∂²{_text(m[0][0].of)}/∂{a.axis}²"
    inner = _text(a.of)
    return f"∂{inner}/∂{a.axis}" if len(m) == 1 and isinstance(m[0][0], Symbol) else f"∂({inner})/∂{a.axis}"
