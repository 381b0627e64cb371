"""Backends run derived programs: a slow torch reference, and compiled C.

A backend is one file with a subclass of `Backend`, and one line in `BACKENDS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from seisinv.backends.base import Backend, Inputs, Layout, MemoryCost, Points, Setup, ShotPoints
from seisinv.backends.cpu import Cpu
from seisinv.backends.printer import print_program
from seisinv.backends.reference import Reference
from seisinv.backends.work import EACH
from seisinv.symbolic import Equation, Poly, derive

BACKENDS: dict[str, type[Backend]] = {"c": Cpu, "reference": Reference}
PROGRAMS = tuple(EACH)


class Recorded(Protocol):
    """What a receiver measures: a field, or a sum of fields."""

    @property
    def of(self) -> Poly:
        """The fields."""


class WaveEquation(Protocol):
    """A physics, as far as its code is concerned: state `vanishing`, and implement `equations` and `components`."""

    vanishing: ClassVar[tuple[str, ...]]

    def components(self, axes: Sequence[str]) -> Mapping[str, Recorded]:
        """Return what receivers can measure, by name."""

    def equations(self, axes: Sequence[str]) -> list[Equation]:
        """Return the equations."""


def source(physics: WaveEquation, *, order: int = 8, program: str = "forward", axes: Sequence[str] = ("z", "x")) -> str:
    """Return the generated C of one program.

    Parameters
    ----------
    physics : Physics
        The wave equation.
    order : int
        Even order of the differences in space.
    program : {"forward", "taped", "adjoint", "born", "born_taped", "second"}
        Which of the derived programs.
    axes : sequence of str
        Names of the axes, in storage order.

    Returns
    -------
    str
        C source, with the equations as comments on top.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> print(source(Acoustic(), order=2).splitlines()[0])
    /* ∂²p/∂t² = K (∂²p/∂z² + ∂²p/∂x² + s) */
    """
    derived = derive(
        physics.equations(axes),
        axes,
        order=order,
        records={n: c.of for n, c in physics.components(axes).items()},
        ratios=(1,) * len(axes),
        vanishing=physics.vanishing,
    )
    equations = "\n".join(f"/* {e.text()} */" for e in physics.equations(axes))
    return f"{equations}\n{print_program(program, getattr(derived, program), jam=3)}"


__all__ = [
    "BACKENDS",
    "PROGRAMS",
    "Backend",
    "Inputs",
    "Layout",
    "MemoryCost",
    "Points",
    "Setup",
    "ShotPoints",
    "source",
]
