"""Smooth random functions of position, drawn once and then evaluated anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NODES = 1024
TILE = 128


@dataclass(frozen=True, eq=False)
class Curve:
    """A smooth function of one coordinate, tabulated finely and interpolated linearly.

    Parameters
    ----------
    start, step : float, m
        Position of the first value and the distance between values.
    values : (n,) array
    """

    start: float
    step: float
    values: np.ndarray

    @classmethod
    def waves(
        cls,
        random: np.random.Generator,
        span: tuple[float, float],
        *,
        lengths: tuple[float, float],
        rms: float,
        count: int = 6,
    ) -> Curve:
        """Draw a sum of cosines whose wavelengths are log-uniform in `lengths` (m), longer ones being higher.

        The amplitude of a wave is proportional to its length (equal slopes), `rms` is that of the sum over all phases.
        """
        length = np.exp(random.uniform(np.log(lengths[0]), np.log(lengths[1]), count))
        phase = random.uniform(0, 2 * np.pi, count)
        amplitude = length * random.uniform(0.4, 1.0, count)
        amplitude *= rms * np.sqrt(2 / np.sum(amplitude**2))
        x = np.linspace(*span, NODES)
        values = amplitude @ np.cos(2 * np.pi / length[:, None] * x + phase[:, None])
        return cls(float(span[0]), float(x[1] - x[0]), values)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the values at `x` (m); beyond the table, its end values."""
        t = np.clip((x - self.start) / self.step, 0, len(self.values) - 1.001)
        k = t.astype(np.int32)
        low = self.values[k]
        return low + (t - k) * (self.values[k + 1] - low)


@dataclass(frozen=True, eq=False)
class Texture:
    """A random field of unit variance with fractal edges, periodic with a period far above its correlation lengths.

    The power spectrum is (1 + k²)^(−p), k in units of the inverse correlation lengths: von Kármán's family.

    Parameters
    ----------
    tile : (n, n) array
    cell : (float, float), m
        Size of a cell of the tile along (z, x).
    """

    tile: np.ndarray
    cell: tuple[float, float]

    @classmethod
    def draw(cls, random: np.random.Generator, lengths: tuple[float, float]) -> Texture:
        """Draw a field of correlation lengths (z, x) in metres, sampled four times a length."""
        k = 2 * np.pi * 4 * np.fft.fftfreq(TILE)
        k2 = k[:, None] ** 2 + k[None, : TILE // 2 + 1] ** 2
        field = np.fft.irfft2(np.fft.rfft2(random.standard_normal((TILE, TILE))) * (1 + k2) ** -1.0, s=(TILE, TILE))
        field -= field.mean()
        return cls(field / field.std(), (lengths[0] / 4, lengths[1] / 4))

    def __call__(self, z: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the field at (z, x), m; arrays that can be broadcast."""
        i, a = _cell(z / self.cell[0])
        j, b = _cell(x / self.cell[1])
        tile, below, right = self.tile, (i + 1) % TILE, (j + 1) % TILE
        upper = tile[i, j] * (1 - b) + tile[i, right] * b
        lower = tile[below, j] * (1 - b) + tile[below, right] * b
        return upper + a * (lower - upper)


def _cell(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    whole = np.floor(t)
    return whole.astype(np.int64) % TILE, t - whole


def ramp(t: np.ndarray) -> np.ndarray:
    """Smooth step from 0 at t ≤ 0 to 1 at t ≥ 1, of slope at most 3/2."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))
