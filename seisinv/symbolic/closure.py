"""Draft."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Closure:
    up: np.ndarray
    down: np.ndarray
    mass_whole: np.ndarray
    mass_half: np.ndarray

    @property
    def rows(self) -> int:
        return len(self.up)

    def mass(self, rows: np.ndarray, *, half: bool) -> np.ndarray:
        known = self.mass_half if half else self.mass_whole
        return np.where(rows < len(known), known[np.minimum(rows, len(known) - 1)], 1.0)


@lru_cache(maxsize=16)
def closure(order: int) -> Closure:
    from seisinv.symbolic.weights import weights

    r = order // 2
    w = [float(x) for x in weights(tuple(Fraction(2 * k + 1, 2) - r for k in range(2 * r)), 1)]

    def inner(j: int, i: int) -> float:
        return w[i - j + r - 1] if 0 <= i - j + r - 1 < 2 * r else 0.0

    def solve(degree, nh, nw, n):
        rows, right = [], []
        for j in range(nh):
            for k in range(degree + 1):
                row = np.zeros(nh * nw + nh + nw)
                row[j * nw : (j + 1) * nw] = [float(i) ** k for i in range(nw)]
                row[nh * nw + j] = -k * (j + 0.5) ** (k - 1) if k else 0.0
                rows.append(row)
                right.append(-sum(inner(j, i) * float(i) ** k for i in range(nw, n)))
        for i in range(nw):
            for k in range(degree + 1):
                row = np.zeros(nh * nw + nh + nw)
                row[i : nh * nw : nw] = [-((j + 0.5) ** k) for j in range(nh)]
                row[nh * nw + nh + i] = -k * float(i) ** (k - 1) if k else 0.0
                rows.append(row)
                right.append(sum(inner(j, i) * (j + 0.5) ** k for j in range(nh, n)) + (i == 0 and k == 0))
        x = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
        return x, float(np.abs(np.array(rows) @ x - np.array(right)).max())

    for degree, extra in ((2, 0), (2, 1), (2, 2), (1, 0)) if order > 2 else ((1, 0),):
        nh, nw = r - 1 + extra, r + extra
        n = nw + 2 * r + 4
        x, error = solve(degree, nh, nw, n)
        if error < 1e-9 and (x[nh * nw :] > 0.1).all():
            break
    q = np.array([[inner(j, i) for i in range(n)] for j in range(n)])
    q[:nh, :nw] = x[: nh * nw].reshape(nh, nw)
    mh, mw = np.ones(n), np.ones(n)
    mh[:nh], mw[:nw] = x[nh * nw : nh * nw + nh], x[nh * nw + nh :]
    b, a = q / mh[:, None], -(q.T) / mw[:, None]
    K, W = nw, nw + r
    K = max(nw, r)
    W = K + r
    return Closure(b[:K, :W], a[:K, :W], mw[:K], mh[:K])
