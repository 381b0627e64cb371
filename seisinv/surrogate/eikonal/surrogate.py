"""First-arrival times as a function of source and receiver: T(x, s) = |x − s| τ(x, s).

τ is a sum of cubic B-splines in z and x whose coefficients are found for a set of sources (`splines`), and a cubic
spline in the source's position between them. By reciprocity T(x, s) = T(s, x), so that receivers can be used as
sources where there are fewer of them. Smith, Azizzadenesheli & Ross 2020 (doi:10.1109/TGRS.2020.3039165) and Waheed et
al. 2021 (doi:10.1016/j.cageo.2021.104833) train networks on the same residual.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from seisinv.core import GeometryError, Grid, Model
from seisinv.core.arrays import read_npz
from seisinv.core.files import write_whole
from seisinv.core.resampling import bilinear
from seisinv.surrogate.eikonal.splines import Basis, EikonalResidual
from seisinv.traveltime.eikonal import arrivals

TOGETHER = 8  # sources swept at once: enough to fill vectors, few enough for memory


@dataclass(frozen=True, eq=False)
class Eikonal:
    """First-arrival times between any source of a line and any point of a model.

    Make one with `Eikonal.fit`; it is not differentiable in the velocity: `first_arrivals` is.

    Parameters
    ----------
    grid : Grid
        Grid on which times are defined; its nodes are the knots of the splines.
    sources : (n, 2) array, m
        Sources that were solved for, by increasing x.
    coefficients : (n, kz, kx) array, s/m
    residual : (n,) array
        Root mean square of (v²|∇T|² − 1)/2 outside folds, for each source.
    folded : (n,) array
        Share of the model within folds of the wavefront, where the upwind solution stands.

    Examples
    --------
    >>> from seisinv.core import line
    >>> times = Eikonal.fit(Model(Grid((21, 41), 20.0), vp=2000.0), line(0, 800, every=200))
    >>> bool(abs(times([[0.0, 500.0]], source=[0.0, 100.0])[0] - 0.2) < 1e-9)
    True
    """

    grid: Grid
    sources: np.ndarray
    coefficients: np.ndarray
    residual: np.ndarray
    folded: np.ndarray

    @classmethod
    def fit(
        cls, model: Model, sources: np.ndarray, *, refine: int = 2, progress: Callable[[int], None] | None = None
    ) -> Eikonal:
        """Solve for some sources.

        Parameters
        ----------
        model : Model
            Two-dimensional; vp is taken as bilinear between the nodes.
        sources : (n, 2) array, m
            Positions (z, x), no two at the same x.
        refine : int
            How many times finer than the model the grid of the upwind solution is. Sharp contrasts need 2 or 3; in
            smooth media 1 will do.
        progress : function of the number of sources done, optional

        Returns
        -------
        Eikonal

        Raises
        ------
        GeometryError
            If a source lies outside the model, or the model is not two-dimensional.
        """
        grid, sources = model.grid, np.atleast_2d(np.asarray(sources, float))
        if grid.ndim != 2:
            raise GeometryError(f"the model has {grid.ndim} axes; traveltimes are computed in 2-D sections")
        if not grid.contains(sources).all():
            k = int(np.argmax(~grid.contains(sources)))
            raise GeometryError(f"source {k} at (z, x) = {tuple(sources[k])} m is outside the model {grid.extent}")
        sources = sources[np.argsort(sources[:, 1], kind="stable")]
        vp = model.vp.detach().double().numpy()
        fine = Grid([(n - 1) * refine + 1 for n in grid.shape], [h / refine for h in grid.spacing], grid.origin)
        index, weight = bilinear(grid, _nodes(fine))
        slowness = 1 / (vp.ravel()[index] * weight).sum(-1).reshape(fine.shape)
        basis = Basis(grid)
        residual, found = EikonalResidual(basis, vp), []
        for first in range(0, len(sources), TOGETHER):
            some = sources[first : first + TOGETHER]
            for source, tau in zip(some, arrivals(fine, slowness, some).tau, strict=True):
                found.append(residual.solve(source, basis.interpolate(_sampled(tau, fine, basis))))
                if progress is not None:
                    progress(len(found))
        c, rms, folded = zip(*found, strict=True)
        return cls(grid, sources, np.stack(c), np.array(rms), np.array(folded))

    def __call__(self, positions: np.ndarray, *, source: np.ndarray) -> np.ndarray:
        """Return first-arrival times.

        Parameters
        ----------
        positions : (n, 2) array, (z, x) in m
        source : (2,) array, (z, x) in m

        Returns
        -------
        (n,) array, s

        Raises
        ------
        GeometryError
            If a position lies outside the model, or the source off the line of those that were solved for.
        """
        positions, source = self._checked(positions, source)
        tau, _, _ = self._tau(positions, source)
        return np.asarray(np.linalg.norm(positions - source, axis=1) * tau)

    def gradient(self, positions: np.ndarray, *, source: np.ndarray) -> np.ndarray:
        """Return slowness vectors ∂T/∂(z, x), the exact derivatives of the times.

        Parameters
        ----------
        positions : (n, 2) array, (z, x) in m
        source : (2,) array, (z, x) in m

        Returns
        -------
        (n, 2) array, s/m
        """
        positions, source = self._checked(positions, source)
        tau, dz, dx = self._tau(positions, source)
        step = positions - source
        distance = np.linalg.norm(step, axis=1)[:, None]
        return np.asarray(step / np.maximum(distance, 1e-12) * tau[:, None] + distance * np.stack([dz, dx], axis=1))

    def save(self, file: str | Path) -> None:
        """Write a .npz file.

        Parameters
        ----------
        file : path
        """
        stream = io.BytesIO()
        np.savez_compressed(
            stream, shape=self.grid.shape, spacing=self.grid.spacing, origin=self.grid.origin, sources=self.sources,
            coefficients=self.coefficients, residual=self.residual, folded=self.folded,
        )  # fmt: skip
        write_whole(Path(file), stream.getvalue())

    @classmethod
    def load(cls, file: str | Path) -> Eikonal:
        """Return what `save` wrote.

        Parameters
        ----------
        file : path

        Raises
        ------
        DataError
            If the file holds something else.
        """
        names = ("shape", "spacing", "origin", "sources", "coefficients", "residual", "folded")
        held = read_npz(file, names=names)
        grid = Grid(held["shape"], held["spacing"], held["origin"])
        return cls(grid, *(held[n] for n in names[3:]))

    @cached_property
    def _basis(self) -> Basis:
        return Basis(self.grid)

    def _checked(self, positions: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        positions, source = np.atleast_2d(np.asarray(positions, float)), np.asarray(source, float)
        if not self.grid.contains(positions).all():
            k = int(np.argmax(~self.grid.contains(positions)))
            raise GeometryError(f"position {tuple(positions[k])} m is outside the model {self.grid.extent}")
        x = self.sources[:, 1]
        if not x[0] - 1e-6 <= source[1] <= x[-1] + 1e-6:
            raise GeometryError(
                f"source x is {source[1]:g} m; times were solved for sources from {x[0]:g} to {x[-1]:g} m: fit more"
            )
        depth = float(np.interp(source[1], x, self.sources[:, 0]))
        if abs(depth - source[0]) > 0.1 * self.grid.spacing[0]:
            raise GeometryError(f"source depth is {source[0]:g} m; the line of sources lies at {depth:g} m there")
        return positions, source

    def _tau(self, positions: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, ...]:
        from scipy.interpolate import make_interp_spline

        x = self.sources[:, 1]
        exact = np.flatnonzero(np.abs(x - source[1]) < 1e-6)
        if len(exact):
            share = np.eye(len(x))[exact[0]]
        else:
            near = np.sort(np.argsort(np.abs(x - source[1]), kind="stable")[:6])  # six sources nearby: a local spline
            share = np.zeros(len(x))
            share[near] = make_interp_spline(x[near], np.eye(len(near)), k=min(3, len(near) - 1))(source[1])
        used = np.flatnonzero(share)
        c = np.tensordot(share[used], self.coefficients[used], 1)
        (low, high), (left, right) = self.grid.extent
        z, x = np.clip(positions[:, 0], low, high), np.clip(positions[:, 1], left, right)
        bz, bx = self._basis.along(0, z), self._basis.along(1, x)
        dz, dx = self._basis.along(0, z, derivative=True), self._basis.along(1, x, derivative=True)
        pairs = ((bz, bx), (dz, bx), (bz, dx))
        return tuple(np.asarray(b.multiply(a @ c).sum(1)).ravel() for a, b in pairs)


def _nodes(grid: Grid) -> np.ndarray:
    return np.stack(np.meshgrid(*(grid.coordinates(a) for a in grid.axes), indexing="ij"), axis=-1).reshape(-1, 2)


def _sampled(tau: np.ndarray, grid: Grid, basis: Basis) -> np.ndarray:
    """Return τ of a grid at the points that determine the splines."""
    from scipy.interpolate import RectBivariateSpline

    places = basis.places()
    return np.asarray(RectBivariateSpline(grid.coordinates("z"), grid.coordinates("x"), tau, kx=3, ky=3)(*places))
