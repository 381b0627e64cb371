"""The edges of the grid: absorbing layers on any side, a flat free surface on top.

Profiles of the convolutional PML (Komatitsch & Martin 2007, eqs 24–27): ψ ← a ψ + b D with a = exp(−(σ + α) dt),
b = σ / (σ + α) (a − 1), σ = σ₀ (x/L)², σ₀ = −3 v ln R / (2 L), α falling linearly from π f through the layer to 0, or
to what the wave equation says (`Physics.damping`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seisinv.backends.base import Layout
from seisinv.core import ConfigError, Grid, Survey
from seisinv.symbolic.program import Profile

AVERAGED = 5  # nodes next to a layer whose mean it holds
NEXT = 2  # the same at a side along which sources or receivers lie: their waves notice what is next to them
ALONG = 0.5  # share of the sources, or of the receivers, above which they lie along a side


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
    averaged : int or mapping, nodes, optional
        A layer holds the mean of so many nodes of the model next to it, the outermost weighing most; one number, or by
        side. With 1 it copies the edge, and the gradient there gathers that of the whole layer. Default: 5, and
        2 at a side along which more than half of the sources or receivers lie, within 5 nodes.

    Raises
    ------
    ConfigError
        If a width is negative, a side is unknown, a mean has no node, or `reflection` is not between 0 and 1.

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
    averaged: int | Mapping[str, int] | None = None

    SIDES = {"z": ("top", "bottom"), "y": ("front", "back"), "x": ("left", "right")}  # noqa: RUF012 (not a field)

    def __post_init__(self) -> None:
        if not 0 < self.reflection < 1:
            raise ConfigError(f"reflection is {self.reflection:g}; it must lie between 0 and 1, for example 1e-5")
        known = {s for pair in self.SIDES.values() for s in pair}
        for given, least in ((self.width, 0), (self.averaged, 1)):
            for side, number in (given if isinstance(given, Mapping) else {"every side": given}).items():
                if side not in known | {"every side"}:
                    raise ConfigError(f"boundary side {side!r} is unknown; the sides are {', '.join(sorted(known))}")
                if number is not None and number < least:
                    what = f"is {number} cells wide" if least == 0 else f"holds the mean of {number} nodes"
                    raise ConfigError(f"the absorbing layer at {side} {what}; it must be {least} or more")

    def layout(self, grid: Grid) -> Layout:
        """Return the padded grid."""
        low, high = (tuple(self._side(self.SIDES[a][k]) for a in grid.axes) for k in (0, 1))
        shape = tuple(n + a + b for n, a, b in zip(grid.shape, low, high, strict=True))
        return Layout(shape, low, high, self.free_surface)

    def of_survey(self, grid: Grid, survey: Survey) -> Boundary:
        """Return the boundary with `averaged` chosen for a survey, by side.

        Parameters
        ----------
        grid : Grid
        survey : Survey

        Returns
        -------
        Boundary
        """
        if isinstance(self.averaged, Mapping):
            return self
        sides = [side for axis in grid.axes for side in self.SIDES[axis]]
        if self.averaged is not None:
            return replace(self, averaged=dict.fromkeys(sides, self.averaged))
        kinds = [np.concatenate([getattr(s, kind) for s in survey.shots]) for kind in ("sources", "receivers")]
        chosen = {}
        for axis, (low, high) in enumerate(grid.extent):
            reach = AVERAGED * grid.spacing[axis]
            for side, edge in zip(self.SIDES[grid.axes[axis]], (low, high), strict=True):
                along = max(float((np.abs(p[:, axis] - edge) < reach).mean()) for p in kinds)
                chosen[side] = AVERAGED if along <= ALONG else NEXT
        return replace(self, averaged=chosen)

    def extend(self, values: Tensor, layout: Layout, axes: Sequence[str]) -> Tensor:
        """Continue a parameter of the model into the absorbing layers.

        Parameters
        ----------
        values : tensor of the grid's shape
        layout : Layout
            Of this boundary on the grid.
        axes : sequence of str
            Names of the grid's axes.

        Returns
        -------
        tensor of the layout's shape
            In the unit of `values`; differentiable.
        """
        assert isinstance(self.averaged, Mapping)  # a propagator chooses it for its survey
        for axis, name in enumerate(axes):
            n = values.shape[axis]
            parts = [values]
            for k, (side, count) in enumerate(
                zip(self.SIDES[name], (layout.low[axis], layout.high[axis]), strict=True)
            ):
                if count:
                    weights = self._weights(self.averaged.get(side, 1), n).to(values.dtype)
                    edge = values.narrow(axis, 0 if k == 0 else n - len(weights), len(weights)).movedim(axis, -1)
                    held = (edge * (weights if k == 0 else weights.flip(0))).sum(-1, keepdim=True)
                    layer = held.expand(*held.shape[:-1], count).movedim(-1, axis)
                    parts = [layer, *parts] if k == 0 else [*parts, layer]
            values = torch.cat(parts, axis)
        return values

    @staticmethod
    def _weights(averaged: int, nodes: int) -> Tensor:
        """Return the weights of the outermost nodes, from the edge inwards."""
        count = min(averaged, nodes)
        falling = torch.cos(0.5 * np.pi * torch.arange(count, dtype=torch.float64) / count) ** 2
        return falling / falling.sum()

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
        damping: tuple[float, float, float],
    ) -> dict[str, np.ndarray]:
        """Return the 1-D profiles a, b and g, shaped to broadcast over the padded grid; 0, 0 and 1 outside the layers.

        They belong to a `grid` and its padded `layout`, the `speed` (m/s) of the fastest wave, the dominant `frequency`
        (Hz), the solver's `step` (s), and the wave equation's `damping` of slow waves.
        """
        out = {}
        for name, (kind, axis, half) in profiles.items():
            x = np.arange(layout.shape[axis]) + (0.5 if half else 0.0)
            depth, thickness = _into_layer(x, layout.low[axis], layout.high[axis], layout.shape[axis])
            length = np.maximum(thickness, 1) * grid.spacing[axis]
            sigma = -3 * speed * np.log(self.reflection) / (2 * length) * depth**2
            alpha = np.pi * frequency * (damping[0] * (1 - depth) + damping[1] * depth)
            a = np.where(depth > 0, np.exp(-(sigma + alpha) * step), 0.0)
            b = np.where(depth > 0, sigma / (sigma + alpha + 1e-300) * (a - 1), 0.0)
            shape = [1] * len(layout.shape)
            shape[axis] = -1
            g = np.exp(-np.pi * frequency * damping[2] * depth**4 * step)
            out[name] = {"a": a, "b": b, "g": g}[kind].reshape(shape)
        return out


def _into_layer(x: np.ndarray, low: int, high: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Depth into the nearest layer as a fraction of its thickness (0 outside), and that thickness in cells."""
    before = (low - x) / max(low, 1)
    behind = (x - (n - 1 - high)) / max(high, 1)
    depth = np.clip(np.maximum(before if low else 0 * x, behind if high else 0 * x), 0, 1)
    return depth, np.where(before > 0, low, high)


def dominant_frequency(wavelet: Tensor | None, step: float, fallback: float) -> float:
    """Return the frequency of the largest amplitude of a wavelet, Hz."""
    if wavelet is None or not bool(wavelet.detach().abs().max() > 0):
        return fallback
    samples = wavelet.detach().reshape(-1, wavelet.shape[-1]).double().numpy()
    n = 4 * samples.shape[-1]
    spectrum = np.abs(np.fft.rfft(samples, n)).sum(0)
    return max(float(np.argmax(spectrum)) / (n * step), 0.1 * fallback)
