"""All programs of one physics, derived from its equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from seisinv.symbolic.discretise import discretise
from seisinv.symbolic.equations import Equation
from seisinv.symbolic.linearise import linearise, with_tape
from seisinv.symbolic.program import Program
from seisinv.symbolic.transpose import merge, rescale, rotate, transpose


@dataclass(frozen=True, eq=False)
class Derived:
    """Programs of one physics.

    Attributes
    ----------
    forward : one step of modelling
    taped : the same, storing what the adjoint needs
    adjoint : the transpose of the linearised step, scaled so that it costs about as much as the forward step
    """

    forward: Program
    taped: Program
    plain_adjoint: Program

    @cached_property
    def adjoint(self) -> Program:
        """The adjoint in scaled variables."""
        return rescale(self.plain_adjoint)

    @cached_property
    def born(self) -> Program:
        """The forward step together with its perturbation."""
        return linearise(self.forward)

    @cached_property
    def born_taped(self) -> Program:
        """The Born step, storing what the second-order adjoint needs."""
        return linearise(self.taped)

    @cached_property
    def second(self) -> Program:
        """The adjoint together with its perturbation: Hessian–vector products."""
        return linearise(self.plain_adjoint)

    @property
    def programs(self) -> dict[str, Program]:
        """Every program by name."""
        names = ("forward", "taped", "adjoint", "born", "born_taped", "second")
        return {n: getattr(self, n) for n in names}


def derive(
    equations: Sequence[Equation], axes: Sequence[str], *, order: int, record: str, ratios: Sequence[float]
) -> Derived:
    """Derive every program; parameters as in `discretise`."""
    forward = discretise(equations, axes, order=order, record=record, ratios=ratios)
    taped, tangent = with_tape(forward)
    return Derived(forward, taped, merge(rotate(transpose(taped, tangent))))
