"""Least squares for features in subdomains on a grid: every cell's rows see the subdomains next to it only.

Each subdomain's own columns are made orthonormal first (pivoted QR over all rows it appears in; directions below
`cutoff` of the largest are dropped), the Gram matrix of what remains is block-banded and factorised by Cholesky, and
conjugate gradients on the normal equations with this factorisation as preconditioner take away what squaring the
condition number has cost (Golub & Van Loan 2013, §5.3 and §11.5).  The factorisation serves any number of right-hand
sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seisinv.core import StabilityError

CUTOFF = 1e-7
RIDGE = 1e-13  # of the Gram matrix, whose diagonal is 1
STEPS = 12  # of conjugate gradients at most
ENOUGH = 1e-9  # relative residual of the normal equations


@dataclass(frozen=True, eq=False)
class Cells:
    """Factorised rows; make it by `factorise_cells`.

    Parameters
    ----------
    rows : one matrix [row, direction] for each cell
        Already turned into the subdomains' directions.
    windows : the subdomains that each cell's columns belong to
    turns : one (features, directions) matrix for each subdomain
    first : (subdomains + 1,) array of int
        Number of each subdomain's first direction.
    factor : array
        Banded Cholesky factor of the Gram matrix, lower.
    """

    rows: Sequence[np.ndarray]
    windows: Sequence[Sequence[int]]
    turns: Sequence[np.ndarray]
    first: np.ndarray
    factor: np.ndarray

    @property
    def rank(self) -> int:
        """Number of directions that are kept."""
        return int(self.first[-1])

    def solve(self, right: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the coefficients of every subdomain [feature, field] that fit the right-hand sides best.

        Parameters
        ----------
        right : one (rows, fields) array for each cell
        """
        from scipy.linalg import cho_solve_banded

        def precondition(r: np.ndarray) -> np.ndarray:
            return np.asarray(cho_solve_banded((self.factor, True), r, check_finite=False))

        target = self._adjoint(right)
        size = np.maximum(np.linalg.norm(target, axis=0), np.finfo(float).tiny)
        x = precondition(target)
        left = target - self._normal(x)
        z = precondition(left)
        p, rho = z, np.sum(left.conj() * z, 0).real
        for _ in range(STEPS):
            if (np.linalg.norm(left, axis=0) <= ENOUGH * size).all():
                break
            q = self._normal(p)
            step = rho / np.maximum(np.sum(p.conj() * q, 0).real, np.finfo(float).tiny)
            x, left = x + step * p, left - step * q
            z = precondition(left)
            new = np.sum(left.conj() * z, 0).real
            p, rho = z + new / np.maximum(rho, np.finfo(float).tiny) * p, new
        return [t @ x[a:b] for t, a, b in zip(self.turns, self.first, self.first[1:], strict=False)]

    def _normal(self, x: np.ndarray) -> np.ndarray:
        return self._adjoint([rows @ x[self._columns(n)] for n, rows in enumerate(self.rows)])

    def _adjoint(self, values: Sequence[np.ndarray]) -> np.ndarray:
        out = np.zeros((self.rank, values[0].shape[1]), complex)
        for number, (rows, v) in enumerate(zip(self.rows, values, strict=True)):
            out[self._columns(number)] += rows.conj().T @ v
        return out

    def _columns(self, cell: int) -> np.ndarray:
        return columns_of(self.windows[cell], self.first)


def columns_of(windows: Sequence[int], first: np.ndarray) -> np.ndarray:
    """Return the numbers of the directions of some subdomains."""
    return np.concatenate([np.arange(first[w], first[w + 1]) for w in windows])


def factorise_cells(
    rows: Sequence[np.ndarray], windows: Sequence[Sequence[int]], sizes: Sequence[int], *, cutoff: float = CUTOFF
) -> Cells:
    """Factorise.

    Parameters
    ----------
    rows : for each cell, a matrix [row, feature of its subdomains]
    windows : for each cell, the numbers of its subdomains, ascending; near ones should have near numbers
    sizes : features of each subdomain
    cutoff : float
        Directions of a subdomain below this share of its largest are dropped.

    Raises
    ------
    StabilityError
        If the rows do not determine the coefficients.
    """
    from scipy.linalg import LinAlgError, cholesky_banded

    parts: list[list[np.ndarray]] = [[] for _ in sizes]
    for a, near in zip(rows, windows, strict=True):
        for piece, w in zip(_pieces(a, near, sizes), near, strict=True):
            parts[w].append(piece)
    turns = [orthonormal(np.concatenate(p), cutoff) for p in parts]
    first = np.concatenate([[0], np.cumsum([t.shape[1] for t in turns])])
    turned = [
        np.concatenate([piece @ turns[w] for piece, w in zip(_pieces(a, near, sizes), near, strict=True)], axis=1)
        for a, near in zip(rows, windows, strict=True)
    ]
    width = max(int(first[max(near) + 1] - first[min(near)]) for near in windows)
    band = np.zeros((width, int(first[-1])), complex, order="F")
    for a, near in zip(turned, windows, strict=True):
        index = columns_of(near, first)
        gram = a.conj().T @ a
        for k, column in enumerate(index):
            low = index[k:]  # ascending, since subdomains of a cell are
            band[low - column, column] += gram[k:, k]
    band[0] = band[0].real + RIDGE
    try:
        factor = cholesky_banded(band, overwrite_ab=True, lower=True, check_finite=False)
    except LinAlgError:
        raise StabilityError(
            "the equation does not determine all coefficients; lower oversampling, which gives fewer features, or seed"
        ) from None
    return Cells(turned, windows, turns, first, factor)


def _pieces(matrix: np.ndarray, windows: Sequence[int], sizes: Sequence[int]) -> list[np.ndarray]:
    """Return the columns of each subdomain."""
    return np.split(matrix, np.cumsum([sizes[w] for w in windows])[:-1], axis=1)


def orthonormal(matrix: np.ndarray, cutoff: float) -> np.ndarray:
    """Return T such that matrix @ T is orthonormal [feature, direction]."""
    from scipy.linalg import qr, solve_triangular

    r = np.linalg.qr(matrix, mode="r")
    _, r, order = qr(r, mode="economic", pivoting=True, check_finite=False)
    size = np.abs(np.diag(r))
    rank = max(1, int(np.count_nonzero(size > cutoff * size[0])))
    out = np.zeros((matrix.shape[1], rank), complex)
    out[order[:rank]] = solve_triangular(r[:rank, :rank], np.eye(rank), check_finite=False)
    return out
