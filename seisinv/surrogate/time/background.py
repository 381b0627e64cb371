"""Waves of point sources in constant media, 2-D, which the surrogate adds to its features.

    ∂²p/∂t² = c² ∇²p + q s(t) δ(x − x_s),   p(r, t) = q/(2π c²) ∫₀^{arcosh(c t / r)} s(t − (r / c) cosh θ) dθ

(Aki & Richards 2002, §4.1: the line source, with t − τ = (r / c) cosh θ).  For a wavelet that starts from rest time
derivatives fall on s; ∂p/∂r = −q/(2π c³) ∫ s′ cosh θ dθ, and ∂²p/∂r² = ∂²p/∂t² / c² − (∂p/∂r) / r off the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, pi

import numpy as np

from seisinv.core import ConfigError
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.parts import Parts

QUIET = 1e-6  # of the wavelet's maximum: samples below it at its end are left out
NODES = 24  # of the quadrature for a short wavelet; longer ones have 6 more per period
TABLE = 1 << 18  # samples of the interpolated wavelet
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
    parts : Parts, optional
        Parts of the model between its jumps: the waves end where that of the source does.
    """

    source: np.ndarray
    speed: float
    strength: float
    step: float
    wavelet: np.ndarray
    parts: Parts | None = None

    def __call__(self, points: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return the field, or a derivative of it [point]; at most two derivatives, at points (z, x, t)."""
        return self.derivatives(points, [order])[0]

    def derivatives(
        self, points: np.ndarray, orders: Sequence[Order], between: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """Return several derivatives of the field [point] at points (z, x, t) from shared integrals.

        `between` [point, 2] are the parts on both sides of points on interfaces: the first's less the second's.
        """
        offset = points[:, :2] - self.source
        r = np.maximum(np.hypot(offset[:, 0], offset[:, 1]), NEAREST * self.speed)
        along = offset / r[:, None]
        need = {n for order in orders for n in _integrals_of(order)}
        known = self._integrals(r / self.speed, points[:, 2], sorted(need))
        out = []
        for z, x, t in orders:
            if z + x == 0:
                out.append(known[t, 0])
                continue
            first = -known[t + 1, 1] / self.speed
            if z + x == 1:
                out.append(first * along[:, 0 if z else 1])
                continue
            second = known[2, 0] / self.speed**2 - first / r
            i, j = (0, 1) if z == x else ((0, 0) if z else (1, 1))
            out.append(second * along[:, i] * along[:, j] + first / r * ((i == j) - along[:, i] * along[:, j]))
        if self.parts is None:
            return out
        sign = self.parts.signs(points, between)[self.part]
        return [sign * values for values in out]

    @property
    def part(self) -> int:
        """Number of the part in which the source lies."""
        return 0 if self.parts is None else int(self.parts.at(self.source[None])[0])

    def _integrals(
        self, rho: np.ndarray, t: np.ndarray, need: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], np.ndarray]:
        """Return q/(2π c²) ∫ s⁽ⁿ⁾(t − ρ cosh θ) coshᵐ θ dθ for pairs (n, m) with m ≤ 1, by Gauss–Legendre."""
        out = {n: np.zeros(len(t)) for n in need}
        late = np.flatnonzero(t > rho)
        rho, t = rho[late], t[late]
        end = np.arccosh(t / rho)
        start = np.arccosh(np.maximum((t - self.length) / rho, 1.0))
        half = 0.5 * (end - start)
        sums = {n: np.zeros(len(late)) for n in need}
        for x, w in zip(*np.polynomial.legendre.leggauss(self.nodes), strict=True):
            wide = np.cosh(start + half * (1 + x))
            place = np.maximum(t - rho * wide, 0.0) / self._fine
            low = place.astype(np.int32)
            part = place - low
            for turns, power in need:
                table = self._tables[turns]
                value = table[low]
                value += part * (table[low + 1] - value)
                sums[turns, power] += w * value * wide if power else w * value
        for n, values in sums.items():
            out[n][late] = self.strength / (2 * pi * self.speed**2) * half * values
        return out

    @cached_property
    def length(self) -> float:
        """Time after which the wavelet is negligible, s."""
        loud = np.flatnonzero(np.abs(self.wavelet) > QUIET * np.abs(self.wavelet).max())
        return float(self.step * min(len(self.wavelet) - 1, loud[-1] + 1)) if len(loud) else self.step

    @cached_property
    def nodes(self) -> int:
        """Number of nodes of the quadrature."""
        from scipy.fft import rfft

        spectrum = np.abs(np.asarray(rfft(self.wavelet)))
        periods = np.argmax(spectrum) / (len(self.wavelet) * self.step) * self.length
        return NODES + 6 * ceil(float(periods))

    @property
    def _fine(self) -> float:
        """Step of the tables, s."""
        return self.step / max(16, TABLE // len(self.wavelet))

    @cached_property
    def _tables(self) -> tuple[np.ndarray, ...]:
        return _tables(np.ascontiguousarray(self.wavelet, float).tobytes(), self.step, self._fine)


@lru_cache(maxsize=4)
def _tables(wavelet: bytes, step: float, fine: float) -> tuple[np.ndarray, ...]:
    """Return a wavelet and its first two derivatives, so finely that linear interpolation does."""
    from scipy.interpolate import make_interp_spline

    pad, samples = 8, np.frombuffer(wavelet)
    times = step * np.arange(-pad, len(samples))
    spline = make_interp_spline(times, np.concatenate([np.zeros(pad), samples]), k=5)
    at = np.minimum(fine * np.arange(round(times[-1] / fine) + 3), times[-1])
    return tuple(spline(at, nu=n) for n in range(3))


def _integrals_of(order: Order) -> list[tuple[int, int]]:
    """Return which integrals a derivative needs: derivatives of s, powers of cosh."""
    z, x, t = order
    if sum(order) > 2:
        raise ConfigError(f"order is {order}; the background has at most two derivatives")
    return [[(t, 0)], [(t + 1, 1)], [(2, 0), (1, 1)]][z + x]
