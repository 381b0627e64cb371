"""Smooth changes of a section: knots, linear between them, and what is known of their values before any data.

A change is u(z, x) = u₁(z) + u₂(z, x): one for each depth, as layers have it, and one of its own for each place. Both
are Gaussian with zero mean; their precision along an axis is that of a Matérn process,

P = (1 + 2 l² D₁ᵀD₁ + l⁴ D₂ᵀD₂) / a²,   covariance ∝ a² (1 + r/l) e^(−r/l) inside

of standard deviation a and length l (Whittle 1954, doi:10.1093/biomet/41.3-4.434; differences free at the ends), and
the precision of the section is the product of those of its axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import csr_matrix, diags, hstack, kron

from seisinv.core import Grid

LAYERS, PLACES = 0.10, 0.06  # standard deviations a of u₁ and u₂
FINE = (2.5, 4.0)  # knots per length l along z and x
MANY = 1200  # knots of u₂ beyond which both lengths grow


@dataclass(frozen=True, eq=False)
class Knots:
    """Knots on a grid.

    Parameters
    ----------
    basis : (node, knot) sparse matrix
        Interpolation; zero outside the mask it was built with.
    precision : (knot, knot) array
        Inverse of the covariance of the knots' values.
    """

    basis: csr_matrix
    precision: np.ndarray


def layered_knots(grid: Grid, lengths: tuple[float, float], *, mask: np.ndarray) -> Knots:
    """Place knots for u₁ + u₂.

    Parameters
    ----------
    grid : Grid
        Two-dimensional.
    lengths : (z, x), m
        The length l along each axis; longer ones are taken where the grid cannot resolve them or knots are too many.
    mask : (node,) bool array
        Nodes that may change.
    """
    lengths = allowed_lengths(grid, lengths)
    z, x = (_axis(grid, k, lengths[k] / FINE[k]) for k in (0, 1))
    down, along = (_precision(side[0].shape[1], length / side[1]) for side, length in zip((z, x), lengths, strict=True))
    free = diags(mask.astype(float))
    layers, places = kron(z[0], np.ones((grid.shape[1], 1))), kron(z[0], x[0])
    basis = csr_matrix(free @ hstack([layers, places]))
    return Knots(basis, block_diag(down / LAYERS**2, np.kron(down, along) / PLACES**2))


def allowed_lengths(grid: Grid, lengths: tuple[float, float]) -> tuple[float, float]:
    """Return the lengths (z, x), m, that knots no denser than the nodes, and not too many, can have."""
    held = [max(want, fine * h) for want, fine, h in zip(lengths, FINE, grid.spacing, strict=True)]
    extent = [(n - 1) * h for n, h in zip(grid.shape, grid.spacing, strict=True)]
    count = np.prod([side * fine / length + 1 for side, fine, length in zip(extent, FINE, held, strict=True)])
    grow = max(1.0, float(np.sqrt(count / MANY)))
    return held[0] * grow, held[1] * grow


def _axis(grid: Grid, k: int, spacing: float) -> tuple[csr_matrix, float]:
    """Linear interpolation from evenly spaced knots along an axis, and their distance."""
    x = grid.coordinates(grid.axes[k])
    count = max(4, round((x[-1] - x[0]) / spacing) + 1)
    step = (x[-1] - x[0]) / (count - 1)
    place = (x - x[0]) / step
    first = np.minimum(place.astype(int), count - 2)
    v = place - first
    rows = np.repeat(np.arange(len(x)), 2)
    columns = np.stack([first, first + 1], 1).ravel()
    return csr_matrix((np.stack([1 - v, v], 1).ravel(), (rows, columns)), shape=(len(x), count)), float(step)


def _precision(n: int, length: float) -> np.ndarray:
    """Precision of n knots with a length in knots, scaled to variance 1 in the middle."""
    first = diags([-1.0, 1.0], [0, 1], shape=(n - 1, n)).toarray()
    second = diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(n - 2, n)).toarray()
    raw = np.eye(n) + 2 * length**2 * first.T @ first + length**4 * second.T @ second
    return np.asarray(raw * np.median(np.diag(np.linalg.inv(raw))))
