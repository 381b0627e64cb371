"""Backends run derived programs: a slow torch reference, and compiled C."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from seisinv.backends.base import Backend, Inputs, Layout, Points, ShotPoints
from seisinv.backends.printer import print_program
from seisinv.symbolic import Equation, derive

PROGRAMS = ("forward", "taped", "adjoint", "born", "born_taped", "second")


class WaveEquation(Protocol):
    """A physics, as far as its code is concerned."""

    record: str

    def equations(self, axes: Sequence[str]) -> list[Equation]:
        """Return the equations."""


def source(physics: WaveEquation, *, order: int = 8, program: str = "forward", axes: Sequence[str] = ("z", "x")) -> str:
    """Return the generated C of one program: "forward", "taped", "adjoint", "born", "born_taped" or "second"."""
    derived = derive(physics.equations(axes), axes, order=order, record=physics.record, ratios=(1,) * len(axes))
    equations = "\n".join(f"/* {e.text()} */" for e in physics.equations(axes))
    return f"{equations}\n{print_program(program, getattr(derived, program), jam=3)}"


__all__ = ["PROGRAMS", "Backend", "Inputs", "Layout", "Points", "ShotPoints", "source"]
