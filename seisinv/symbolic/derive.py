"""All programs of one physics, derived from its equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from seisinv.symbolic.discretise import discretise
from seisinv.symbolic.equations import Equation
from seisinv.symbolic.linearise import linearise, tangent_name, with_tape
from seisinv.symbolic.poly import Poly
from seisinv.symbolic.program import Program
from seisinv.symbolic.transpose import adjoint_name, materialise, merge, rescale, rotate, transpose


@dataclass(frozen=True, eq=False)
class Derived:
    """Programs of one physics, made by `derive`.

    Parameters
    ----------
    forward : Program
        One step of modelling.
    taped : Program
        The same, storing what the adjoint needs.
    plain_adjoint : Program
        The transpose of the linearised step.
    vanishing : tuple of str
        Coefficients that may be zero somewhere.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.symbolic import Field
    >>> derived = derive(Acoustic().equations("zx"), "zx", order=2, records={"p": Field("p")}, ratios=(1, 1))
    >>> derived.adjoint.fields[:2]
    ('bar_p', 'bar_p_old')
    """

    forward: Program
    taped: Program
    plain_adjoint: Program
    vanishing: tuple[str, ...] = ()

    @cached_property
    def adjoint(self) -> Program:
        """The adjoint in scaled variables, so that it costs about as much as the forward step."""
        return rescale(materialise(self.plain_adjoint, self.vanishing), self.vanishing)

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


def derive(
    equations: Sequence[Equation],
    axes: Sequence[str],
    *,
    order: int,
    records: Mapping[str, Poly],
    ratios: Sequence[float],
    emits: Sequence[str] | None = None,
    vanishing: Sequence[str] = (),
    drag: bool = False,
) -> Derived:
    """Derive every program of a wave equation.

    Parameters
    ----------
    equations : sequence of Equation
        The system, in the order in which a step updates the fields.
    axes : sequence of str
        Names of the axes, in storage order.
    order : int
        Even order of the differences in space.
    records : mapping of str to Poly
        What receivers measure before each step, by name: fields, or sums of fields at one place.
    ratios : sequence of float
        Reference spacing over spacing, along each axis (1 for square cells).
    emits : sequence of str, optional
        The sources that are used; the programs have no others.  Default: all.
    vanishing : sequence of str
        Coefficients that may be zero somewhere.
    drag : bool
        Whether fields of first order lose a little of themselves in absorbing layers.

    Returns
    -------
    Derived
        The programs.

    Raises
    ------
    ValueError
        If the equations mix places on the staggered grid, have no source, or one that acts in two equations, or if two
        quantities share a name, names that are generated included.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.symbolic import Field
    >>> derived = derive(Acoustic().equations("zx"), "zx", order=2, records={"p": Field("p")}, ratios=(1, 1))
    >>> [s.left for s in derived.forward.body]
    ['data_p', 'psi_p_z', 'zeta_p_z', 'psi_p_x', 'zeta_p_x', 'p_old', 'p_old']
    """
    forward = discretise(equations, axes, order=order, records=records, ratios=ratios, emits=emits, drag=drag)
    _check_names(forward)
    taped, tangent = with_tape(forward)
    _check_names(taped)
    return Derived(forward, taped, merge(rotate(transpose(taped, tangent))), tuple(vanishing))


def _check_names(program: Program) -> None:
    """Refuse names that C does not take, and arrays that share a name with another or with what is derived from it."""
    varying = [*program.fields, *program.coefficients, *program.sources, *program.records, *program.tape]
    owner: dict[str, str] = {}
    for name in [*varying, *program.profiles]:
        if not (name.isascii() and name.isidentifier()):
            raise ValueError(f"{name!r} is not a valid name in C; use letters, digits and underscores")
        tangent, adjoint = tangent_name(name), adjoint_name(name)
        forms = (name, tangent, adjoint, tangent_name(adjoint)) if name in varying else (name,)
        for form in forms:
            if form in owner:
                raise ValueError(
                    f"{form!r} is the name of two arrays, of {owner[form]!r} and of {name!r} (from x, d_x and "
                    "bar_x are derived; data_p, tape0, a_z, psi_x_z and x_old are generated too): rename one"
                )
            owner[form] = name
