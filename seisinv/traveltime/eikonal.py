"""First arrivals on a grid: factored upwind differences, solved by sweeps over lines, and their exact adjoint.

|∇(D τ)|² = s²,   D the distance from the source, τ the mean slowness along the path

T = D τ takes the singularity at the source out of what is differenced (Fomel, Luo & Zhao 2009,
doi:10.1016/j.jcp.2009.05.029; Luo & Qian 2012, doi:10.1007/s10915-011-9550-y). Differences of τ are one-sided, of
second order where two nodes lie upwind and of first order elsewhere. A whole diagonal of nodes and all sources are
updated at once, towards the four corners in turn (Zhao 2005, doi:10.1090/S0025-5718-04-01678-3; Detrixhe, Gibou & Min
2013, doi:10.1016/j.jcp.2012.11.042). The solution fulfils a sparse system that is triangular in the order of arrival;
its derivative and the transpose of it are sparse solves (Treister & Haber 2016, doi:10.1016/j.jcp.2016.08.012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seisinv.core import Grid
from seisinv.core.resampling import bilinear

if TYPE_CHECKING:
    from scipy.sparse.linalg import SuperLU

ROUNDS = 12  # each is four sweeps; 4 or 5 are usual
CLOSE = 1e-6  # relative change of τ at which sweeping ends
NEAR = 1.5  # cells about the source in which τ is the mean slowness of both ends
UNREACHED = 10.0  # s/m, slower than any rock
PAD = 2  # nodes beyond each side that are never reached


@dataclass(frozen=True, eq=False)
class Arrivals:
    """First-arrival times of several sources on a grid.

    Parameters
    ----------
    grid : Grid
    slowness : (nz, nx) array, s/m
    sources : (n, 2) array, m
        Positions (z, x).
    tau : (n, nz, nx) array, s/m
        Time divided by distance.

    Examples
    --------
    >>> found = arrivals(Grid((11, 21), 10.0), np.full((11, 21), 1 / 2000.0), np.array([[0.0, 0.0]]))
    >>> found.times.shape, round(float(found.times[0, 0, -1]), 6)
    ((1, 11, 21), 0.1)
    >>> found.at(0, np.array([[0.0, 145.0]])).round(6)
    array([0.0725])
    """

    grid: Grid
    slowness: np.ndarray
    sources: np.ndarray
    tau: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """Times [source, z, x], s."""
        return np.asarray(self.tau * np.stack([distances(self.grid, s)[0] for s in self.sources]))

    def at(self, source: int, positions: np.ndarray) -> np.ndarray:
        """Return the times, s, from one source at `positions` [n, 2] in metres: distance × τ between the nodes."""
        index, weight = bilinear(self.grid, positions)
        tau = (self.tau[source].ravel()[index] * weight).sum(-1)
        return np.asarray(np.linalg.norm(positions - self.sources[source], axis=1) * tau)


def arrivals(grid: Grid, slowness: np.ndarray, sources: np.ndarray, *, guess: np.ndarray | None = None) -> Arrivals:
    """Solve the eikonal equation for several sources.

    Parameters
    ----------
    grid : Grid
    slowness : (nz, nx) array, s/m
    sources : (n, 2) array, m
    guess : (n, nz, nx) array, s/m, optional
        τ of a similar model, from which fewer sweeps are needed.

    Returns
    -------
    Arrivals

    Examples
    --------
    >>> found = arrivals(Grid((11, 21), 10.0), np.full((11, 21), 1 / 2000.0), np.array([[0.0, 0.0]]))
    >>> float(found.times[0, -1, 0].round(6))
    0.05
    """
    state = _State(grid, slowness, sources)
    if guess is None:
        state.sweep(second=False)
    else:
        tau = state.inner(state.tau)
        tau[:] = np.where(state.inner(state.free), guess, tau)
        state.times = state.tau * state.distance
    state.sweep(second=True)
    return Arrivals(grid, slowness, sources, state.inner(state.tau).copy())


class Linearised(NamedTuple):
    """A δτ = b δs + C δs for one source: A triangular in the order of arrival and kept factorised, b a diagonal.

    C lifts the slowness at the source to the nodes near it.
    """

    factors: SuperLU
    order: np.ndarray
    diagonal: np.ndarray
    near: np.ndarray
    corner: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, solved: Arrivals, source: int) -> Linearised:
        """Collect the rows of one source and factorise them."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.linalg import splu

        here = solved.sources[source : source + 1]
        state = _State(solved.grid, solved.slowness, here)
        state.inner(state.tau)[:] = solved.tau[source]
        state.times = state.tau * state.distance
        every = slice(PAD * (state.shape[1] + 1), (state.shape[0] - PAD) * state.shape[1] - PAD, 1)
        free, n = state.inner(state.free).ravel(), solved.slowness.size
        diagonal, entries = np.zeros(n), []
        for axis in (0, 1):
            step = state.difference(every, axis, second=True)
            p = np.maximum(step.a * state.tau[:, every] - step.b, 0)
            a, q, p, back, two = (
                state.inner(state.spread(v, every)).ravel() for v in (step.a, step.q, p, step.back, step.second)
            )
            diagonal += p * a
            node = np.flatnonzero(free & (p > 0))
            stride = solved.slowness.shape[1] if axis == 0 else 1
            toward, q, two = np.where(back > 0, -stride, stride)[node], (p * q)[node], two[node] > 0
            entries.append((node, node + toward, -q * np.where(two, 2.0, 1.0)))
            entries.append((node[two], (node + 2 * toward)[two], 0.5 * q[two]))
        rows, columns, values = (np.concatenate(x) for x in zip(*entries, strict=True))
        diagonal = np.where(free & (diagonal > 0), diagonal, 1.0)
        order = np.argsort(state.inner(state.times), axis=None, kind="stable")
        place = np.empty(n, int)
        place[order] = np.arange(n)
        rows, columns = np.append(place[rows], place), np.append(place[columns], place)
        matrix = coo_matrix((np.append(values, diagonal), (rows, columns)), shape=(n, n)).tocsc()
        factors = splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        index, weight = bilinear(solved.grid, here)
        right = np.where(free, solved.slowness.ravel(), 0.5)
        return cls(factors, order, right, np.flatnonzero(~free), (index[0], weight[0]))

    def forward(self, change: np.ndarray) -> np.ndarray:
        """Return δτ [node, k] for changes of the slowness [node, k], s/m."""
        right = self.diagonal[:, None] * change
        index, weight = self.corner
        right[self.near] += 0.5 * weight @ change[index]
        out = np.empty_like(right)
        out[self.order] = self.factors.solve(right[self.order])
        return out

    def adjoint(self, weights: np.ndarray) -> np.ndarray:
        """Return the gradient [node, k] with respect to the slowness, for weights [node, k] on τ."""
        back = np.empty_like(weights)
        back[self.order] = self.factors.solve(weights[self.order], trans="T")
        out = self.diagonal[:, None] * back
        index, weight = self.corner
        np.add.at(out, index, 0.5 * weight[:, None] * back[self.near].sum(0))
        return np.asarray(out)


class _Difference(NamedTuple):
    """An upwind difference along an axis: ∂T = ±(a τ − b), with b = q × (neighbours)."""

    a: np.ndarray
    b: np.ndarray
    q: np.ndarray
    back: np.ndarray
    second: np.ndarray


class _State:
    """τ and T of all sources [source, node] while they are swept, on a grid with unreachable nodes around it."""

    def __init__(self, grid: Grid, slowness: np.ndarray, sources: np.ndarray) -> None:
        wide = Grid(
            [n + 2 * PAD for n in grid.shape],
            grid.spacing,
            [o - PAD * h for o, h in zip(grid.origin, grid.spacing, strict=True)],
        )
        self.shape, self.h = wide.shape, grid.spacing
        self.slowness = np.pad(slowness, PAD, mode="edge").reshape(1, -1)
        parts = [[a.ravel() for a in distances(wide, source)] for source in sources]
        self.distance, *self.slope = (np.stack(part) for part in zip(*parts, strict=True))
        inside = np.zeros(wide.shape, bool)
        inside[PAD:-PAD, PAD:-PAD] = True
        index, weight = bilinear(wide, sources)
        here = (self.slowness[0, index] * weight).sum(-1, keepdims=True)
        near = (self.distance < NEAR * max(grid.spacing)) & inside.ravel()
        self.free = inside.ravel() & ~near
        self.tau = np.where(near, 0.5 * (here + self.slowness), UNREACHED)
        self.times = self.tau * self.distance

    def inner(self, values: np.ndarray) -> np.ndarray:
        """Return the nodes [source, z, x] of the grid itself."""
        return values.reshape(-1, *self.shape)[:, PAD:-PAD, PAD:-PAD]

    def spread(self, values: np.ndarray, nodes: slice) -> np.ndarray:
        """Return values of some nodes in an array of all of them."""
        out = np.zeros((len(values), self.tau.shape[1]))
        out[:, nodes] = values
        return out

    def sweep(self, *, second: bool) -> None:
        """Update diagonal after diagonal, towards each corner in turn, until nothing changes."""
        down, up = _diagonals(self.shape)
        for _ in range(ROUNDS):
            before = self.tau.copy()
            for diagonals in (down, down[::-1], up, up[::-1]):
                for nodes in diagonals:
                    self._update(nodes, second=second)
            if float(np.abs(self.tau / before - 1).max()) < CLOSE:
                break

    def difference(self, nodes: slice, axis: int, *, second: bool) -> _Difference:
        """Return the difference towards the earlier neighbour of each of some nodes."""
        stride = self.shape[1] if axis == 0 else 1
        m2, m1, p1, p2 = (slice(nodes.start + k * stride, nodes.stop + k * stride, nodes.step) for k in (-2, -1, 1, 2))
        t, tau = self.times, self.tau
        tm, tp = t[:, m1], t[:, p1]
        back = tm <= tp
        near = np.where(back, tau[:, m1], tau[:, p1])
        slope, q = self.slope[axis][:, nodes], self.distance[:, nodes] / self.h[axis]
        a = np.where(back, slope, -slope)
        if not second:
            return _Difference(np.maximum(a + q, 1e-3), q * near, q, back, np.zeros(1, bool))
        two = np.where(back, t[:, m2] <= tm, t[:, p2] <= tp)
        far = np.where(back, tau[:, m2], tau[:, p2])
        a = np.maximum(a + q + 0.5 * two * q, 1e-3)
        return _Difference(a, q * (near + two * (near - 0.5 * far)), q, back, two)

    def _update(self, nodes: slice, *, second: bool) -> None:
        s, old = self.slowness[:, nodes], self.tau[:, nodes]
        z, x = (self.difference(nodes, axis, second=second) for axis in (0, 1))
        square, cross = z.a * z.a + x.a * x.a, z.a * z.b + x.a * x.b
        root = cross * cross - square * (z.b * z.b + x.b * x.b - s * s)
        both = (cross + np.sqrt(np.maximum(root, 0))) / square
        single = np.minimum((z.b + s) / z.a, (x.b + s) / x.a)
        new = np.where((root >= 0) & (z.a * both >= z.b) & (x.a * both >= x.b), both, single)
        if not second:
            new = np.minimum(new, old)
        self.tau[:, nodes] = new = np.where(self.free[:, nodes], new, old)
        self.times[:, nodes] = new * self.distance[:, nodes]


def _diagonals(shape: tuple[int, ...]) -> tuple[list[slice], list[slice]]:
    """Return the nodes with equal z + x, and those with equal z − x: none depends on another of its diagonal."""
    (nz, nx), width = (n - 2 * PAD for n in shape), shape[1]
    down, up = [], []
    for k in range(nz + nx - 1):
        first, last = max(0, k - nx + 1), min(nz - 1, k)
        start = (first + PAD) * width + k - first + PAD
        down.append(slice(start, start + (last - first) * (width - 1) + 1, width - 1))
        start = (first + PAD) * width + nx - 1 - (k - first) + PAD
        up.append(slice(start, start + (last - first) * (width + 1) + 1, width + 1))
    return down, up


def distances(grid: Grid, source: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distance of every node from a source, m, and its derivatives along z and x."""
    dz = grid.coordinates("z")[:, None] - source[0]
    dx = grid.coordinates("x")[None] - source[1]
    distance = np.hypot(dz, dx)
    safe = np.maximum(distance, 1e-9)
    return distance, dz / safe, dx / safe
