"""A surrogate used as the propagator of an inversion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from seisinv.core import ConfigError, Gathers, Grid, Model, Survey
from seisinv.propagate import Propagator
from seisinv.surrogate.residual import without_gradients
from seisinv.surrogate.time.accuracy import SurrogateAccuracy
from seisinv.surrogate.time.pinn import PINN


@dataclass(frozen=True, eq=False)
class SurrogateSimulator:
    """Simulates with a least-squares PINN, whose gradient in the model an `Inversion` then follows.

    Features, points and background velocities are those of the surrogate's own model; for another model the equation is
    solved again.  At every call the data are compared with those of `Propagator`, which takes little time beside the
    solve.

    Parameters
    ----------
    pinn : PINN
        With the survey of the data, in the starting model.
    bound : float
        Largest relative error that is accepted, overall and in any of three ranges of offset and of frequency.

    Raises
    ------
    ConfigError
        If the surrogate has no survey.
    StabilityError
        When called, if an error exceeds `bound`.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.surrogate import SurrogateSimulator
    >>> grid = si.Grid((17, 17), 10.0)
    >>> survey = si.Survey.surface(sources=si.line(80, 80, every=1, depth=60), wavelet=si.ricker(8),
    ...                            receivers=si.line(40, 120, every=40, depth=100), duration=0.3, dt=4e-3)
    >>> pinn = si.PINN(si.Acoustic(), si.Model(grid, vp=1000.0), survey, slabs=4)
    >>> simulate = SurrogateSimulator(pinn, bound=0.3)
    >>> simulate(si.Model(grid, vp=1020.0)).data.shape
    torch.Size([1, 3, 76])
    """

    pinn: PINN
    bound: float = 0.1

    def __post_init__(self) -> None:
        if self.pinn.survey is None:
            raise ConfigError("the surrogate has no survey; pass one, PINN(physics, model, survey)")
        if not self.bound > 0:
            raise ConfigError(f"bound is {self.bound:g}; it must be positive (0.1 is 10 % of the data)")

    @property
    def survey(self) -> Survey:
        """Acquisition that it simulates."""
        assert self.pinn.survey is not None  # checked
        return self.pinn.survey

    @property
    def grid(self) -> Grid:
        """Grid of the models it takes."""
        return self.pinn.model.grid

    def subset(self, shots: Sequence[int]) -> SurrogateSimulator:
        """Return the simulator of some of the shots; for all of them, the factorisation is kept."""
        if list(shots) == list(range(len(self.survey))):
            return self
        return replace(self, pinn=replace(self.pinn, survey=self.survey.subset(shots)))

    def __call__(self, model: Model, wavelet: Tensor | None = None) -> Gathers:
        """Simulate, differentiably in the model's tensors.

        Parameters
        ----------
        model : Model
        wavelet : tensor, optional
            Used instead of the survey's; must have no energy above the surrogate's `frequency`.

        Returns
        -------
        Gathers
            data [shot, receiver, time] in Pa

        Raises
        ------
        StabilityError
            If an error against `Propagator` exceeds `bound`.
        """
        survey = self.survey if wavelet is None else self.survey.with_wavelet(wavelet.detach())
        gathers = (self.pinn if wavelet is None else replace(self.pinn, survey=survey)).gathers(model)
        with torch.no_grad():
            simulated = self._reference.replace(survey=survey)(without_gradients(model))
        SurrogateAccuracy.between(gathers, simulated, max_error=self.bound, bins=3, highest=self.pinn.frequency).check()
        return gathers

    @cached_property
    def _reference(self) -> Propagator:
        return Propagator(self.pinn.physics, self.grid, self.survey)
