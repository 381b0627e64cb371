"""Field of a point source in a constant medium, continued into absorbing layers: what is subtracted.

    u₀ = −(i/4) H₀⁽²⁾(ω r / c),   r² = (z' − z_s)² + (x' − x_s)²

with e^{iωt} and stretched coordinates z', x' solves (∇'² + ω²/c²) u₀ = −δ exactly, layers included (Alkhalifah et al.
2021, doi 10.1016/j.aiig.2021.08.002, subtract it; without layers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.core import ConfigError
from seisinv.surrogate.frequency.stretch import Layer
from seisinv.surrogate.jets import VALUE, Order


@dataclass(frozen=True, eq=False)
class HarmonicBackground:
    """Analytic field of one source.

    Parameters
    ----------
    source : (z, x), m
        Between the layers.
    speed : float, m/s
    layers : Layer along z and x
    """

    source: tuple[float, float]
    speed: float
    layers: tuple[Layer, Layer]

    @property
    def omega(self) -> float:
        """Angular frequency, rad/s."""
        return self.layers[0].omega

    def matrix(self, points: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return the field or a derivative [point, 1] at points (z, x), m; the last order is in time.

        Raises
        ------
        ConfigError
            For derivatives of higher order than the second, or mixed ones.
        """
        from scipy.special import hankel2

        space = order[0] + order[1]
        if space > 2 or order[:2] == (1, 1):
            raise ConfigError(f"order is {order}; the background has derivatives up to the second along one axis")
        k = self.omega / self.speed
        (z, z1, z2), (x, x1, x2) = (layer.coordinate(points[:, n]) for n, layer in enumerate(self.layers))
        r = np.sqrt((z - self.source[0]) ** 2 + (x - self.source[1]) ** 2)
        front = -0.25j * (1j * self.omega) ** order[2]
        h0 = hankel2(0, k * r)
        if space == 0:
            return np.asarray(front * h0)[:, None]
        along, first, second = (z - self.source[0], z1, z2) if order[0] else (x - self.source[1], x1, x2)
        slope = -k * hankel2(1, k * r)  # ∂u/∂r
        cosine = along / r
        if space == 1:
            return np.asarray(front * first * cosine * slope)[:, None]
        curved = cosine**2 * (-(k**2) * h0) + (1 - 2 * cosine**2) * slope / r
        return np.asarray(front * (first**2 * curved + second * cosine * slope))[:, None]
