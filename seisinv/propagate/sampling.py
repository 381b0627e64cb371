"""Sources and receivers at any float position: Kaiser-windowed sinc (Hicks 2002, doi 10.1190/1.1451454).

A band-limited delta at distance x from a node has weight  w(x) = sinc(x) I₀(b √(1 − (x/r)²)) / I₀(b),  |x| ≤ r, with
r = 4 cells and b = 6.31 (his table 1).  A point on a node is that node.  Weights above a free surface are folded back
onto the mirror node with the field's parity; the rest beyond the padded grid multiplies a field that is zero there.
Where a field is one-sided at the surface, points next to it are interpolated by the polynomial through the first nodes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from seisinv.backends.base import Layout, Points
from seisinv.core import Grid
from seisinv.symbolic.closure import Closure

HALF_WIDTH, SHAPE = 4, 6.31
ONE_SIDED = 6  # nodes below a surface through which a polynomial goes: more would extrapolate worse
ON_NODE = 1e-5  # cells; closer points are taken to be on the node


def kaiser_sinc(x: np.ndarray) -> np.ndarray:
    """Hicks' weight of a node at distance `x` cells."""
    inside = np.clip(1 - (x / HALF_WIDTH) ** 2, 0, None)
    return np.sinc(x) * np.i0(SHAPE * np.sqrt(inside)) / np.i0(SHAPE) * (np.abs(x) <= HALF_WIDTH)


def sample_points(
    positions: np.ndarray, *, grid: Grid, layout: Layout, place: frozenset[int], parity: int, closure: Closure | None
) -> Points:
    """Return the sparse weights of `positions` [n, axis] in metres on a field's nodes in the padded grid.

    `closure` is that of a one-sided free surface.
    """
    entries: dict[tuple[int, int], float] = {}
    for i, position in enumerate(positions):
        axes = [_along(grid, layout, position, k, k in place, parity) for k in range(grid.ndim)]
        if closure is not None:
            axes[0] = _below(axes[0], grid, position[0], 0 in place, parity)
        for combination in itertools.product(*axes):
            index = np.ravel_multi_index(tuple(c for c, _ in combination), layout.shape)
            key = (i, int(index))
            entries[key] = entries.get(key, 0.0) + float(np.prod([w for _, w in combination]))
    keys = sorted(k for k, w in entries.items() if w)
    flat = np.array([c for _, c in keys], np.int64)
    cells, cell = np.unique(flat, return_inverse=True)
    return Points(
        cells=cells,
        point=np.array([i for i, _ in keys], np.int64),
        cell=cell.astype(np.int64),
        weight=np.array([entries[k] for k in keys]),
        count=len(positions),
        mass=None if closure is None else closure.mass(cells // math.prod(layout.shape[1:]), half=0 in place),
    )


def _along(
    grid: Grid, layout: Layout, position: Sequence[float], axis: int, half: bool, parity: int
) -> list[tuple[int, float]]:
    """Nodes and weights along one axis."""
    x = (position[axis] - grid.origin[axis]) / grid.spacing[axis] - (0.5 if half else 0.0)
    nearest = round(x)
    if abs(x - nearest) < ON_NODE:
        nodes, weights = np.array([nearest]), np.ones(1)
    else:
        nodes = np.arange(int(np.floor(x)) - HALF_WIDTH + 1, int(np.floor(x)) + HALF_WIDTH + 1)
        weights = kaiser_sinc(nodes - x)
    out: dict[int, float] = {}
    for node, w in zip((nodes + layout.low[axis]).tolist(), weights.tolist(), strict=True):
        if axis == 0 and layout.free_surface:
            if node < 0:
                node, w = -node - (1 if half else 0), parity * w
            if node == 0 and not half and parity < 0:
                continue
        if 0 <= node < layout.shape[axis]:
            out[node] = out.get(node, 0.0) + w
    return list(out.items())


def _below(
    usual: list[tuple[int, float]], grid: Grid, position: float, half: bool, parity: int
) -> list[tuple[int, float]]:
    """Nodes and weights down from a one-sided surface, where the usual ones would reach above it."""
    x = (position - grid.origin[0]) / grid.spacing[0] - (0.5 if half else 0.0)
    if x >= HALF_WIDTH - 1:
        return usual
    nodes = np.arange(ONE_SIDED)
    weights = [math.prod((x - m) / (n - m) for m in nodes if m != n) for n in nodes]
    return [(int(n), w) for n, w in zip(nodes, weights, strict=True) if w and (n or parity >= 0)]
