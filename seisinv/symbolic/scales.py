"""What follows from the equations besides the program: powers of step and spacing, and who is half a step early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seisinv.symbolic.equations import Derivative, Equation, Symbol, symbols
from seisinv.symbolic.poly import Poly


@dataclass(frozen=True)
class Scales:
    """What turns coefficients and amplitudes into those of a program, whose step and spacing are 1.

    Parameters
    ----------
    time, space : mapping of str to int
        Powers of the time step and of 1/spacing that each coefficient absorbs.
    source : mapping of str to (int, int)
        Powers of the time step and of the spacing that each source's amplitudes absorb.
    delay : mapping of str to float, steps
        When a sample of each source acts.
    """

    time: Mapping[str, int]
    space: Mapping[str, int]
    source: Mapping[str, tuple[int, int]]
    delay: Mapping[str, float]

    def factor(self, name: str, step: float, spacing: float) -> float:
        """Return what a physical coefficient is multiplied by."""
        return step ** self.time[name] / spacing ** self.space.get(name, 0)


def scaling(equations: Sequence[Equation]) -> Scales:
    """Read the scales off the equations.

    The program's differences have unit step and spacing; a term with n derivatives in space carries 1/spacingⁿ.  A
    source's amplitudes take what its coefficient has too much, or without one the step.
    """
    time: dict[str, int] = {}
    space: dict[str, int] = {}
    fed: dict[str, tuple[str, int]] = {}
    for equation in equations:
        head, order = f"∂{equation.rate.field.name}/∂t", equation.rate.order
        for m, _ in equation.right:
            names = [a.name for a, _ in m if isinstance(a, Symbol) and a.kind == "coefficient"]
            emitted = [a.name for a, _ in m if isinstance(a, Symbol) and a.kind == "source"]
            if len(names) != 1 and not (emitted and not names):
                raise ValueError(f"each term of {head} needs exactly one coefficient")
            for name in names:
                if time.setdefault(name, order) != order:
                    raise ValueError(f"{name} multiplies first and second time derivatives")
            if emitted:
                fed[emitted[0]] = ("".join(names), order)
                continue
            depth = sum(_depth(a) for a, _ in m)
            if space.setdefault(names[0], depth) != depth:
                raise ValueError(f"{names[0]} multiplies derivatives of different order")
    source = {s: (0, space.get(c, 0)) if c else (order, 0) for s, (c, order) in fed.items()}
    soon = early(equations)
    delay = {
        s.name: 0.5 if e.rate.order == 1 and e.rate.field.name not in soon else 0.0
        for e in equations
        for s in symbols(e.right)
        if s.kind == "source"
    }
    return Scales(time, space, source, delay)


def early(equations: Sequence[Equation]) -> frozenset[str]:
    """Return the fields that are half a step early at the start of a step: those updated before what they follow from.

    Of two fields of which each is the rate of the other, the one that comes first in the list is updated from the other
    at the start of the step, to the middle of it; so it was half a step early.

    Raises
    ------
    ValueError
        If a field would have to be both, or its place says otherwise.
    """
    number = {e.rate.field.name: i for i, e in enumerate(equations)}
    soon: dict[str, bool] = {}
    for e in equations:
        f = e.rate.field.name
        inner = {s.name for a in e.right.atoms() if isinstance(a, Derivative) for s in symbols(a.of)}
        for g in sorted(inner & set(number) - {f}) if e.rate.order == 1 else []:
            first = number[f] < number[g]
            for name, value in ((f, first), (g, not first)):
                if soon.setdefault(name, value) != value:
                    raise ValueError(
                        f"{name} would be both half a step early and not: order the equations so that the fields which "
                        f"follow from each other's derivatives take turns (∂{f}/∂t follows from {g})"
                    )
    for field in (e.rate.field for e in equations):
        if "t" in field.place and not soon.get(field.name, False):
            raise ValueError(
                f"{field.name} is declared half a step early (place 't') but is updated after what it follows from"
            )
    return frozenset(name for name, value in soon.items() if value)


def record_delay(record: Poly, soon: frozenset[str]) -> float:
    """Return the time of a record, in steps after the start of the step at which it is read: 0 or −½."""
    times = {-0.5 if s.name in soon else 0.0 for s in symbols(record)}
    if len(times) > 1:
        names = ", ".join(sorted(s.name for s in symbols(record)))
        raise ValueError(f"a record adds fields that are half a step apart: {names}")
    return times.pop()


def _depth(atom: object) -> int:
    """How many derivatives are applied."""
    return 1 + max(_depth(a) for a in atom.of.atoms()) if isinstance(atom, Derivative) else 0
