"""Normalised (global) correlation: phase counts, amplitude does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisinv.misfit.base import Misfit, scaled


@dataclass(frozen=True)
class NormalisedCorrelation(Misfit):
    """One minus the zero-lag correlation of unit traces (Choi & Alkhalifah 2012, doi:10.1111/j.1365-2478.2012.01079.x).

    j = 1 − ⟨p, d⟩ / (‖p‖ ‖d‖), between 0 (same shape) and 2 (opposite sign), dimensionless, the same for every trace.
    Choi & Alkhalifah minimise −⟨p̂, d̂⟩; the constant 1 makes the best value 0. A silent predicted trace counts 1 and
    has no gradient; an observed trace that is silent has no shape to match and counts 0. There are no parameters.

    Examples
    --------
    >>> trace = torch.tensor([[[0.0, 1.0, -2.0, 1.0]]])
    >>> [round(float(NormalisedCorrelation()(factor * trace, trace)), 6) for factor in (3, -1)]
    [0.0, 2.0]
    """

    name: ClassVar[str] = "correlation"

    def of_traces(self, predicted: Tensor, observed: Tensor, live: Tensor, dt: float) -> Tensor:
        """Return 1 − ⟨p, d⟩ / (‖p‖ ‖d‖) for each trace."""
        (p, in_predicted), (d, in_observed) = scaled(predicted), scaled(observed)
        both = in_predicted & in_observed
        energies = torch.where(both, p.square().sum(-1) * d.square().sum(-1), torch.ones_like(p[..., 0]))
        similarity = torch.where(both, (p * d).sum(-1) * energies.rsqrt(), torch.zeros_like(energies))
        return torch.where(in_observed, 1 - similarity, torch.zeros_like(similarity))
