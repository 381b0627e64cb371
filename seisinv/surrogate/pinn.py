"""A physics-informed surrogate solved by least squares, in the time domain and 2-D.

    p(z, x, t) = Σ_j Σ_k a_jk φ_jk(z, x, t)

For a given model the wave equation is linear in the last layer a, so that it is found by one least-squares solve over
rows of four kinds, made dimensionless by the highest angular frequency ω = vp k of the band:

    equation / ω²,   3 (p − p₀) at t = 0,   3 (∂p/∂t − q₀) / ω at t = 0,   edges

(finite-basis networks: Moseley, Markham & Nissen-Meyer 2023, doi 10.1007/s10444-023-10065-9; their last layer by least
squares: van Beek, Dolean & Moseley 2025, doi 10.1016/j.cma.2025.118583, with tanh features and LSQR).  The rows do not
depend on the initial fields: the factorisation is kept, and more of them are more right-hand sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, pi
from typing import TypeAlias

import numpy as np

from seisinv.core import ConfigError, Model, ModelError, StabilityError
from seisinv.physics import Physics
from seisinv.surrogate.features import Features, Partition, cone, spread
from seisinv.surrogate.residual import Medium, Residual
from seisinv.surrogate.solve import Factorised, factorise
from seisinv.surrogate.wavefield import Wavefield

Function: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]

EDGES = ("open", "wall", "absorbing")
WEIGHT = 3.0  # of initial and edge rows beside those of the equation
SPARE = 1.9  # features per degree of freedom of the band
LARGEST = 5000  # features of one dense solve, about 1 GB and minutes
# Rows per feature.  In a constant medium the equation's rows vanish: the initial rows, of two kinds, must do alone.
ROWS = {"equation": 1.6, "initial": 1.0, "edge": 0.6}
CHECKED = 600  # points at which the errors are measured


@dataclass(frozen=True)
class Initial:
    """Fields from which waves start.

    Parameters
    ----------
    value : function of z and x (arrays, m), Pa
        Pressure at t = 0.
    rate : function of z and x, Pa/s, optional
        Its time derivative at t = 0; by default zero.
    """

    value: Function
    rate: Function | None = None


@dataclass(frozen=True, eq=False)
class PINN:
    """Least-squares surrogate of a wave equation in one model.

    Parameters
    ----------
    physics : Physics
        Its `equations()` are the residual; one field, second order in time.
    model : Model
        Its grid is the domain.  It is interpolated by splines, so a jump of velocity is rounded over a cell.
    duration : float, s
    wavenumber : float, rad/m
        Largest wave number of the initial fields; 2 π f / vp for a frequency f.
    features : int, optional
        In all windows together; by default `needed`, and fewer are refused.
    windows : number of windows along z, x and t
    overlap : float
        Width of a window in units of their distance.
    edges : {"open", "wall", "absorbing"}
        "open" asks nothing of the edges: the field is right where nothing from beyond them could have arrived.  On a
        "wall" p = 0.  "absorbing" is ∂p/∂t + vp ∂p/∂n = 0 (Engquist & Majda 1977, first order).
    seed : int
        Of the features and the points of the rows.

    Raises
    ------
    ConfigError
        If an argument is out of range, or the band needs more features than given or than one dense solve holds.
    ModelError
        If the model lacks a parameter, is not 2-D, or the physics carries more than one field.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> model = si.Model(si.Grid((11, 11), 20.0), vp=1000.0)
    >>> pinn = PINN(si.Acoustic(), model, duration=0.05, wavenumber=0.08)
    >>> p = pinn(Initial(lambda z, x: np.exp(-((z - 100) ** 2 + (x - 100) ** 2) / 2 / 40**2)))
    >>> p(np.array([[100.0, 100.0, 0.0]])).round(2)
    array([[1.]])
    """

    physics: Physics
    model: Model
    duration: float
    wavenumber: float
    features: int | None = None
    windows: tuple[int, int, int] = (1, 1, 1)
    overlap: float = 2.9
    edges: str = "open"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.duration > 0:
            raise ConfigError(f"duration is {self.duration:g} s; it must be positive")
        if not self.wavenumber > 0:
            raise ConfigError(f"wavenumber is {self.wavenumber:g} rad/m; it must be positive")
        if self.edges not in EDGES:
            raise ConfigError(f"edges is {self.edges!r}; it must be one of {', '.join(EDGES)}")
        if len(self.windows) != 3:
            raise ConfigError(f"windows has {len(self.windows)} numbers; give one each along z, x and t")
        if self.model.grid.ndim != 2:
            raise ModelError("the model is 3-D; the surrogate is made for 2-D models")
        equations = self.physics.equations(self.model.grid.axes)
        if len(equations) != 1 or equations[0].rate.order != 2:
            names = ", ".join(e.rate.field.name for e in equations)
            raise ModelError(f"{self.physics.name} carries {names}; the surrogate carries one field of second order")
        _ = self.residual  # refuses what it cannot read
        self._check_size()

    def __call__(self, *initial: Initial, accept: float = 0.05) -> Wavefield:
        """Return the wavefields from initial fields, which share one factorisation.

        Parameters
        ----------
        initial : Initial
            One or more.
        accept : float
            Largest relative misfit of an initial field.

        Returns
        -------
        Wavefield
            Its `errors`, at points it was not fitted to: "initial", the misfit of p₀ over p₀; "equation", the residual
            over ∂²p/∂t²; "edges", p or the absorbing row over their largest (r.m.s. each).

        Raises
        ------
        StabilityError
            If an initial field is not resolved to `accept`.
        """
        if not initial:
            raise ConfigError("no initial field is given; pass at least one Initial")
        right = np.zeros((self._rows["equation"] + 2 * self._rows["initial"] + self._rows["edge"], len(initial)))
        value, rate = _sample(initial, self._start)
        n, m = self._rows["equation"], self._rows["initial"]
        right[n : n + m] = WEIGHT * value
        right[n + m : n + 2 * m] = WEIGHT / self._frequency * rate
        coefficients, _ = self.factor.solve(right)
        errors = self._errors(initial, coefficients)
        worst = int(np.argmax(errors["initial"]))
        if errors["initial"][worst] > accept:
            raise StabilityError(
                f"initial field {worst} is resolved to {errors['initial'][worst]:.1%} only (limit {accept:.1%}); raise "
                f"wavenumber above {self.wavenumber:g} rad/m, or keep the field away from the edges"
            )
        return Wavefield(self.basis, coefficients, errors)

    @cached_property
    def residual(self) -> Residual:
        """The equation on features."""
        from torch import float64

        grid = self.model.grid
        values = {n: self.model[n].detach().to(float64) for n in self.physics.parameters}
        coefficients = {n: c.numpy() for n, c in self.physics.coefficients(values, grid.axes).items()}
        (equation,) = self.physics.equations(grid.axes)
        return Residual(equation, grid.axes, Medium(grid, coefficients))

    @cached_property
    def needed(self) -> int:
        """Number of features that the band needs.

        A disc of wave numbers up to k over an area A holds A k² / 4π waves, each running two ways.  Where edges are
        held, waves come in through them: over a perimeter P and a time T as many as from an area P c T / π (the mean
        of the inward direction cosine).  Velocities between c₁ and c₂ spread a wave number over 1 + (c₂ − c₁) k T / π
        frequencies.  T is that of a window.
        """
        z, x, t = self.partitions
        low, high = self._velocities().T
        size = [2 * p.half_width if p.count > 1 else p.high - p.low for p in (z, x, t)]
        area = size[0] * size[1]
        if self.edges != "open":
            area += 2 * (size[0] + size[1]) * float(high.max()) * size[2] / pi
        waves = 2 * area * self.wavenumber**2 / (4 * pi)
        spread_over = 1 + (high - low) * self.wavenumber * size[2] / pi
        return ceil(SPARE * waves * float(spread_over.max())) * len(low)

    @cached_property
    def partitions(self) -> tuple[Partition, Partition, Partition]:
        """Windows along z, x and t."""
        z, x = self.model.grid.extent
        counts = self.windows
        return (
            Partition(*z, counts[0], self.overlap),
            Partition(*x, counts[1], self.overlap),
            Partition(0.0, self.duration, counts[2], self.overlap),
        )

    @cached_property
    def basis(self) -> Features:
        """The features."""
        each = ceil((self.features or self.needed) / len(self._velocities()))
        return cone(self.partitions, self._velocities(), wavenumber=self.wavenumber, each=each, seed=self.seed)

    @cached_property
    def factor(self) -> Factorised:
        """The factorised rows; made at the first call, the dear part of it."""
        inside = self._points("equation")
        start = self._start
        w = self._frequency
        rows = [
            self.residual.matrix(self.basis, inside) / w**2,
            WEIGHT * self.basis.matrix(start),
            WEIGHT / w * self.basis.matrix(start, (0, 0, 1)),
        ]
        if self._rows["edge"]:
            rows.append(WEIGHT * self._edge_matrix(self._edge_points(self._rows["edge"], self.seed)))
        return factorise(np.concatenate(rows))

    def _check_size(self) -> None:
        k, needed = self.wavenumber, self.needed
        if needed > LARGEST:
            raise ConfigError(
                f"wavenumber {k:g} rad/m over this model and {self.duration:g} s needs {needed} features; one dense "
                f"solve holds {LARGEST}: lower wavenumber or duration, or cut the model"
            )
        if self.features is not None and not needed <= self.features <= LARGEST:
            raise ConfigError(
                f"features is {self.features}; wavenumber {k:g} rad/m needs {needed} to {LARGEST}: leave features out"
            )

    @property
    def _frequency(self) -> float:
        """Highest angular frequency of the band, rad/s."""
        return self.wavenumber * float(self.model["vp"].detach().max())

    @cached_property
    def _rows(self) -> dict[str, int]:
        counts = {kind: ceil(ratio * self.basis.count) for kind, ratio in ROWS.items()}
        return counts if self.edges != "open" else counts | {"edge": 0}

    @cached_property
    def _start(self) -> np.ndarray:
        return self._points("initial") * (1.0, 1.0, 0.0)

    def _points(self, kind: str, count: int | None = None, seed: int | None = None) -> np.ndarray:
        """Points (z, x, t) spread over the domain."""
        low, high = np.array([(p.low, p.high) for p in self.partitions]).T
        places = spread(count or self._rows[kind], 3, seed=self.seed if seed is None else seed)
        return low + (high - low) * places

    def _edge_points(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Points on the four edges and their outward normals (z, x)."""
        points = self._points("edge", count, seed)
        normals = np.zeros((count, 2))
        for k in range(4):
            axis, p = k // 2, self.partitions[k // 2]
            points[k::4, axis] = p.high if k % 2 else p.low
            normals[k::4, axis] = 1.0 if k % 2 else -1.0
        return points, normals

    def _edge_matrix(self, edge: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        points, normals = edge
        if self.edges == "wall":
            return self.basis.matrix(points)
        grid = self.model.grid
        z, x = (
            np.clip(np.rint((points[:, k] - o) / h).astype(int), 0, n - 1)
            for k, (o, h, n) in enumerate(zip(grid.origin, grid.spacing, grid.shape, strict=True))
        )
        c = self.model["vp"].detach().double().numpy()[z, x, None]
        along = sum(normals[:, k, None] * self.basis.matrix(points, o) for k, o in enumerate(((1, 0, 0), (0, 1, 0))))
        return (self.basis.matrix(points, (0, 0, 1)) + c * along) / self._frequency

    def _velocities(self) -> np.ndarray:
        """Lowest and highest velocity in each window [window, 2], m/s."""
        grid, vp = self.model.grid, self.model["vp"].detach().double().numpy()
        out = []
        for cell in np.ndindex(*self.windows):
            near = [
                np.abs(grid.coordinates(a) - p.middles[c]) < max(p.half_width, h) if p.count > 1 else slice(None)
                for a, h, p, c in zip(grid.axes, grid.spacing, self.partitions[:2], cell[:2], strict=True)
            ]
            part = vp[near[0]][:, near[1]]
            out.append((part.min(), part.max()))
        return np.array(out)

    def _errors(self, initial: Sequence[Initial], coefficients: np.ndarray) -> dict[str, np.ndarray]:
        """Return relative errors at fresh points [field]."""
        points = self._points("equation", CHECKED, self.seed + 1)
        start = points * (1.0, 1.0, 0.0)
        value, _ = _sample(initial, start)
        found = self.basis.combine(start, coefficients)
        second = self.basis.combine(points, coefficients, (0, 0, 2))
        errors = {
            "initial": _ratio(found - value, value),
            "equation": _ratio(self.residual.matrix(self.basis, points) @ coefficients, second),
        }
        if self.edges != "open":
            row = self._edge_matrix(self._edge_points(CHECKED, self.seed + 1)) @ coefficients
            errors["edges"] = _rms(row) / np.abs(found).max(0)
        return errors


def _sample(initial: Sequence[Initial], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and rates [point, field]."""
    z, x = points[:, 0], points[:, 1]
    value = np.stack([np.broadcast_to(i.value(z, x), z.shape) for i in initial], axis=1)
    rate = np.stack(
        [np.zeros(len(z)) if i.rate is None else np.broadcast_to(i.rate(z, x), z.shape) for i in initial], 1
    )
    if not (np.isfinite(value).all() and np.isfinite(rate).all()):
        raise ConfigError("an initial field holds NaN or infinite values; it must be finite everywhere in the model")
    return value.astype(float), rate.astype(float)


def _rms(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean(values**2, axis=0)))


def _ratio(error: np.ndarray, of: np.ndarray) -> np.ndarray:
    return _rms(error) / np.maximum(_rms(of), np.finfo(float).tiny)
