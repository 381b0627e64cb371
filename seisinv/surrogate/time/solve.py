"""Least squares by pivoted QR, with the factorisation kept for more right-hand sides.

A = Q R without pivoting, which runs at the speed of matrix products, then R P = Q₂ R₂ with pivoting, which is small;
diagonal entries of R₂ below `cutoff` times the first are dropped, and of all solutions that remain the shortest is
taken (Golub & Van Loan 2013, §5.5).  Columns of zeros, of features that are not used, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CUTOFF = 1e-12


@dataclass(frozen=True, eq=False)
class Factorised:
    """A factorised matrix; make it by `factorise`.  `kept` are the numbers of the columns of all `width` that count."""

    kept: np.ndarray
    width: int
    reflectors: tuple[np.ndarray, np.ndarray]
    turned: np.ndarray
    order: np.ndarray
    lower: np.ndarray
    shortest: np.ndarray

    @property
    def rank(self) -> int:
        """Number of directions that are kept."""
        return len(self.lower)

    def solve(self, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the shortest least-squares solutions [column, field] and their residual norms [field].

        Parameters
        ----------
        right : (rows, fields) array
        """
        from scipy.linalg import lapack, solve_triangular

        q, tau = self.reflectors
        columns = q.shape[1]
        work = int(lapack.dormqr("L", "T", q, tau, right, -1)[1][0])
        rotated, _, _ = lapack.dormqr("L", "T", q, tau, right, work)
        inner = self.turned.T @ rotated[:columns]
        out = self._expand(solve_triangular(self.lower, inner[: self.rank], lower=True))
        left_over = np.sum(inner[self.rank :] ** 2, axis=0) + np.sum(rotated[columns:] ** 2, axis=0)
        return out, np.sqrt(left_over)

    def normal(self, right: np.ndarray) -> np.ndarray:
        """Return the shortest solutions of AᵀA x = `right` [column, field]."""
        from scipy.linalg import solve_triangular

        columns = right[self.kept[self.order]]
        inner = solve_triangular(self.lower, self.shortest.T @ columns, lower=True, trans="T")
        return self._expand(solve_triangular(self.lower, inner, lower=True))

    def _expand(self, inner: np.ndarray) -> np.ndarray:
        """Return all columns' solution from that in the directions that are kept."""
        out = np.zeros((self.width, inner.shape[1]))
        out[self.kept[self.order]] = self.shortest @ inner
        return out


def factorise(matrix: np.ndarray, *, cutoff: float = CUTOFF) -> Factorised:
    """Factorise a matrix [row, column] with at least as many rows as columns; its memory is used."""
    from scipy.linalg import lapack, qr

    kept, width = np.flatnonzero(matrix.any(axis=0)), matrix.shape[1]
    if len(kept) < width:
        matrix = matrix[:, kept]

    work = int(lapack.dgeqrf_lwork(*matrix.shape)[0])
    q, tau, _, _ = lapack.dgeqrf(np.asfortranarray(matrix), work, overwrite_a=True)
    small: tuple[Any, Any, Any] = qr(np.triu(q[: matrix.shape[1]]), pivoting=True, check_finite=False)
    turned, r, order = small
    size = np.abs(np.diag(r))
    rank = max(1, int(np.count_nonzero(size > cutoff * size[0])))
    shortest, lower = qr(r[:rank].T, mode="economic", check_finite=False)
    return Factorised(kept, width, (q, tau), turned, order, lower.T.copy(), shortest)
