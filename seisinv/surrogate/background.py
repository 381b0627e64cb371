"""Waves of point sources in constant media, 2-D: what the surrogate adds to its features.

    ∂²p/∂t² = c² ∇²p + q s(t) δ(x − x_s),   p(r, t) = q/(2π c²) ∫₀^{arcosh(c t / r)} s(t − (r / c) cosh θ) dθ

(Aki & Richards 2002, §4.1: the line source, with t − τ = (r / c) cosh θ).  For a wavelet that starts from rest time
derivatives fall on s; ∂p/∂r = −q/(2π c³) ∫ s′ cosh θ dθ, and ∂²p/∂r² = ∂²p/∂t² / c² − (∂p/∂r) / r off the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, pi
from typing import Any

import numpy as np

from seisinv.surrogate.features import VALUE, Order

QUIET = 1e-6  # of the wavelet's maximum: samples below it at its end are left out
NODES = 40  # of the quadrature for a short wavelet; longer ones have 8 more per period
NEAREST = 1e-6  # r / c in s: closer points count as that far


@dataclass(frozen=True, eq=False)
class Background:
    """Waves of one point source in a constant medium.

    Parameters
    ----------
    source : (2,) array, m
    speed : float, m/s
    strength : float
        q, the factor of the source in the equation.
    step : float, s
    wavelet : (samples,) array
        s at multiples of `step` from 0; interpolated by a quintic spline, zero before.
    """

    source: np.ndarray
    speed: float
    strength: float
    step: float
    wavelet: np.ndarray

    def __call__(self, points: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return the field, or a derivative of it [point]; at most two derivatives, at points (z, x, t)."""
        offset = points[:, :2] - self.source
        r = np.maximum(np.hypot(offset[:, 0], offset[:, 1]), NEAREST * self.speed)
        t = points[:, 2]
        along = offset / r[:, None]
        space, turns = order[:2], order[2]
        if sum(order) > 2:
            raise ValueError(f"order is {order}; the background has at most two derivatives")
        if sum(space) == 0:
            return self._integral(r, t, turns, 0)
        first = -self._integral(r, t, turns + 1, 1) / self.speed
        if sum(space) == 1:
            return np.asarray(first * along[:, space.index(1)])
        second = self._integral(r, t, 2, 0) / self.speed**2 - first / r
        i, j = (0, 1) if space == (1, 1) else ((0, 0) if space[0] else (1, 1))
        return np.asarray(second * along[:, i] * along[:, j] + first / r * ((i == j) - along[:, i] * along[:, j]))

    def _integral(self, r: np.ndarray, t: np.ndarray, turns: int, power: int) -> np.ndarray:
        """Return q/(2π c²) ∫ s^(turns)(t − (r/c) cosh θ) cosh^power θ dθ by Gauss–Legendre."""
        rho = r / self.speed
        out = np.zeros(len(t))
        late = t > rho
        rho, t = rho[late], t[late]
        end = np.arccosh(t / rho)
        start = np.arccosh(np.maximum((t - self.length) / rho, 1.0))
        node, weight = np.polynomial.legendre.leggauss(self.nodes)
        half = 0.5 * (end - start)
        total = np.zeros(len(t))
        for x, w in zip(node, weight, strict=True):
            wide = np.cosh(start + half * (1 + x))
            total += w * self._spline(turns)(np.maximum(t - rho * wide, 0.0)) * wide**power
        out[late] = self.strength / (2 * pi * self.speed**2) * half * total
        return out

    @cached_property
    def length(self) -> float:
        """Time after which the wavelet is quiet, s."""
        loud = np.flatnonzero(np.abs(self.wavelet) > QUIET * np.abs(self.wavelet).max())
        return float(self.step * min(len(self.wavelet) - 1, loud[-1] + 1)) if len(loud) else self.step

    @cached_property
    def nodes(self) -> int:
        """Number of nodes of the quadrature."""
        from scipy.fft import rfft

        spectrum = np.abs(np.asarray(rfft(self.wavelet)))
        periods = np.argmax(spectrum) / (len(self.wavelet) * self.step) * self.length
        return NODES + 8 * ceil(float(periods))

    def _spline(self, turns: int) -> Any:
        return self._splines[turns]

    @cached_property
    def _splines(self) -> list[Any]:
        from scipy.interpolate import make_interp_spline

        pad = 8
        times = self.step * np.arange(-pad, len(self.wavelet))
        spline = make_interp_spline(times, np.concatenate([np.zeros(pad), self.wavelet]), k=5)
        return [spline, spline.derivative(1), spline.derivative(2)]
