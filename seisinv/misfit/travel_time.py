"""Traveltimes by cross-correlation: delays count, waveforms do not, and there is no limit of half a period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisinv.misfit.base import Misfit, scaled
from seisinv.misfit.envelope import hilbert


@dataclass(frozen=True)
class TravelTime(Misfit):
    """Half the squared delay of each trace (Luo & Schuster 1991, doi:10.1190/1.1443081; Tromp et al. 2005).

    j = ½ Δt²,  Δt = argmax_τ ∫ p(t + τ) d(t) dt,  in s²

    The maximum is refined by the parabola through the best lag and its two neighbours; the derivative is the
    parabola's, which tends to Luo & Schuster's −∫ ṗ δp dt / ∫ p̈ d dt as the sampling becomes finer. Every trace
    counts the same, whatever its amplitude. A silent trace has no traveltime and counts 0.

    Parameters
    ----------
    envelope : bool
        Correlate envelopes in place of the traces: their correlation has one maximum where that of narrow-band traces
        has one per cycle.

    Examples
    --------
    >>> t = 0.01 * torch.arange(100)
    >>> pulse = lambda arrival: torch.exp(-(((t - arrival) / 0.05) ** 2))[None, None]
    >>> round(float(TravelTime()(pulse(0.52), pulse(0.48), dt=0.01)), 6)  # ½ (40 ms)²
    0.0008
    """

    name: ClassVar[str] = "traveltime"
    envelope: bool = False

    def of_traces(self, predicted: Tensor, observed: Tensor, live: Tensor, dt: float) -> Tensor:
        """Return ½ Δt² of each trace."""
        (p, in_predicted), (d, in_observed) = scaled(predicted), scaled(observed)
        if self.envelope:
            p, d = _envelope(p), _envelope(d)
        return torch.where(in_predicted & in_observed, 0.5 * (dt * _delay(p, d)).square(), predicted.new_zeros(()))


def _delay(p: Tensor, d: Tensor) -> Tensor:
    """Lag of the largest correlation of each trace in samples, finer than one; positive: `p` arrives late."""
    n = 2 * p.shape[-1]
    correlation = torch.fft.irfft(torch.fft.rfft(p, n=n) * torch.fft.rfft(d, n=n).conj(), n=n)
    best = correlation.detach().argmax(-1, keepdim=True)
    left, mid, right = (correlation.gather(-1, (best + step) % n)[..., 0] for step in (-1, 0, 1))
    curvature = left - 2 * mid + right
    peaked = curvature < 0
    fine = torch.where(peaked, 0.5 * (left - right) / torch.where(peaked, curvature, -torch.ones_like(curvature)), 0.0)
    whole = torch.where(best > n // 2, best - n, best)[..., 0]
    return whole.to(p.dtype) + fine


def _envelope(data: Tensor) -> Tensor:
    return (data.square() + hilbert(data).square() + 1e-6).sqrt()
