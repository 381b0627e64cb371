"""Programs: ordered lists of statements that carry the state of a wave equation over one time step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from seisinv.symbolic.poly import Poly, Read

SOURCES, RECEIVERS = "sources", "receivers"  # the sets of points of a shot


class Set(NamedTuple):
    """For every cell of `where`: left ← right.  `where` is "" for the whole grid, else the name of a set of points."""

    left: str
    right: Poly
    where: str = ""

    @property
    def touches(self) -> set[str]:
        """Arrays that the statement reads or writes."""
        return {self.left} | {r.name for r in self.right.reads()}


class Profile(NamedTuple):
    """A coefficient that varies along one axis only: `kind` "a" or "b" of ψ ← a ψ + b D (absorbing boundaries)."""

    kind: Literal["a", "b"]
    axis: int
    half: bool


@dataclass(frozen=True)
class Program:
    """One time step.

    Attributes
    ----------
    body : statements, in order
    fields : state, zero at the start
    swaps : pairs of fields that exchange names, after the body (before it where `reverse`)
    memory : absorbing-boundary fields and their axis; zero outside the layers of that axis
    coefficients : arrays that do not change in time
    profiles : one-dimensional coefficients
    points : symbols that live on sets of points, and that set (`SOURCES` or `RECEIVERS`)
    source, record : the two of them that the forward program has: what is fed in, and what is written out
    reach : cells that a stencil reaches to each side
    sums : accumulators, zero at the start
    tape : arrays kept for every step (written by a taped program, read by its adjoint)
    scale : adjoint field or accumulator → coefficient c, where the array holds c × the true value
    place, parity : of every array, axes with half a cell; continuation through a free surface
    """

    ndim: int
    body: tuple[Set, ...]
    fields: tuple[str, ...]
    swaps: tuple[tuple[str, str], ...]
    memory: Mapping[str, int]
    coefficients: tuple[str, ...]
    profiles: Mapping[str, Profile]
    points: Mapping[str, str]
    source: str
    record: str
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
        """Return the array's value at the point itself."""
        return Poly.of(Read(name, self.centre))

    def replace(self, **changes: object) -> Program:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

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
