"""Wavefields that fit an equation and data at once, in plane waves that do not depend on the model.

    minimise over a   ‖A(m) a − b‖² + λ² ‖P a − d‖²,   A(m) = (m ∂²/∂t² − L) Φ / k²,   m = 1/c²

(van Leeuwen & Herrmann 2013, doi 10.1093/gji/ggt258, eq. 8; there on finite differences).  b carries the source through
its background field, d are the data less that field.  A is linear in m: both of its parts are read once from the
equations, and their columns are turned so that A of the first model is orthonormal.  λ² is `data_weight` over the
largest eigenvalue of P (AᴴA)⁻¹ Pᴴ (van Leeuwen & Herrmann 2016, doi 10.1088/0266-5611/32/1/015007): below 1 the
equation is kept and the data are missed, above 1 the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np

from seisinv.core import ConfigError, Model, ModelError
from seisinv.core.resampling import bilinear, grid_over, linear
from seisinv.physics import Acoustic, Physics
from seisinv.surrogate.frequency.cells import orthonormal
from seisinv.surrogate.frequency.hankel import HarmonicBackground
from seisinv.surrogate.frequency.helmholtz import COARSEST, ROWS, Helmholtz
from seisinv.surrogate.jets import Functions

LARGEST = 4000  # plane waves of one dense solve
CUTOFF = 1e-8
LAYER = 1.0  # width of the absorbing layers in shortest wavelengths


@dataclass(frozen=True, eq=False)
class Fields:
    """What a solve gives, at the points of the rows.

    Parameters
    ----------
    value : (points, sources) array
        −ω² u / k² of the whole field.
    space : (points, sources) array
        L u / k², the part of the equation without m.
    received : (receivers, sources) array
        The whole field at the receivers.
    """

    value: np.ndarray
    space: np.ndarray
    received: np.ndarray


@dataclass(frozen=True, eq=False)
class ReconstructedFields:
    """Fields at one frequency in any model between two velocities.

    Parameters
    ----------
    physics : Physics
        Acoustic.
    start : Model
        Gives the grid, and a first m.
    frequency : float, Hz
    velocities : (lowest, highest), m/s
    sources, receivers : (n, 2) arrays, (z, x) in m
    oversampling : float
        Features per wave; see `Helmholtz`.

    Raises
    ------
    ModelError
        If the physics is another.
    ConfigError
        If the frequency needs more plane waves than a dense solve holds.
    """

    physics: Physics
    start: Model
    frequency: float
    velocities: tuple[float, float]
    sources: np.ndarray
    receivers: np.ndarray
    oversampling: float = 2.5

    def __post_init__(self) -> None:
        if self.physics != Acoustic():
            raise ModelError(f"the physics is {self.physics.name}; wavefield reconstruction is written for acoustic")
        coarsest = self.velocities[0] / self.frequency / COARSEST
        if max(self.start.grid.spacing) > coarsest:
            raise ModelError(
                f"the model has a node every {max(self.start.grid.spacing):g} m; {self.frequency:g} Hz at "
                f"{self.velocities[0]:g} m/s needs one every {coarsest:.3g} m: refine it, or lower the frequency"
            )
        if self.surrogate.needed > LARGEST:
            raise ConfigError(
                f"frequency {self.frequency:g} Hz at {self.velocities[0]:g} m/s needs {self.surrogate.needed} "
                f"plane waves; one solve holds {LARGEST}: lower the frequency, raise the lower bound, or cut the model"
            )

    def solve(
        self, m: np.ndarray, data: np.ndarray | None, *, data_weight: float, equation: np.ndarray | float = 0.0
    ) -> Fields:
        """Return the fields of all sources.

        Parameters
        ----------
        m : (nz, nx) array, s²/m²
        data : (receivers, sources) array or None
            Of sources of amplitude 1; NaN where there is none; None to solve the equation alone.
        data_weight : float
        equation : (points, sources) array
            What is added to the right-hand side of the equation's rows.
        """
        from scipy.linalg import cho_factor, cho_solve
        from scipy.linalg.blas import zherk

        at = (self.spread @ m.ravel())[:, None]
        waves = [self._background(s, m) for s in self.sources]
        known = [self._parts(w, self.points) for w in waves]
        value, space = (np.concatenate([k[n] for k in known], axis=1) for n in (0, 1))
        time, rest = self._features
        matrix = at * time - rest
        right = equation - (at * value - space)
        gram = zherk(1.0, matrix, trans=2, lower=True) + self._edges  # its lower triangle
        gram[np.diag_indices_from(gram)] += CUTOFF**2
        target = matrix.conj().T @ right
        received = self._receivers
        near = np.concatenate([w.matrix(self.receivers) for w in waves], axis=1)
        a = cho_solve(factor := cho_factor(gram, lower=True), target)
        if data is not None:
            a = self._with_data(factor, a, data - near, data_weight)
        return Fields(value + time @ a, space + rest @ a, near + received @ a)

    def _with_data(
        self, factor: tuple[np.ndarray, bool], a: np.ndarray, data: np.ndarray, data_weight: float
    ) -> np.ndarray:
        """Return the solution with data rows from that without: a + V (1/λ² + P V)⁻¹ (d − P a), V = (AᴴA)⁻¹ Pᴴ."""
        from scipy.linalg import cho_solve

        response = cho_solve(factor, self._receivers.conj().T)
        small = self._receivers @ response
        weight = data_weight / float(np.linalg.eigvalsh(small)[-1])
        out = a.copy()
        live = np.isfinite(data)
        # Sources with the same live receivers share a solve.
        for pattern in np.unique(live, axis=1).T:
            if not pattern.any():
                continue
            which = (live == pattern[:, None]).all(0)
            inner = small[np.ix_(pattern, pattern)] + np.eye(int(pattern.sum())) / weight
            missing = data[np.ix_(pattern, which)] - self._receivers[pattern] @ a[:, which]
            out[:, which] += response[:, pattern] @ np.linalg.solve(inner, missing)
        return out

    @cached_property
    def surrogate(self) -> Helmholtz:
        """Features and layers; its model is a constant one that separates the two parts of the equation."""
        low, high = self.velocities
        # Rows are as dense as the plane waves need, not as the model: on a grid of its own.
        extent, step = self.start.grid.extent, low / self.frequency / ROWS
        grid = grid_over(extent, [max(2, ceil((end - first) / step) + 1) for first, end in extent])
        middle = Model(grid, vp=0.5 * (low + high))
        return Helmholtz(
            Acoustic(), middle, self.frequency, velocities=self.velocities, oversampling=self.oversampling, layer=LAYER
        )

    @cached_property
    def points(self) -> np.ndarray:
        """Points of the equation's rows, none on a source."""
        points = self.surrogate.points(0.5)
        gap = np.linalg.norm(points[:, None] - self.sources[None], axis=-1).min(1)
        return points[gap > 1e-3 * self.surrogate.shortest]

    @cached_property
    def spread(self) -> Any:
        """Linear interpolation from nodes to points, the edge's value beyond it [point, node]."""
        from scipy.sparse import csr_matrix

        index, weight = bilinear(self.start.grid, self.points)
        rows = np.repeat(np.arange(len(index)), 4)
        shape = (len(index), self.start["vp"].numel())
        return csr_matrix((weight.ravel(), (rows, index.ravel())), shape=shape)

    @cached_property
    def _scale(self) -> float:
        """1 / k² times m̄: rows are then of the size of u."""
        low, high = self.velocities
        return (0.5 * (low + high) / self.surrogate.omega) ** 2

    def _parts(self, functions: Functions, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ∂²φ/∂t² and Lφ, scaled: the residual in a medium of vp = c is ∂²φ/∂t² − c² Lφ."""
        middle = float(self.surrogate.model["vp"][0, 0])
        time = functions.matrix(points, (0, 0, 2))
        return time * self._scale, (time - self.surrogate.residual.matrix(functions, points)) / middle**2 * self._scale

    @cached_property
    def _everything(self) -> Functions:
        basis = self.surrogate.basis
        return basis.windows(range(len(basis.waves)))

    @cached_property
    def _turn(self) -> np.ndarray:
        """T such that A(m) T is orthonormal for the first m [feature, direction]."""
        time, rest = self._raw
        m = 1 / self.start["vp"].detach().double().numpy().ravel() ** 2
        edge = self._everything.matrix(self.surrogate.edge_points())
        return orthonormal(np.concatenate([(self.spread @ m)[:, None] * time - rest, edge]), CUTOFF)

    @cached_property
    def _features(self) -> tuple[np.ndarray, np.ndarray]:
        time, rest = self._raw
        return time @ self._turn, rest @ self._turn

    @cached_property
    def _raw(self) -> tuple[np.ndarray, np.ndarray]:
        return self._parts(self._everything, self.points)

    @cached_property
    def _edges(self) -> np.ndarray:
        edge = self._everything.matrix(self.surrogate.edge_points()) @ self._turn
        return np.asarray(edge.conj().T @ edge)

    @cached_property
    def _receivers(self) -> np.ndarray:
        return np.asarray(self._everything.matrix(self.receivers) @ self._turn)

    def _background(self, source: np.ndarray, m: np.ndarray) -> HarmonicBackground:
        """Return the field of a source in the velocity that the model has there."""
        speed = float(linear(self.start.grid, m, source[None])[0]) ** -0.5
        return HarmonicBackground((float(source[0]), float(source[1])), speed, self.surrogate.layers)
