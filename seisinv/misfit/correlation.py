"""Normalised (global) correlation: phase counts, amplitude does not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seisinv.misfit.base import Misfit, tiny


@dataclass(frozen=True)
class NormalisedCorrelation(Misfit):
    """One minus the zero-lag correlation of unit traces (Choi & Alkhalifah 2012, doi:10.1111/j.1365-2478.2012.01079.x).

    j = 1 − ⟨p, d⟩ / (‖p‖ ‖d‖), between 0 (same shape) and 2 (opposite sign), dimensionless, the same for every trace.
    Choi & Alkhalifah minimise −⟨p̂, d̂⟩; the constant 1 makes the best value 0. A silent predicted trace counts 1 and
    has no gradient; an observed trace that is silent has no shape to match and counts 0.
    """

    def of_traces(self, predicted: Tensor, observed: Tensor, live: Tensor, dt: float) -> Tensor:
        """Return 1 − ⟨p, d⟩ / (‖p‖ ‖d‖) for each trace."""
        p, predicted_heard = _of_unit_size(predicted)
        d, observed_heard = _of_unit_size(observed)
        both = predicted_heard & observed_heard
        energies = torch.where(both, p.square().sum(-1) * d.square().sum(-1), torch.ones_like(p[..., 0]))
        similarity = torch.where(both, (p * d).sum(-1) * energies.rsqrt(), torch.zeros_like(energies))
        return torch.where(observed_heard, 1 - similarity, torch.zeros_like(similarity))


def _of_unit_size(data: Tensor) -> tuple[Tensor, Tensor]:
    """Divide traces by their largest amplitude, held constant: scale cancels, and small squares do not underflow."""
    size = data.detach().abs().amax(-1, keepdim=True)
    heard = size > tiny(data)
    return data / torch.where(heard, size, torch.ones_like(size)), heard[..., 0]
