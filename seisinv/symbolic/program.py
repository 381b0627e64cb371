"""Programs: ordered lists of statements that carry the state of a wave equation over one time step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from seisinv.symbolic.closure import Closure, closure
from seisinv.symbolic.poly import Poly, Read

SOURCES, RECEIVERS = "sources_", "receivers_"  # sets of points of a shot: + the name of what is fed in or recorded


class Set(NamedTuple):
    """A statement: for every cell of `where`, left ← right.

    Parameters
    ----------
    left : str
        The array that is written.
    right : Poly
        What is written, of reads.
    where : str
        "" for the whole grid, else the name of a set of points.

    Examples
    --------
    >>> sorted(Set("p", Poly.of(Read("q", (0, 1)))).touches)
    ['p', 'q']
    """

    left: str
    right: Poly
    where: str = ""

    @property
    def touches(self) -> set[str]:
        """Arrays that the statement reads or writes."""
        return {self.left} | {r.name for r in self.right.reads()}


class Profile(NamedTuple):
    """A coefficient that varies along one axis only: `kind` "a" or "b" of ψ ← a ψ + b D, or "g" of f ← g f + ….

    All belong to absorbing boundaries; in the interior a and b are 0, and g is 1.
    """

    kind: Literal["a", "b", "g"]
    axis: int
    half: bool


@dataclass(frozen=True)
class Program:
    """One time step: statements, and what their arrays are.

    Parameters
    ----------
    ndim : int
        Number of axes.
    body : tuple of Set
        Statements, in order.
    fields : tuple of str
        State, zero at the start.
    swaps : tuple of pairs of str
        Fields that exchange names, after the body (before it where `reverse`).
    memory : mapping of str to int
        Fields of absorbing boundaries and their axis; zero outside the layers of that axis.
    coefficients : tuple of str
        Arrays that do not change in time.
    profiles : mapping of str to Profile
        One-dimensional coefficients.
    points : mapping of str to str
        Symbols that live on sets of points, and the name of that set.
    sources, records : tuple of str
        Those of them that the forward program has: what is fed in, and what is written out.
    reach : int, cells
        How far a stencil reaches to each side.
    sums : tuple of str
        Accumulators, zero at the start.
    tape : tuple of str
        Arrays kept for every step (written by a taped program, read by its adjoint).
    scale : mapping of str to str
        Adjoint field or accumulator → coefficient c, where the array holds c × the true value.
    place : mapping of str to frozenset of int
        Axes along which an array sits half a cell up.
    parity : mapping of str to int
        How an array continues through a free surface.
    reverse : bool
        Whether steps go from the last to the first.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.symbolic import derive
    >>> from seisinv.symbolic import Field
    >>> program = derive(Acoustic().equations("zx"), "zx", order=2, records={"p": Field("p")}, ratios=(1, 1)).forward
    >>> program.sources, program.records, program.coefficients
    (('s',), ('data_p',), ('K',))
    >>> print(program.text().splitlines()[0])
    data_p at receivers_p ← p
    """

    ndim: int
    body: tuple[Set, ...]
    fields: tuple[str, ...]
    swaps: tuple[tuple[str, str], ...]
    memory: Mapping[str, int]
    coefficients: tuple[str, ...]
    profiles: Mapping[str, Profile]
    points: Mapping[str, str]
    sources: tuple[str, ...]
    records: tuple[str, ...]
    reach: int
    sums: tuple[str, ...] = ()
    tape: tuple[str, ...] = ()
    scale: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, frozenset[int]] = field(default_factory=dict)
    parity: Mapping[str, int] = field(default_factory=dict)
    reverse: bool = False

    @property
    def centre(self) -> tuple[int, ...]:
        """The zero offset."""
        return (0,) * self.ndim

    def at(self, name: str) -> Poly:
        """Return the value at the point itself of the array of that name."""
        return Poly.of(Read(name, self.centre))

    def replace(self, **changes: object) -> Program:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    @property
    def closure(self) -> Closure | None:
        """The differences at a one-sided free surface; None where fields continue through it by parity."""
        return closure(2 * self.reach) if 0 in self.parity.values() else None

    @property
    def arrays(self) -> list[str]:
        """Every grid array, state first."""
        names = [*self.fields, *self.coefficients, *self.sums, *self.tape]
        return list(dict.fromkeys(names))

    def text(self) -> str:
        """Return the program as readable text, one statement a line."""
        return "\n".join(f"{s.left}{f' at {s.where}' if s.where else ''} ← {_text(s.right)}" for s in self.body)


def _text(e: Poly) -> str:
    def read(r: object, power: int) -> str:
        assert isinstance(r, Read)
        return r.name + ("" if r.is_centre else str(list(r.offset))) + ("" if power == 1 else f"^{power}")

    parts = []
    for m, c in e:
        factors = [read(a, p) for a, p in m]
        number = [] if abs(c) == 1 and factors else [f"{float(abs(c)):.6g}"]
        parts.append(("− " if c < 0 else "+ ") + " ".join(number + factors))
    return " ".join(parts).removeprefix("+ ") or "0"
