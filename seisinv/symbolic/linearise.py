"""Program → tangent: the directional derivative of every statement, and the tape that its transpose will need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from seisinv.symbolic.poly import Poly, Read
from seisinv.symbolic.program import Program, Set

Value = TypeVar("Value")


def tangent_name(name: str) -> str:
    """Return the name of an array's tangent."""
    return f"d_{name}"


def linearise(program: Program) -> Program:
    """Return the program that carries a perturbation along with the state (Born modelling, Hessian products).

    Each statement is preceded by its own derivative, so both read the same values.  Everything that can vary has a
    tangent: fields, coefficients, point symbols, accumulators and tape; profiles have none.
    """
    varying = {*program.fields, *program.coefficients, *program.points, *program.sums, *program.tape}
    body = []
    for s in program.body:
        body += [Set(tangent_name(s.left), _change(s, varying), s.where), s]

    def both(names: tuple[str, ...]) -> tuple[str, ...]:
        return names + tuple(map(tangent_name, names))

    def joined(by_name: Mapping[str, Value]) -> dict[str, Value]:
        return {**by_name, **{tangent_name(n): value for n, value in by_name.items()}}

    return program.replace(
        body=tuple(body),
        fields=both(program.fields),
        swaps=program.swaps + tuple((tangent_name(a), tangent_name(b)) for a, b in program.swaps),
        memory=joined(program.memory),
        coefficients=both(program.coefficients),
        points=joined(program.points),
        sums=both(program.sums),
        tape=both(program.tape),
        place=joined(program.place),
        parity=joined(program.parity),
    )


def _change(s: Set, varying: set[str]) -> Poly:
    """Return the derivative of a statement's right-hand side along the tangents of some arrays."""
    out = Poly()
    for r in s.right.reads(varying):
        out = out + s.right.diff(r) * Poly.of(Read(tangent_name(r.name), r.offset))
    return out


def with_tape(program: Program) -> tuple[Program, tuple[Set, ...]]:
    """Return the program that also stores ∂right/∂coefficient, and the tangent statements written with that tape.

    Equal derivatives share one tape, unless an array in them is written in between: then they are other numbers.
    Statements at points need none: what multiplies the coefficient there is known.
    """
    body: list[Set] = []
    tangent: list[Set] = []
    tape: dict[Poly, str] = {}  # what holds a derivative that is still true
    names: list[str] = []
    live = {*program.fields, *program.points}
    place = dict(program.place)
    for s in program.body:
        out = _change(s, live)
        for r in s.right.reads(set(program.coefficients)):
            if not r.is_centre:
                raise ValueError(f"{r.name} is read at {r.offset}; coefficients are read at the point itself")
            slope = s.right.diff(r)
            if not s.where:
                if slope not in tape:
                    names.append(f"tape{len(names)}")
                    tape[slope] = names[-1]
                    place[tape[slope]] = program.place[s.left]
                    body.append(Set(tape[slope], slope))
                slope = program.at(tape[slope])
            out = out + slope * program.at(tangent_name(r.name))
        body.append(s)
        tape = {slope: name for slope, name in tape.items() if not slope.reads({s.left})}
        tangent.append(Set(tangent_name(s.left), out, s.where))
    parity = {**program.parity, **dict.fromkeys(names, -1)}
    return program.replace(body=tuple(body), tape=tuple(names), place=place, parity=parity), tuple(tangent)
