"""A physics-informed surrogate of time-harmonic fields in 2-D, solved by least squares.

    u = u₀ + Σ_j Σ_k a_jk φ_jk

u₀ is the field of the source in a constant medium (`background`), φ are plane waves in subdomains (`planes`).  For a
given model the equation is linear in a.  Its residual is that of the simulator's `equations()`, with ∂²/∂t² = −ω²
(features vary as e^{iωt}) and absorbing layers by complex stretching (`stretch`).

Rows are cosine transforms of the residual over each cell, mode κ weighted by 1 / (1 + 2 κ²/k²): what the inverse of the
equation makes of it.  Unweighted rows spend the features on rough parts of the residual that have little effect on
the field (with the same features the error on a part of Marmousi was 8.8 % instead of 2.7 %).  On the outer
edge u − u₀ = 0.

Literature: subdomains, Moseley, Markham & Nissen-Meyer 2023 (doi 10.1007/s10444-023-10065-9); scattered field,
Alkhalifah, Song, bin Waheed & Hao 2021 (arXiv 2106.01433); plane waves in a partition of unity, Melenk & Babuška 1996.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil, pi

import numpy as np

from seisinv.core import ConfigError, GeometryError, Model, ModelError, StabilityError
from seisinv.physics import Physics
from seisinv.surrogate.checks import check_positive
from seisinv.surrogate.features import Partition
from seisinv.surrogate.frequency.cells import Cells, factorise_cells
from seisinv.surrogate.frequency.hankel import HarmonicBackground
from seisinv.surrogate.frequency.harmonic import HarmonicField
from seisinv.surrogate.frequency.planes import PlaneWaves, discs
from seisinv.surrogate.frequency.stretch import Layer, LayeredMedium, stretched
from seisinv.surrogate.residual import Residual, equation_of

WINDOW = 1.0  # distance of subdomains in shortest wavelengths
OVERSAMPLING = 4.0  # features per wave that the disc of wavenumbers holds
EXTRA = 8  # features per subdomain besides
REACH = 1.2  # radius of the disc over ω / c
ROUGH = 2.0  # weight of rough parts of the residual: 1 / (1 + ROUGH κ²/k²)
ROWS = 7.0  # points of rows per shortest wavelength, at least
COARSEST = 4.0  # nodes of the model per shortest wavelength, at least
LARGEST = 16_000  # features, about 1 GB
CHECKED = 60  # cells in which the residual is measured
NOTHING = 1e-12  # energy of a scattered field that counts as none, over that of the background


@dataclass(frozen=True, eq=False)
class Helmholtz:
    """Least-squares surrogate of one wave equation at one frequency in one model.

    Parameters
    ----------
    physics : Physics
        Its `equations()` are the residual; one field, second order in time.
    model : Model
        Linear between nodes; beyond its edge, in the absorbing layers, the value at the edge holds.
    frequency : float, Hz
    velocities : (lowest, highest), m/s, optional
        For which the features are chosen; by default those of each subdomain.  With them the features stay the same for
        every model within.
    oversampling : float
        Features per wave that the disc of wavenumbers holds.
    layer : float
        Width of the absorbing layers in shortest wavelengths.
    seed : int
        Of the features.

    Raises
    ------
    ConfigError
        If the frequency needs more features than one solve holds, or is not positive.
    ModelError
        If the model is not 2-D, too coarse for the frequency, or the physics carries more than one field.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> model = si.Model(si.Grid((11, 11), 20.0), vp=2000.0)
    >>> field = si.surrogate.Helmholtz(si.Acoustic(), model, 5.0)((100.0, 100.0))
    >>> field(np.array([[100.0, 180.0]])).shape
    (1, 1)
    """

    physics: Physics
    model: Model
    frequency: float
    velocities: tuple[float, float] | None = None
    oversampling: float = OVERSAMPLING
    layer: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(frequency=self.frequency)
        if not self.oversampling >= 1:
            raise ConfigError(
                f"oversampling is {self.oversampling:g}; pass at least 1 feature per wave, for example {OVERSAMPLING:g}"
            )
        if not self.layer >= 0.5:
            raise ConfigError(f"layer is {self.layer:g} wavelengths; pass at least 0.5, for example 2")
        grid = self.model.grid
        equation_of(self.physics, grid)
        vp = self.model["vp"].detach()
        low, high = self.velocities or (float(vp.min()), float(vp.max()))
        if not low <= float(vp.min()) <= float(vp.max()) <= high:
            raise ConfigError(
                f"velocities are {low:g} to {high:g} m/s but the model has {float(vp.min()):g} to "
                f"{float(vp.max()):g} m/s; pass a wider range"
            )
        coarsest = self.shortest / COARSEST
        if max(grid.spacing) > coarsest:
            raise ModelError(
                f"the model has a node every {max(grid.spacing):g} m; {self.frequency:g} Hz at {low:g} m/s needs one "
                f"every {coarsest:.3g} m: refine the model, or lower the frequency"
            )
        if self.needed > LARGEST:
            raise ConfigError(
                f"frequency {self.frequency:g} Hz over this model needs {self.needed} features; one solve is limited "
                f"to {LARGEST}: lower the frequency, or cut the model"
            )

    def __call__(self, *sources: tuple[float, float], accept: float = 0.1) -> HarmonicField:
        """Return the fields of point sources δ(x − x_s), which share one factorisation.

        Parameters
        ----------
        sources : (z, x), m
        accept : float
            Largest relative residual.

        Returns
        -------
        HarmonicField
            Its `errors`, at points it was not fitted to: "equation", the residual over ω² u / vp² of the scattered
            field, in the norm of the rows.

        Raises
        ------
        GeometryError
            If a source lies outside the model.
        StabilityError
            If the residual exceeds `accept`.
        """
        if not sources:
            raise GeometryError("no source is given; pass at least one position (z, x) in metres")
        backgrounds = [self.background(s) for s in sources]
        coefficients = self.factor.solve(self._right(backgrounds))
        errors = {"equation": self._error(backgrounds, coefficients)}
        worst = int(np.argmax(errors["equation"]))
        if errors["equation"][worst] > accept:
            raise StabilityError(
                f"the field of source {worst} solves the equation to {errors['equation'][worst]:.1%} only (limit "
                f"{accept:.1%}); raise oversampling above {self.oversampling:g}, or accept"
            )
        return HarmonicField(self.basis, coefficients, backgrounds, errors)

    @property
    def omega(self) -> float:
        """Angular frequency, rad/s."""
        return 2 * pi * self.frequency

    @property
    def shortest(self) -> float:
        """Shortest wavelength, m."""
        low = float(self.model["vp"].detach().min()) if self.velocities is None else self.velocities[0]
        return low / self.frequency

    @property
    def needed(self) -> int:
        """Number of features."""
        return int(self._sizes[0].sum())

    @cached_property
    def layers(self) -> tuple[Layer, Layer]:
        """Absorbing layers around the model along z and x."""
        fastest = float(self.model["vp"].detach().max()) if self.velocities is None else self.velocities[1]
        (z, x), width = self.model.grid.extent, self.layer * self.shortest
        return Layer(*z, width, fastest, self.omega), Layer(*x, width, fastest, self.omega)

    @cached_property
    def partitions(self) -> tuple[Partition, Partition]:
        """Subdomains along z and x, layers included."""
        z, x = (
            Partition(p.low - p.width, p.high + p.width, ceil((p.high - p.low + 2 * p.width) / WINDOW / self.shortest))
            for p in self.layers
        )
        return z, x

    @cached_property
    def residual(self) -> Residual:
        """The equation on features, in stretched coordinates."""
        axes = self.model.grid.axes
        equation = equation_of(self.physics, self.model.grid)
        return Residual(stretched(equation, axes), axes, self._medium)

    @cached_property
    def _medium(self) -> LayeredMedium:
        return LayeredMedium(self.physics, self.model, self.layers)

    @cached_property
    def basis(self) -> PlaneWaves:
        """The features."""
        counts, radii = self._sizes
        return discs(self.partitions, counts, radii, omega=self.omega, seed=self.seed)

    @cached_property
    def factor(self) -> Cells:
        """The factorised rows; computed at the first call, which takes most of its time."""
        inside, edge = self._split(self.points(0.5)), self._split(self.edge_points())
        scale = self._scale(np.concatenate(inside))
        rows, near, at = [], [], 0
        for number, (points, outer) in enumerate(zip(inside, edge, strict=True)):
            windows = self.basis.around(number)
            some = self.basis.windows(windows)
            values = self.residual.matrix(some, points) * scale[at : at + len(points)]
            rows.append(np.concatenate([self._tests(number) @ values, some.matrix(outer)]))
            near.append(windows)
            at += len(points)
        return factorise_cells(rows, near, [w.shape[1] for w in self.basis.waves])

    def background(self, source: tuple[float, float]) -> HarmonicBackground:
        """Return the field of a source (z, x), m, in a constant medium of the velocity at the source.

        Raises
        ------
        GeometryError
            If the source lies outside the model.
        """
        place = (float(source[0]), float(source[1]))
        if not self.model.grid.contains(np.array([place])).all():
            (z0, z1), (x0, x1) = self.model.grid.extent
            raise GeometryError(
                f"source at z = {place[0]:g} m, x = {place[1]:g} m is outside the model ({z0:g} to {z1:g} m, {x0:g} to "
                f"{x1:g} m); move it, or extend the model"
            )
        speed = float(self._medium.parameter("vp", np.array([place]))[0])
        return HarmonicBackground(place, speed, self.layers)

    def points(self, shift: float) -> np.ndarray:
        """Return the points of the rows (z, x) in m [point, 2], at `shift` (0 to 1) within the cells of a grid."""
        axes = [
            p.low + (np.arange(p.count * n) + shift) * (p.high - p.low) / (p.count * n)
            for p, n in zip(self.partitions, self._per_window, strict=True)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)

    @cached_property
    def _per_window(self) -> tuple[int, int]:
        """Rows of points in a cell along z and x."""
        spacing = min(self.shortest / ROWS, *self.model.grid.spacing)
        z, x = (ceil((p.high - p.low) / p.count / spacing) for p in self.partitions)
        return z, x

    @cached_property
    def _sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Features of every subdomain, and the radius of its disc of wavenumbers, rad/m."""
        z, x = self.partitions
        radius = REACH * self.omega / self._slowest()
        area = (z.high - z.low) / z.count * (x.high - x.low) / x.count
        waves = area * radius**2 / (4 * pi)  # that the disc holds over a cell
        return np.ceil(self.oversampling * waves + EXTRA).astype(int), radius

    def _slowest(self) -> np.ndarray:
        """Lowest velocity around each subdomain's cell [subdomain], m/s."""
        grid, vp = self.model.grid, self.model["vp"].detach().double().numpy()
        if self.velocities is not None:
            return np.full(self.partitions[0].count * self.partitions[1].count, self.velocities[0])
        near = []
        for axis, p in zip(grid.axes, self.partitions, strict=True):
            at = grid.coordinates(axis)
            middles = np.clip(p.middles, at[0], at[-1])[:, None]
            near.append(np.abs(at - middles) <= max(0.5 * p.half_width, grid.spacing[0]))
        return np.array([vp[np.ix_(row, column)].min() for row in near[0] for column in near[1]])

    def _scale(self, points: np.ndarray) -> np.ndarray:
        """Return what rows are multiplied by [point, 1]: the residual is then Δu over the shortest wave's k²."""
        k = 2 * pi / self.shortest
        return np.asarray(1 / (k * self._medium.parameter("vp", points)) ** 2)[:, None]

    def _tests(self, cell: int) -> np.ndarray:
        """Weighted cosine transform over the points of a cell [row, point]."""
        from scipy.fft import dct

        k = self._sizes[1][cell] / REACH
        sides = [(p.high - p.low) / p.count for p in self.partitions]
        modes = [(pi * np.arange(n) / side) ** 2 for n, side in zip(self._per_window, sides, strict=True)]
        weight = 1 / (1 + ROUGH * (modes[0][:, None] + modes[1][None]) / k**2)
        z, x = (dct(np.eye(n), axis=0, norm="ortho") for n in self._per_window)
        return np.asarray(np.kron(z, x) * weight.reshape(-1, 1))

    def _split(self, points: np.ndarray, values: np.ndarray | None = None) -> list[np.ndarray]:
        """Return the points in each cell, in their order, or values [point, …] that belong to them."""
        values = points if values is None else values
        cell = self.basis.cell(points)
        order = np.argsort(cell, kind="stable")
        ends = np.searchsorted(cell[order], np.arange(len(self.basis.waves) + 1))
        return [values[order[a:b]] for a, b in pairwise(ends)]

    def _right(self, backgrounds: Sequence[HarmonicBackground]) -> list[np.ndarray]:
        """Return the right-hand sides of the rows of each cell [row, source]."""
        points = self.points(0.5)
        values = self._forced(backgrounds, points)
        edge = self._split(self.edge_points())
        return [
            np.concatenate([self._tests(n) @ v, np.zeros((len(e), len(backgrounds)))])
            for n, (v, e) in enumerate(zip(self._split(points, values), edge, strict=True))
        ]

    def _forced(self, backgrounds: Sequence[HarmonicBackground], points: np.ndarray) -> np.ndarray:
        """Return what the background fields leave of the equation in this medium [point, source]."""
        return np.concatenate([-self.residual.matrix(b, points) for b in backgrounds], 1) * self._scale(points)

    def _error(self, backgrounds: Sequence[HarmonicBackground], coefficients: Sequence[np.ndarray]) -> np.ndarray:
        """Return the relative residual of the scattered fields between the points of the rows [source]."""
        groups = self._split(self.points(0.05))
        cells = np.unique(np.linspace(0, len(groups) - 1, CHECKED).astype(int))
        points = np.concatenate([groups[n] for n in cells])
        scale, right = self._scale(points), self._forced(backgrounds, points)
        wrong, size, at = np.zeros(len(backgrounds)), np.zeros(len(backgrounds)), 0
        for n in cells:
            near, tests = self.basis.around(n), self._tests(n)
            windows, a = self.basis.windows(near), np.concatenate([coefficients[w] for w in near])
            some, part = groups[n], slice(at, at + len(groups[n]))
            left = self.residual.matrix(windows, some) @ a * scale[part] - right[part]
            wrong += np.sum(np.abs(tests @ left) ** 2, 0)
            size += np.sum(np.abs(tests @ (windows.matrix(some, (0, 0, 2)) @ a * scale[part])) ** 2, 0)
            # Where the scattered field is negligible, its rounding errors do not count.
            whole = np.concatenate([b.matrix(some, (0, 0, 2)) for b in backgrounds], 1) * scale[part]
            size += NOTHING * np.sum(np.abs(whole) ** 2, 0)
            at += len(some)
        return np.asarray(np.sqrt(wrong / size))

    def edge_points(self) -> np.ndarray:
        """Return points on the outer edge of the absorbing layers (z, x) in m [point, 2]."""
        z, x = self.partitions
        inner = self.points(0.5)
        down, along = np.unique(inner[:, 0]), np.unique(inner[:, 1])
        sides = [np.stack(np.broadcast_arrays(down, e), -1) for e in (x.low, x.high)]
        return np.concatenate([*sides, *(np.stack(np.broadcast_arrays(e, along), -1) for e in (z.low, z.high))])
