"""Waves of point sources in constant media, 2-D, which the surrogate adds to its features, and what they force.

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
import torch
from torch import Tensor

from seisinv.core import ConfigError, DataError, Survey
from seisinv.surrogate.features import later
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.parts import Parts
from seisinv.surrogate.residual import Residual
from seisinv.surrogate.time.rows import Rows, outgoing

QUIET = 1e-6  # of the wavelet's maximum: samples below it at its end are left out
NODES = 24  # of the quadrature for a short wavelet; longer ones have 6 more per period
TABLE = 1 << 18  # samples of the interpolated wavelet
FLOOR = 1e-2  # of the spectrum's maximum: the band ends where it falls below, at −40 dB
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


def highest_frequency(survey: Survey) -> float:
    """Return the frequency above which the wavelet is below −40 dB, Hz."""
    from scipy.fft import rfft

    assert survey.wavelet is not None
    w = survey.wavelet.detach().double().numpy()
    padded = 4 * w.shape[-1]
    spectrum = np.abs(np.asarray(rfft(w.reshape(-1, w.shape[-1]), padded))).max(0)
    if not spectrum.max() > 0:
        raise DataError("the wavelet is zero everywhere; pass one that is not")
    return float(np.flatnonzero(spectrum > FLOOR * spectrum.max())[-1] / (padded * survey.time.step))


def backgrounds(survey: Survey, residual: Residual, parts: Parts | None) -> tuple[tuple[Background, ...], ...]:
    """Return the waves of every shot's sources in media of the velocity at each, as far as its part reaches."""
    assert survey.wavelet is not None
    w = survey.wavelet.detach().double()
    if w.ndim == 1:
        w = w.expand(len(survey), survey.max_sources, -1)
    out = []
    for i, shot in enumerate(survey.shots):
        at = np.column_stack([shot.sources, np.zeros(len(shot.sources))])
        stiffness = -dict(residual.terms(at))[(2, 0, 0)].detach().numpy()
        strength = residual.source(shot.sources)
        out.append(
            tuple(
                Background(s, float(np.sqrt(k)), float(q), survey.time.step, w[i, j].numpy(), parts)
                for j, (s, k, q) in enumerate(zip(shot.sources, stiffness, strength, strict=True))
            )
        )
    return tuple(out)


def forcing(
    rows: Sequence[Rows], shots: Sequence[Sequence[Background]], start: float, edges: str | None
) -> dict[str, Tensor]:
    """Return the right-hand sides with which features and background together satisfy the rows [row, shot].

    The equation's are minus its residual on the background, which off the source is all there is of it: the two
    deltas, of the source and of the background's Laplacian, are the same.  Absorbing edges let the background out with
    its own velocity; across interfaces, where it ends, the features make up for its jumps.
    """
    out = {}
    for r in rows:
        if r.kind not in ("equation", "edge", "jump", "slope"):
            continue
        points = later(r.points, start)
        columns = []
        for sources in shots:
            total = torch.zeros(len(r), dtype=torch.float64)
            for b in sources:
                own: dict[Order, Tensor] = {}
                if r.kind == "edge" and edges == "absorbing":
                    own = dict(outgoing(torch.full((len(r),), b.speed, dtype=torch.float64), r.normals, r.decay))
                waves = b.derivatives(points, [order for order, _ in r.terms], r.between)
                for (order, factor), wave in zip(r.terms, waves, strict=True):
                    total = total - (factor - own.get(order, 0.0)) * torch.from_numpy(wave)
            columns.append(total)
        out[r.kind] = torch.stack(columns, 1)
    return out
