"""The edges of the grid: absorbing layers on any side, a flat free surface on top.

Profiles of the convolutional PML (Komatitsch & Martin 2007, eqs 24–27): ψ ← a ψ + b D with a = exp(−(σ + α) dt),
b = σ / (σ + α) (a − 1), σ = σ₀ (x/L)², σ₀ = −3 v ln R / (2 L), α falling linearly from π f to 0 through the layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seisinv.backends.base import Layout
from seisinv.core import ConfigError, Grid
from seisinv.symbolic.program import Profile


@dataclass(frozen=True)
class Boundary:
    """What happens at the edges of the grid: waves leave through absorbing layers, or meet a free surface on top.

    Parameters
    ----------
    width : int, cells
        Thickness of the absorbing layers, which are added outside the grid; one number, or by side, for example
        ``{"left": 20, "right": 20, "bottom": 30, "top": 0}`` ("front" and "back" along y).  At a side of width 0 the
        pressure vanishes just outside the grid.
    free_surface : bool
        Whether the pressure vanishes at the first row of the grid; replaces the absorbing layer on top.
    reflection : float
        Theoretical reflection coefficient R of a layer at normal incidence.

    Raises
    ------
    ConfigError
        If a width is negative, a side is unknown, or `reflection` is not between 0 and 1.

    Notes
    -----
    The layers are convolutional perfectly matched layers (Komatitsch & Martin 2007, eqs 24–27).

    Examples
    --------
    >>> Boundary({"left": 20, "right": 20, "bottom": 30, "top": 0}).layout(Grid((101, 201), 10.0)).shape
    (131, 241)
    """

    width: int | Mapping[str, int] = 20
    free_surface: bool = False
    reflection: float = 1e-5

    SIDES = {"z": ("top", "bottom"), "y": ("front", "back"), "x": ("left", "right")}  # noqa: RUF012 (not a field)

    def __post_init__(self) -> None:
        if not 0 < self.reflection < 1:
            raise ConfigError(f"reflection is {self.reflection:g}; it must lie between 0 and 1, for example 1e-5")
        known = {s for pair in self.SIDES.values() for s in pair}
        widths = self.width if isinstance(self.width, Mapping) else {"every side": self.width}
        for side, width in widths.items():
            if side not in known | {"every side"}:
                raise ConfigError(f"boundary side {side!r} is unknown; the sides are {', '.join(sorted(known))}")
            if width < 0:
                raise ConfigError(f"the absorbing layer at {side} is {width} cells wide; it must be 0 or more")

    def layout(self, grid: Grid) -> Layout:
        """Return the padded grid."""
        low, high = (tuple(self._side(self.SIDES[a][k]) for a in grid.axes) for k in (0, 1))
        shape = tuple(n + a + b for n, a, b in zip(grid.shape, low, high, strict=True))
        return Layout(shape, low, high, self.free_surface)

    def _side(self, side: str) -> int:
        if side == "top" and self.free_surface:
            return 0
        return int(self.width.get(side, 0) if isinstance(self.width, Mapping) else self.width)

    def profiles(
        self,
        profiles: Mapping[str, Profile],
        *,
        grid: Grid,
        layout: Layout,
        speed: float,
        frequency: float,
        step: float,
    ) -> dict[str, np.ndarray]:
        """Return the 1-D profiles a and b, shaped to broadcast over the padded grid; zero outside the layers.

        They belong to a `grid` and its padded `layout`, the `speed` (m/s) of the fastest wave, the dominant `frequency`
        (Hz) and the solver's `step` (s).
        """
        out = {}
        for name, (kind, axis, half) in profiles.items():
            x = np.arange(layout.shape[axis]) + (0.5 if half else 0.0)
            depth, thickness = _into_layer(x, layout.low[axis], layout.high[axis], layout.shape[axis])
            length = np.maximum(thickness, 1) * grid.spacing[axis]
            sigma = -3 * speed * np.log(self.reflection) / (2 * length) * depth**2
            alpha = np.pi * frequency * (1 - depth)
            a = np.where(depth > 0, np.exp(-(sigma + alpha) * step), 0.0)
            b = np.where(depth > 0, sigma / (sigma + alpha + 1e-300) * (a - 1), 0.0)
            shape = [1] * len(layout.shape)
            shape[axis] = -1
            out[name] = {"a": a, "b": b}[kind].reshape(shape)
        return out


def _into_layer(x: np.ndarray, low: int, high: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Depth into the nearest layer as a fraction of its thickness (0 outside), and that thickness in cells."""
    before = (low - x) / max(low, 1)
    behind = (x - (n - 1 - high)) / max(high, 1)
    depth = np.clip(np.maximum(before if low else 0 * x, behind if high else 0 * x), 0, 1)
    return depth, np.where(before > 0, low, high)


def extend(values: Tensor, layout: Layout) -> Tensor:
    """Continue a model parameter into the absorbing layers by its edge values."""
    out = values
    for axis, (low, high) in enumerate(zip(layout.low, layout.high, strict=True)):
        n = out.shape[axis]
        index = torch.arange(-low, n + high).clamp(0, n - 1)
        out = out.index_select(axis, index)
    return out


def dominant_frequency(wavelet: Tensor | None, step: float, fallback: float) -> float:
    """Return the frequency of the largest amplitude of a wavelet, Hz."""
    if wavelet is None or not bool(wavelet.detach().abs().max() > 0):
        return fallback
    samples = wavelet.detach().reshape(-1, wavelet.shape[-1]).double().numpy()
    n = 4 * samples.shape[-1]
    spectrum = np.abs(np.fft.rfft(samples, n)).sum(0)
    return max(float(np.argmax(spectrum)) / (n * step), 0.1 * fallback)
