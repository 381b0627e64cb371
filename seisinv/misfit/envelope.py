"""Envelope misfit: the low frequencies of a trace's energy, less prone to cycle skipping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisinv.core import ConfigError
from seisinv.misfit.base import Misfit, mean_square_of_shot, tiny


@dataclass(frozen=True)
class Envelope(Misfit):
    """Squared difference of envelopes (Wu et al. 2014, doi:10.1190/geo2013-0294.1; Bozdağ et al. 2011).

    j = ½ ∫ (E_p^q − E_d^q)² dt,  E_u = √(u² + H(u)² + ε²),  H the Hilbert transform

    q = 1 is Bozdağ's amplitude-preserving choice (doi:10.1111/j.1365-246X.2011.04970.x), q = 2 Wu's, which weighs
    strong arrivals more. ε is 10⁻³ of the root mean square of the shot's live observed samples; it keeps the second
    derivative finite where a trace is silent. The unit of j is (unit of the data)^(2q) s.

    Parameters
    ----------
    power : 1 or 2
        The exponent q.

    Raises
    ------
    ConfigError
        If `power` is neither 1 nor 2.

    Examples
    --------
    >>> trace = torch.tensor([[[0.0, 1.0, -2.0, 1.0]]])
    >>> float(Envelope()(-trace, trace)), bool(Envelope(power=2)(2 * trace, trace) > 0)  # the sign does not matter
    (0.0, True)
    """

    name: ClassVar[str] = "envelope"
    power: int = 1

    def __post_init__(self) -> None:
        if self.power not in (1, 2):
            raise ConfigError(f"power is {self.power}; the envelope misfit takes 1 (Bozdağ) or 2 (Wu)")

    def of_traces(self, predicted: Tensor, observed: Tensor, live: Tensor, dt: float) -> Tensor:
        """Return ½ ∫ (E_p^q − E_d^q)² dt for each trace."""
        floor = 1e-6 * mean_square_of_shot(observed, live) + tiny(observed) ** 0.5
        difference = self._envelope(predicted, floor) - self._envelope(observed, floor)
        return 0.5 * dt * difference.square().sum(-1)

    def _envelope(self, data: Tensor, floor: Tensor) -> Tensor:
        squared = data.square() + hilbert(data).square() + floor
        return squared if self.power == 2 else squared.sqrt()


def hilbert(data: Tensor) -> Tensor:
    """Hilbert transform along time; padded to twice the length, so that the end does not wrap onto the beginning."""
    n = data.shape[-1]
    spectrum = torch.fft.rfft(data, n=2 * n)
    factor = torch.full((n + 1,), -1j, dtype=spectrum.dtype, device=data.device)
    factor[0] = factor[-1] = 0
    return torch.fft.irfft(spectrum * factor, n=2 * n)[..., :n]
