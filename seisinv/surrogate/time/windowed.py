"""Least squares in many subdomains: sparse, by QR of every subdomain and a Cholesky factor of their overlaps.

The columns A_j of subdomain j are zero but in the rows of points inside it. A ridge is added to them, one row λ a_k = 0
for every coefficient (Tikhonov regularisation): without it, features that cancel at the rows but not between them can
grow from one time window to the next. QR of each subdomain with its ridge, A_j = Q_j R_j, gives orthonormal columns
Q = [Q₁ Q₂ …] (preconditioning by subdomains: van Beek, Dolean & Moseley 2025, doi 10.1016/j.cma.2025.118583).
Subdomains overlap with few others: in strips along one axis QᵀQ + δ² is block tridiagonal, and its Cholesky factor Cᵀ C
makes Q C⁻¹ nearly orthonormal. LSQR (Paige & Saunders 1982) on that needs a few steps, which restore the accuracy lost
by squaring; the factors are kept for more right-hand sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from seisinv.surrogate.features import Features
from seisinv.surrogate.time.rows import Rows

RIDGE = 1e-4  # λ over the largest column of a subdomain
DAMPING = 1e-6  # δ: combinations of orthonormal columns that are smaller are damped
STEPS, ACCURACY = 10, 1e-6  # of LSQR


@dataclass(frozen=True, eq=False)
class Subdomain:
    """A factorised subdomain: its rows, Q in them and in those of the ridge, R, and the position of its columns.

    `place` counts features that are used, in the order of strips.
    """

    rows: np.ndarray
    q: np.ndarray
    ridge: np.ndarray
    r: np.ndarray
    place: slice


@dataclass(frozen=True, eq=False)
class Windowed:
    """A factorised sparse matrix; make it by `factorise_windows`."""

    windows: tuple[Subdomain, ...]
    strips: tuple[slice, ...]
    diagonal: tuple[np.ndarray, ...]
    upper: tuple[np.ndarray, ...]
    size: tuple[int, int]

    @property
    def rank(self) -> int:
        """Number of columns: of features that are used."""
        return self.strips[-1].stop

    def solve(self, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return least-squares solutions [column, field] and their residual norms [field]."""
        from scipy.sparse.linalg import LinearOperator, lsqr

        operator = LinearOperator(
            (self.size[0] + self.rank, self.rank),
            matvec=lambda y: self._forward(self._inverse(y)),
            rmatvec=lambda b: self._inverse_transposed(self._adjoint(b)),
            dtype=float,
        )
        padded = np.pad(right, ((0, self.rank), (0, 0)))  # the ridge asks for zeros
        found = [lsqr(operator, b, atol=ACCURACY, btol=ACCURACY, iter_lim=STEPS)[0] for b in padded.T]
        y = self._inverse(np.stack(found, 1))
        left = [np.linalg.norm((b - self._forward(v))[: self.size[0]]) for b, v in zip(padded.T, y.T, strict=True)]
        return self._expand(y), np.array(left)

    def normal(self, right: np.ndarray) -> np.ndarray:
        """Return (AᵀA + λ²)⁻¹ applied to `right` [column, field]."""
        from scipy.linalg import solve_triangular

        y = np.empty((self.rank, right.shape[1]))
        for number, w in enumerate(self.windows):
            columns = right.reshape(len(self.windows), -1, right.shape[1])[number, : len(w.r)]
            y[w.place] = solve_triangular(w.r, columns, trans="T", check_finite=False)
        return self._expand(self._inverse(self._inverse_transposed(y)))

    def _expand(self, y: np.ndarray) -> np.ndarray:
        """Return coefficients of features from those of orthonormal columns."""
        from scipy.linalg import solve_triangular

        out = np.zeros((len(self.windows), self.size[1] // len(self.windows), y.shape[1]))
        for number, w in enumerate(self.windows):
            out[number, : len(w.r)] = solve_triangular(w.r, y[w.place], check_finite=False)
        return out.reshape(self.size[1], -1)

    def _forward(self, y: np.ndarray) -> np.ndarray:
        out = np.zeros(self.size[0] + self.rank)
        own = out[self.size[0] :]
        for w in self.windows:
            out[w.rows] += w.q @ y[w.place]
            own[w.place] = w.ridge @ y[w.place]
        return out

    def _adjoint(self, b: np.ndarray) -> np.ndarray:
        own = b[self.size[0] :]
        out = np.empty(self.rank)
        for w in self.windows:
            out[w.place] = w.q.T @ b[w.rows] + w.ridge.T @ own[w.place]
        return out

    def _inverse(self, y: np.ndarray) -> np.ndarray:
        """Solve C x = y."""
        from scipy.linalg import solve_triangular

        x = np.empty_like(y)
        for i in reversed(range(len(self.strips))):
            b = y[self.strips[i]]
            if i + 1 < len(self.strips):
                b = b - self.upper[i] @ x[self.strips[i + 1]]
            x[self.strips[i]] = solve_triangular(self.diagonal[i], b, check_finite=False)
        return x

    def _inverse_transposed(self, y: np.ndarray) -> np.ndarray:
        """Solve Cᵀ x = y."""
        from scipy.linalg import solve_triangular

        x = np.empty_like(y)
        for i, strip in enumerate(self.strips):
            b = y[strip]
            if i:
                b = b - self.upper[i - 1].T @ x[self.strips[i - 1]]
            x[strip] = solve_triangular(self.diagonal[i], b, trans="T", check_finite=False)
        return x


def factorise_windows(rows: Sequence[Rows], features: Features) -> Windowed:
    """Factorise the rows of features in subdomains."""
    counts = [p.count for p in features.partitions]
    axis = int(np.argmax(counts[:2]))  # strips lie across it
    reach = ceil(features.partitions[axis].overlap) - 1  # subdomains further apart do not overlap
    cells = features.cells
    strip_of = [c[axis] // reach for c in cells]
    order = sorted(range(len(cells)), key=lambda w: strip_of[w])  # stable
    windows = _windows(rows, features, order)
    strips = []
    for s in range(max(strip_of) + 1):
        mine = [windows[w].place for w in order if strip_of[w] == s]
        strips.append(slice(mine[0].start, mine[-1].stop))
    size = (sum(len(r) for r in rows), features.count)
    diagonal, upper = _overlaps(windows, strip_of, strips, size[0])
    _cholesky(diagonal, upper)
    return Windowed(tuple(windows), tuple(strips), tuple(diagonal), tuple(upper), size)


def _windows(rows: Sequence[Rows], features: Features, order: Sequence[int]) -> list[Subdomain]:
    """Return the subdomains' QR with the ridge, in their own order; columns follow `order`."""
    from scipy.linalg import qr

    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in order]
    first = 0
    for r in rows:
        for at, window, values in r.pieces(features):
            parts[window].append((first + at, values))
        first += len(r)
    out: dict[int, Subdomain] = {}
    start = 0
    for window in order:
        if not parts[window]:  # of a part of the model that does not reach there
            none = np.zeros((0, 0))
            out[window] = Subdomain(np.zeros(0, int), none, none, none, slice(start, start))
            continue
        at = np.concatenate([a for a, _ in parts[window]])
        block = np.concatenate([b for _, b in parts[window]])
        parts[window] = []
        columns = block.shape[1]
        ridge = RIDGE * float(np.linalg.norm(block, axis=0).max()) * np.eye(columns)
        q, r = qr(np.concatenate([block, ridge]), mode="economic", check_finite=False, overwrite_a=True)
        place = slice(start, start + columns)
        out[window] = Subdomain(at, q[: len(at)], q[len(at) :], r, place)
        start += columns
    return [out[w] for w in range(len(order))]


def _overlaps(
    windows: Sequence[Subdomain], strip_of: Sequence[int], strips: Sequence[slice], height: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the blocks of QᵀQ + δ² on and above the diagonal of strips."""
    width = [s.stop - s.start for s in strips]
    diagonal = [(1 + DAMPING**2) * np.eye(n) for n in width]
    upper = [np.zeros(shape) for shape in pairwise(width)]
    at = np.full(height, -1)
    for j, right in enumerate(windows):
        at[right.rows] = np.arange(len(right.rows))
        for i, left in enumerate(windows):
            step = strip_of[j] - strip_of[i]
            if i == j or step not in (0, 1):
                continue
            found = at[left.rows]
            both = found >= 0
            if not both.any():
                continue
            s, t = strips[strip_of[i]].start, strips[strip_of[j]].start
            target = diagonal[strip_of[i]] if step == 0 else upper[strip_of[i]]
            block = left.q[both].T @ right.q[found[both]]
            target[left.place.start - s : left.place.stop - s, right.place.start - t : right.place.stop - t] = block
        at[right.rows] = -1
    return diagonal, upper


def _cholesky(diagonal: list[np.ndarray], upper: list[np.ndarray]) -> None:
    """Replace the blocks of a matrix by those of its Cholesky factor."""
    from scipy.linalg import cholesky, solve_triangular

    for i in range(len(diagonal)):
        if i:
            diagonal[i] = diagonal[i] - upper[i - 1].T @ upper[i - 1]
        diagonal[i] = cholesky(diagonal[i], check_finite=False)
        if i < len(upper):
            upper[i] = solve_triangular(diagonal[i], upper[i], trans="T", check_finite=False)
