"""What an inversion asks of whatever simulates its data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from seisinv.core.gathers import Gathers
from seisinv.core.grid import Grid
from seisinv.core.model import Model
from seisinv.core.survey import Survey


class Simulator(Protocol):
    """What an inversion needs of a propagator, or of a surrogate that stands in for one.

    Examples
    --------
    >>> def misfit(simulator: Simulator, model: Model, observed: Tensor) -> Tensor:
    ...     return (simulator(model).data - observed).square().sum()
    """

    @property
    def survey(self) -> Survey:
        """Acquisition that it simulates."""

    @property
    def grid(self) -> Grid:
        """Grid of the models it takes."""

    def subset(self, shots: Sequence[int]) -> Simulator:
        """Return the simulator of some of the shots.

        Parameters
        ----------
        shots : sequence of int

        Returns
        -------
        Simulator
        """

    def __call__(self, model: Model, wavelet: Tensor | None = None) -> Gathers:
        """Simulate, differentiably in the model's tensors.

        Parameters
        ----------
        model : Model
        wavelet : tensor [time] or [shot, source, time], optional
            Instead of the survey's.

        Returns
        -------
        Gathers
        """
