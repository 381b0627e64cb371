"""τ of the factored eikonal equation in tensor-product cubic B-splines, by least squares where it is smooth.

min over c of  Σ w r²/2 + μ |c − c₀|²/2,   r = (v² |∇(D τ)|² − 1)/2,   τ = Σ c B(z) B(x)

at two Gauss points per cell and axis. r is quadratic in c, so that Gauss–Newton converges in two or three steps. First
arrivals have folds, where waves from two sides meet and ∇T jumps; there r cannot vanish for any smooth τ, and least
squares would spread that error over the whole field (the equation is hyperbolic, its normal equations are not). So c₀
interpolates the upwind solution, which knows the folds, and w is 0 wherever its residual shows one within two cells.
Outside, what is left is the error of smooth splines: fourth order.
In media whose contrasts fold the front nearly everywhere, c₀ is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix, diags, kron
from scipy.sparse.linalg import splu

from seisinv.core import Grid
from seisinv.core.resampling import bilinear

DEGREE = 3
GAUSS = 2
FOLD = 0.01  # residual of the interpolated upwind solution above which a fold is nearby
SHARP = 0.25  # share of folds beyond which least squares has nothing left to improve
REACH = 2  # cells kept clear on each side of a fold
HOLD = 1e-6  # μ relative to the diagonal of the normal equations; holds τ within folds
STEPS = 4
DONE = 1e-6  # change of c relative to c at which the steps end


@dataclass(frozen=True, eq=False)
class Basis:
    """Cubic B-splines with a knot at every node of a grid, clamped at its sides."""

    grid: Grid

    @cached_property
    def knots(self) -> tuple[np.ndarray, ...]:
        """Knots along each axis, m."""
        return tuple(np.pad(self.grid.coordinates(axis), DEGREE, mode="edge") for axis in self.grid.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of splines along z and x."""
        return tuple(n + DEGREE - 1 for n in self.grid.shape)

    def places(self) -> tuple[np.ndarray, ...]:
        """Return the Greville points along each axis, at which τ determines the splines, m."""
        return tuple(
            np.array([t[k + 1 : k + 1 + DEGREE].mean() for k in range(n)])
            for t, n in zip(self.knots, self.shape, strict=True)
        )

    def interpolate(self, tau: np.ndarray) -> np.ndarray:
        """Return the coefficients of the spline through `tau` [positions along z, along x]."""
        from scipy.interpolate import BSpline

        for axis, x in enumerate(self.places()):
            matrix = splu(BSpline.design_matrix(x, self.knots[axis], DEGREE).tocsc())
            tau = np.moveaxis(matrix.solve(np.ascontiguousarray(np.moveaxis(tau, axis, 0))), 0, axis)
        return tau

    def along(self, axis: int, x: np.ndarray, *, derivative: bool = False) -> csr_matrix:
        """Return the splines of one axis, or their derivatives, at coordinates `x` in metres: [point, spline]."""
        from scipy.interpolate import BSpline

        t = self.knots[axis]
        if not derivative:
            return BSpline.design_matrix(x, t, DEGREE).tocsr()
        n = len(t) - DEGREE - 1
        rate = DEGREE / (t[DEGREE + 1 : DEGREE + n] - t[1:n])
        lower = BSpline.design_matrix(x, t[1:-1], DEGREE - 1).tocsr()
        return (lower @ diags([-rate, rate], [0, 1], shape=(n - 1, n))).tocsr()  # type: ignore[list-item]


class EikonalResidual:
    """Points, velocities and derivatives in which the equation is enforced for any source of a model."""

    def __init__(self, basis: Basis, velocity: np.ndarray) -> None:
        nodes, _ = np.polynomial.legendre.leggauss(GAUSS)
        points = []
        for axis in basis.grid.axes:
            x = basis.grid.coordinates(axis)
            points.append((x[:-1, None] + np.diff(x)[:, None] * (nodes + 1) / 2).ravel())
        z, x = (p.ravel() for p in np.meshgrid(*points, indexing="ij"))
        self.basis, self.points, self.shape = basis, np.stack([z, x], axis=1), tuple(len(p) for p in points)
        value = [basis.along(k, p) for k, p in enumerate(points)]
        slope = [basis.along(k, p, derivative=True) for k, p in enumerate(points)]
        self.value = kron(value[0], value[1], format="csr")
        self.slopes = (kron(slope[0], value[1], format="csr"), kron(value[0], slope[1], format="csr"))
        index, weight = bilinear(basis.grid, self.points)
        self.velocity = (velocity.ravel()[index] * weight).sum(-1)

    def solve(self, source: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, float, float]:
        """Improve the coefficients of one source.

        Parameters
        ----------
        source : (2,) array, m
        guess : array, s/m
            Coefficients of the interpolated upwind solution.

        Returns
        -------
        coefficients : array, s/m
        residual : float
            Root mean square of r outside folds, 0 where the guess was left.
        folded : float
            Share of the points within folds; 1 where there are too many of them and the initial guess is returned.
        """
        from scipy.ndimage import maximum_filter

        step = self.points - source
        distance = np.hypot(*step.T)
        rows = [
            diags(self.velocity * distance) @ self.slopes[k] + diags(self.velocity * step[:, k] / distance) @ self.value
            for k in (0, 1)
        ]
        start = guess.ravel()
        fold = np.abs(sum((a @ start) ** 2 for a in rows) - 1) / 2 > FOLD
        clear = ~maximum_filter(fold.reshape(self.shape), size=2 * REACH * GAUSS + 1).ravel()
        if clear.mean() < 1 - SHARP:
            return guess, 0.0, 1.0
        weight, c, hold = clear.astype(float), start.copy(), None
        for _ in range(STEPS):
            gradient = [a @ c for a in rows]
            r = (gradient[0] ** 2 + gradient[1] ** 2 - 1) / 2
            jacobian = sum(diags(g * weight) @ a for g, a in zip(gradient, rows, strict=True))
            normal = (jacobian.T @ jacobian).tocsc()
            if hold is None:
                hold = np.full(len(c), max(HOLD * float(normal.diagonal().mean()), 1e-300))
            factors = splu(
                (normal + diags(hold)).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True},
                diag_pivot_thresh=0.0,
            )  # fmt: skip
            change = factors.solve(-(jacobian.T @ (weight * r)) - hold * (c - start))
            c = c + change
            if float(np.abs(change).max()) < DONE * float(np.abs(c).max()):
                break
        r = (sum((a @ c) ** 2 for a in rows) - 1) / 2
        return c.reshape(guess.shape), float(np.sqrt(np.mean(r[clear] ** 2))), float(1 - clear.mean())
