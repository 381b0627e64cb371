"""The inverse crime: data modelled with the same discretisation that inverts them (Colton & Kress 1998, §5.3).

The errors of grid, stencil and time step then cancel, and every method looks better than it is on recorded data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seisinv.core import Model, Simulator
from seisinv.propagate import Propagator

_LINE = re.compile(r"MODELLED WITH SEISINV: GRID ([\d. X]+) M, ORDER (\d+), STEP ([\d.E+-]+) MS", re.IGNORECASE)


@dataclass(frozen=True)
class ModellingRecipe:
    """How synthetic data were modelled.

    Parameters
    ----------
    spacing : one float per axis, m
    order : int
        Of the stencils in space.
    step : float, s
        Time step of the solver.

    Examples
    --------
    >>> recipe = ModellingRecipe((12.5, 12.5), 10, 1.25e-3)
    >>> recipe.text()
    'MODELLED WITH SEISINV: GRID 12.5 X 12.5 M, ORDER 10, STEP 1.25 MS'
    >>> ModellingRecipe.read([recipe.text()]) == recipe
    True
    """

    spacing: tuple[float, ...]
    order: int
    step: float

    @classmethod
    def of(cls, propagator: Propagator, model: Model) -> ModellingRecipe:
        """Return how a propagator models data in a model.

        Parameters
        ----------
        propagator : Propagator
        model : Model
            Its velocities set the time step.

        Returns
        -------
        ModellingRecipe
        """
        return cls(propagator.grid.spacing, propagator.order, propagator.clock(model).step)

    @classmethod
    def read(cls, text: Sequence[str]) -> ModellingRecipe | None:
        """Return what the textual header of a SEG-Y file says, None where it says nothing.

        Parameters
        ----------
        text : sequence of str
            Lines of the header.

        Returns
        -------
        ModellingRecipe or None
        """
        for line in text:
            found = _LINE.search(line)
            if found is not None:
                spacing, order, step = found.groups()
                return cls(tuple(float(h) for h in spacing.upper().split("X")), int(order), 1e-3 * float(step))
        return None

    def text(self) -> str:
        """Return the line that a textual header carries.

        Returns
        -------
        str
        """
        spacing = " X ".join(f"{h:g}" for h in self.spacing)
        return f"MODELLED WITH SEISINV: GRID {spacing} M, ORDER {self.order}, STEP {self.step * 1e3:.6g} MS"


def inverse_crime(made_with: ModellingRecipe | None, simulator: Simulator, start: Model) -> str | None:
    """Return a warning where data and inversion share grid, order and time step.

    Parameters
    ----------
    made_with : ModellingRecipe or None
        None: not known, as for recorded data.
    simulator : Simulator
        What simulates in the inversion.
    start : Model
        Its starting model.

    Returns
    -------
    str or None
        None where something differs.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.synthetic import surface_survey
    >>> model = Model(Grid((21, 31), 10.0), vp=1500.0)
    >>> survey = surface_survey(model.grid, shots=1, peak=15.0, duration=0.2, dt=2e-3)
    >>> simulate = Propagator(Acoustic(), model.grid, survey)
    >>> inverse_crime(ModellingRecipe.of(simulate, model), simulate, model)[:14]
    'Inverse crime:'
    >>> inverse_crime(ModellingRecipe.of(simulate.replace(order=10), model), simulate, model) is None
    True
    """
    if made_with is None or not isinstance(simulator, Propagator):
        return None
    ours = ModellingRecipe.of(simulator, start)
    same = (
        made_with.spacing == ours.spacing
        and made_with.order == ours.order
        and abs(made_with.step - ours.step) <= 1e-4 * ours.step
    )
    if not same:
        return None
    spacing = " × ".join(f"{h:g}" for h in ours.spacing)
    return (
        f"Inverse crime: data and inversion share the grid ({spacing} m), the order ({ours.order}) and the time step "
        f"({ours.step * 1e3:.3g} ms), so errors of the discretisation cancel and every number is too good; model the "
        "data on a finer grid with another order."
    )
