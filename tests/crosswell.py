"""One anomaly between sources and receivers on all sides: the problem on which basins of attraction are measured."""

from __future__ import annotations

import numpy as np

import seisinv as si

BACKGROUND, WIDTH = 2000.0, 150.0  # m/s; m, standard deviation of the anomaly
DEPTH = 360.0  # m, of its middle
SIDE, BOUNDS = 750.0, (1950.0, 5600.0)


def anomaly(spacing: float, strength: float) -> si.Model:
    """Return the background with a Gaussian anomaly, `strength` at its middle (0.1: 10 % faster)."""
    n = round(SIDE / spacing) + 1
    grid = si.Grid((n, n), spacing)
    z, x = np.meshgrid(grid.coordinates("z"), grid.coordinates("x"), indexing="ij")
    bump = np.exp(-((z - DEPTH) ** 2 + (x - 390) ** 2) / (2 * WIDTH**2))
    return si.Model(grid, vp=BACKGROUND * (1 + strength * bump))


def ring(sources: int, receivers: int, peak: float = 8.0) -> si.Survey:
    """Return a survey with sources and receivers along the four sides, 50 m inside."""
    return si.Survey.surface(
        sources=_around(sources, 60.0), receivers=_around(receivers, 50.0), wavelet=si.ricker(peak),
        duration=1.0, dt=4e-3,
    )  # fmt: skip


def data(strength: float, survey: si.Survey) -> si.Gathers:
    """Simulate on a grid twice finer, with another order than the inversion's."""
    model = anomaly(12.5, strength)
    return si.Propagator(si.Acoustic(), model.grid, survey, order=10)(model)


def _around(count: int, inset: float) -> np.ndarray:
    side = SIDE - 2 * inset
    s = (np.arange(count) + 0.5) / count * 4
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]], float)
    k = s.astype(int)
    return inset + side * (corners[k] + (s - k)[:, None] * (corners[k + 1] - corners[k]))
