"""Errors of a model by wavenumber: long and short wavelengths apart, and how finely the model resembles the truth.

Fields are taken apart into cosines (DCT-II, orthonormal), which mirror them at the edges instead of joining opposite
ones: entry k of n along an axis of spacing h has the wavenumber k / (2 n h). Sums of squares are kept, so that

    rmse² = low² + high²      exactly, for any split.

Coherence is the correlation of the coefficients of model and truth in a ring of wavenumbers (the Fourier ring
correlation of Saxton & Baumeister 1982, with cosines for the exponentials):

    γ(κ) = Σ A B / √(Σ A² Σ B²)   over   κ ≤ |k| < κ + Δκ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from seisinv.core import Grid, Model
from seisinv.metrics.errors import correlation

RINGS = 12  # at most, from 0 to the lowest Nyquist wavenumber of the axes
DEPTHS = 3  # bands of equal thickness


@dataclass(frozen=True, eq=False)
class Coherence:
    """Resemblance of model and truth by wavenumber.

    Parameters
    ----------
    wavenumber : array, 1/m
        Centres of the rings.
    value : array
        Correlation in each ring, 1 for equal models.
    half : float, 1/m, or None
        Where it first falls to one half; None where it does not.
    depth : (top, bottom), m

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> grid = si.Grid((32, 48), 10.0)
    >>> waves = np.cos(2 * np.pi * grid.coordinates("x") / 120)[None] * np.ones((32, 1))
    >>> truth, start = si.Model(grid, vp=2000 + 100 * waves), si.Model(grid, vp=2000.0)
    >>> found = coherence(truth, truth)
    >>> isinstance(found, Coherence), found.depth
    (True, (0.0, 310.0))
    """

    wavenumber: np.ndarray
    value: np.ndarray
    half: float | None
    depth: tuple[float, float]


def parted_rmse(
    model: Model, truth: Model, *, split: float, name: str = "vp", mask: np.ndarray | None = None
) -> tuple[float, float]:
    """Return the root mean square error in wavelengths longer than `split` (m), and in the others.

    Parameters
    ----------
    model, truth : Model
        On one grid.
    split : float, m
    name : str
    mask : bool array [z, x], optional
        Cells that count; errors elsewhere are taken as zero.

    Returns
    -------
    (float, float)
        Both in the SI unit of the parameter.

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> grid = si.Grid((32, 48), 10.0)
    >>> waves = np.cos(2 * np.pi * grid.coordinates("x") / 120)[None] * np.ones((32, 1))
    >>> truth, start = si.Model(grid, vp=2000 + 100 * waves), si.Model(grid, vp=2000.0)
    >>> low, high = parted_rmse(start, truth, split=200.0)
    >>> low < 5 < 60 < high
    True
    """
    error, cells = _masked(_values(model, name) - _values(truth, name), mask)
    power = _cosines(error) ** 2
    long = _radius(truth.grid, error.shape) < 1 / split
    return float(np.sqrt(power[long].sum() / cells)), float(np.sqrt(power[~long].sum() / cells))


def coherence(
    model: Model,
    truth: Model,
    *,
    name: str = "vp",
    mask: np.ndarray | None = None,
    rows: slice = slice(None),
) -> Coherence:
    """Return how model and truth resemble each other by wavenumber.

    Parameters
    ----------
    model, truth : Model
        On one grid.
    name : str
    mask : bool array [z, x], optional
        Cells that count; elsewhere both are taken as the truth's mean.
    rows : slice
        Nodes along depth.

    Returns
    -------
    Coherence

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> grid = si.Grid((32, 48), 10.0)
    >>> waves = np.cos(2 * np.pi * grid.coordinates("x") / 120)[None] * np.ones((32, 1))
    >>> truth, start = si.Model(grid, vp=2000 + 100 * waves), si.Model(grid, vp=2000.0)
    >>> bool(coherence(truth, truth).value.max() > 0.99)
    True
    """
    a, b = _values(model, name)[rows], _values(truth, name)[rows]
    chosen = np.ones(b.shape, bool) if mask is None else np.asarray(mask, bool)[rows]
    mean = b[chosen].mean() if chosen.any() else 0.0
    p, q = (_cosines(np.where(chosen, v - mean, 0.0)) for v in (a, b))
    radius, grid = _radius(truth.grid, b.shape), truth.grid
    top = 0.5 / max(grid.spacing)
    coarsest = 1 / max(n * h for n, h in zip(b.shape, grid.spacing, strict=True))
    edges = np.linspace(0.0, top, max(2, min(RINGS, int(top / coarsest))) + 1)
    ring = np.digitize(radius, edges) - 1
    value = np.array([correlation(p[ring == k], q[ring == k]) for k in range(len(edges) - 1)])
    centre = 0.5 * (edges[1:] + edges[:-1])
    z = grid.coordinates("z")[rows]
    return Coherence(centre, value, _half(centre, value), (float(z[0]), float(z[-1])))


def by_depth(
    model: Model, truth: Model, *, name: str = "vp", mask: np.ndarray | None = None, bands: int = DEPTHS
) -> list[Coherence]:
    """Return the coherence in bands of equal thickness, top to bottom; those without a chosen cell are left out.

    Parameters
    ----------
    model, truth : Model
        On grids of one shape.
    name : str
        The parameter to compare.
    mask : bool array [z, x], optional
        Cells that count (default: all).
    bands : int
        Number of bands of depth.

    Returns
    -------
    list of Coherence

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> grid = si.Grid((32, 48), 10.0)
    >>> waves = np.cos(2 * np.pi * grid.coordinates("x") / 120)[None] * np.ones((32, 1))
    >>> truth, start = si.Model(grid, vp=2000 + 100 * waves), si.Model(grid, vp=2000.0)
    >>> [c.depth for c in by_depth(truth, truth, bands=2)]
    [(0.0, 150.0), (160.0, 310.0)]
    """
    edges = np.linspace(0, truth.grid.shape[0], bands + 1).round().astype(int)
    parts = [slice(int(a), int(b)) for a, b in pairwise(edges) if b - a >= 2]
    kept = [rows for rows in parts if mask is None or np.asarray(mask, bool)[rows].any()]
    return [coherence(model, truth, name=name, mask=mask, rows=rows) for rows in kept]


def default_split(start: Model, lowest: float | None) -> float:
    """Return the longest wavelength in the data, m: the start's mean velocity over the lowest frequency inverted.

    Parameters
    ----------
    start : Model
    lowest : float, Hz, or None
        Corner of the first band; None: a quarter of the model's longest side.
    """
    if lowest is None:
        return 0.25 * max(high - low for low, high in start.grid.extent)
    return float(start[start.leading].detach().double().mean()) / lowest


def _values(model: Model, name: str) -> np.ndarray:
    return np.asarray(model[name].detach().double().cpu().numpy())


def _masked(values: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, int]:
    if mask is None:
        return values, values.size
    return np.where(mask, values, 0.0), max(1, int(np.asarray(mask, bool).sum()))


def _cosines(values: np.ndarray) -> np.ndarray:
    from scipy.fft import dctn

    return np.asarray(dctn(values, norm="ortho"))


def _radius(grid: Grid, shape: Sequence[int]) -> np.ndarray:
    """Return the wavenumber of every coefficient, 1/m."""
    axes = [np.arange(n) / (2 * n * h) for n, h in zip(shape, grid.spacing, strict=True)]
    return np.sqrt(sum(k**2 for k in np.meshgrid(*axes, indexing="ij")))


def _half(wavenumber: np.ndarray, value: np.ndarray) -> float | None:
    below = np.flatnonzero(value < 0.5)
    if not len(below):
        return None
    k = int(below[0])
    if k == 0:
        return float(wavenumber[0])
    (x0, x1), (y0, y1) = wavenumber[k - 1 : k + 1], value[k - 1 : k + 1]
    return float(x0 + (y0 - 0.5) / (y0 - y1) * (x1 - x0))
