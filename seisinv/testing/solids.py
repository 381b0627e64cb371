"""Accuracy of elastic waves at surfaces and interfaces, in three dimensions, and over very long times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.optimize import brentq

from seisinv.core import Grid, Model, Survey, TimeAxis, line, ricker
from seisinv.core.survey import Shot
from seisinv.physics import Elastic, Physics
from seisinv.propagate import Boundary, Propagator
from seisinv.symbolic.closure import closure
from seisinv.symbolic.weights import staggered
from seisinv.testing.exact import Experiment, Material, fluid_over_solid, full_space, half_space

SOLID = Material(2000.0, 1155.0, 2000.0)
PEAK = 10.0
TOP = 2.5 * PEAK  # highest frequency of a Ricker wavelet, Hz
FASTEST = 4200.0  # m/s: long runs have one step, since the weights that resample them take longest


def simulated(
    experiment: Experiment,
    grid: Grid,
    values: Mapping[str, float | np.ndarray],
    kind: str,
    components: Sequence[str],
    *,
    order: int,
    free_surface: bool = False,
) -> np.ndarray:
    """Return simulated traces [component, receiver, time] of elastic waves, in float64."""
    survey = Survey.surface(
        sources=np.array([experiment.source]), receivers=np.asarray(experiment.receivers), wavelet=experiment.wavelet,
        dt=experiment.times[1], duration=experiment.times[-1], kind=kind, components=components,
    )  # fmt: skip
    propagator = Propagator(Elastic(), grid, survey, order=order, boundary=Boundary(free_surface=free_surface))
    gathers = propagator(Model(grid, **values).to(torch.float64))
    return np.stack([gathers.component(c).data[0].numpy() for c in components])


def misfit(found: np.ndarray, exact: np.ndarray, samples: slice = slice(None)) -> np.ndarray:
    """Return relative L2 errors [component, receiver] of traces [component, receiver, time]."""
    apart, size = (np.linalg.norm(v[..., samples], axis=-1) for v in (found - exact, exact))
    return np.asarray(apart / size)


def lamb_error(order: int, per_wavelength: float, *, wavelengths: Sequence[float] = (4, 10)) -> float:
    """Return the worst relative L2 error of a component in Lamb's problem: vertical force and receivers on the surface.

    Absolute amplitude.  `per_wavelength` nodes, and distances in `wavelengths`, are those of S waves at 2.5 × peak.
    """
    h = SOLID.vs / TOP / per_wavelength
    away = np.round(np.array(wavelengths) * SOLID.vs / TOP / h) * h
    left = round(250 / h) * h
    grid = Grid((int(400 / h) + 1, int((left + away.max() + 250) / h) + 1), h)
    times = 2e-3 * np.arange(round((away.max() / (0.9 * SOLID.vs) + 0.4) / 2e-3) + 1)
    receivers = np.stack([0 * away, left + away], axis=1)
    experiment = Experiment((0.0, left), receivers, ricker(PEAK), times)
    exact = half_space(SOLID, experiment, (1, 0)).velocity
    values = {"vp": SOLID.vp, "vs": SOLID.vs, "rho": SOLID.rho}
    found = simulated(experiment, grid, values, "fz", ("vz", "vx"), order=order, free_surface=True)
    return float(misfit(found, exact, slice(0, int(0.92 * len(times)))).max())


def interface_error(order: int, per_wavelength: float = 10) -> dict[str, float]:
    """Return relative L2 errors of waves of a fluid over a solid, by component, in the fluid and in the solid.

    `per_wavelength` nodes of the slowest wave at 2.5 × peak.  The interface is half a cell above the first solid node.
    """
    fluid, solid = Material(1500.0, 0.0, 1000.0), Material(2600.0, 1500.0, 2200.0)
    h = 1500.0 / TOP / per_wavelength
    rows, columns, first = round(700 / h), round(900 / h), round(350 / h)
    grid = Grid((rows, columns), h)
    values = {
        n: np.where(np.arange(rows)[:, None] < first, getattr(fluid, n), getattr(solid, n)) * np.ones((1, columns))
        for n in ("vp", "vs", "rho")
    }
    source = np.array([(first - 0.5) * h - 120.3, 250.7])
    receivers = source + np.array([[-50.0, 300.0], [40.0, 450.0], [200.0, 200.0], [250.0, 400.0]])
    times = 2e-3 * np.arange(401)
    experiment = Experiment(source, receivers, ricker(PEAK), times)
    exact = fluid_over_solid(fluid, solid, experiment, interface=(first - 0.5) * h)
    bulk = fluid.rho * fluid.vp**2  # a moment rate is the rate of volume times the bulk modulus
    found = simulated(experiment, grid, values, "explosion", ("p", "vz", "vx"), order=order) * bulk
    early = slice(0, int(0.92 * len(times)))
    p = misfit(found[:1, :2], exact.pressure[None, :2], early)
    apart, size = ((v[..., early] ** 2).sum((0, 2)) ** 0.5 for v in (found[1:] - exact.velocity, exact.velocity))
    v = apart / size
    return {
        "p in the fluid": float(p.max()),
        "v in the fluid": float(v[:2].max()),
        "v in the solid": float(v[2:].max()),
    }


def space_error(order: int = 8, per_wavelength: float = 10) -> dict[str, float]:
    """Return relative L2 errors of 3-D waves of a vertical force, near (half an S wavelength of the peak) and far."""
    h = SOLID.vs / TOP / per_wavelength
    n = 56
    grid = Grid((n, n, n), h)
    source = np.array([20.3, 20.1, 19.6]) * h
    receivers = source + np.array([[3.0, 8.0, 8.0], [9.0, 5.0, -3.0], [25.0, 22.0, 12.0], [5.0, 20.0, 28.0]]) * h
    times = 2e-3 * np.arange(201)
    experiment = Experiment(source, receivers, ricker(PEAK), times)
    exact = full_space(SOLID, experiment, (1, 0, 0)).velocity
    values = {"vp": SOLID.vp, "vs": SOLID.vs, "rho": SOLID.rho}
    found = simulated(experiment, grid, values, "fz", ("vz", "vy", "vx"), order=order)
    early = slice(0, int(0.92 * len(times)))
    apart, size = ((v[..., early] ** 2).sum((0, 2)) ** 0.5 for v in (found - exact, exact))
    errors = apart / size
    return {"near": float(errors[:2].max()), "far": float(errors[2:].max())}


def rayleigh_error(order: int, per_wavelength: float, *, ratio: float = 3**0.5) -> float:
    """Return the relative error of the Rayleigh velocity of the discrete half space, exact along x and in time.

    `per_wavelength` nodes of an S wave, `ratio` of vp to vs.  The lowest eigenvalue of strain against kinetic energy.
    """
    vs, vp = 1.0, ratio
    exact = brentq(lambda c: (2 - c**2) ** 2 - 4 * np.sqrt(1 - (c / vp) ** 2) * np.sqrt(1 - c**2), 0.5, 0.99999)
    k = 2 * np.pi / per_wavelength * vs / exact  # radians per cell
    n = int(6 * per_wavelength)
    up, down = (_difference(order, n, up=way) for way in (True, False))
    edge, rows = closure(order), np.arange(n)
    whole, half = (edge.mass(rows, half=h) for h in (False, True))
    # u_x = i U at whole rows, u_z at half rows; strains −k U, A u_z at whole rows, B U − k u_z at half rows.
    nothing = np.zeros((n, n))
    along = np.hstack([k * np.eye(n), nothing])
    across = np.hstack([nothing, down])
    across[0] = 0
    shear = np.hstack([up, -k * np.eye(n)])
    C, L = np.full(n, vp**2), np.full(n, vp**2 - 2 * vs**2)
    Cx = C.copy()
    Cx[0], L[0] = C[0] - L[0] ** 2 / C[0], 0.0
    stiff = along.T @ ((whole * Cx)[:, None] * along) + across.T @ ((whole * C)[:, None] * across)
    mixed = along.T @ ((whole * L)[:, None] * across)
    stiff += mixed + mixed.T + shear.T @ (half[:, None] * shear) * vs**2
    mass = np.concatenate([whole, half])
    values, vectors = np.linalg.eigh(stiff / np.sqrt(np.outer(mass, mass)))
    near = (vectors**2)[:, :][np.r_[0 : n // 3, n : n + n // 3]].sum(0) > 0.5  # modes of the surface
    lowest = float(values[near & (values > 1e-9)].min())
    return float(np.sqrt(lowest) / k / exact - 1)


def _difference(order: int, n: int, *, up: bool) -> np.ndarray:
    """Return the matrix [row, row] of a staggered difference below a one-sided free surface."""
    edge = closure(order)
    out = np.zeros((n, n))
    for offset, weight in staggered(order, up=up).items():
        out += float(weight) * np.eye(n, k=offset)
    table = edge.up if up else edge.down
    out[: len(table)] = 0
    out[: len(table), : table.shape[1]] = table
    return out


def growth_of_layers(
    physics: Physics, layers: Sequence[Mapping[str, float]], steps: int, *, free_surface: bool, width: int = 20
) -> float:
    """Return the largest amplitude in the last tenth of a long record over the largest in the first tenth.

    Rough layers of equal thickness (each value times 1 to 1.2 at random), from the top; float32.
    """
    grid = Grid((60, 80), 10.0)
    generator = torch.Generator().manual_seed(0)
    thickness = grid.shape[0] // len(layers)
    names = physics.parameters
    index = np.minimum(np.arange(grid.shape[0]) // thickness, len(layers) - 1)
    rough = {n: 1 + 0.2 * torch.rand(grid.shape, generator=generator) for n in names}
    rough["vs"] = rough["vp"]  # the ratio of a rock stays
    values = {n: torch.tensor([layers[k][n] for k in index])[:, None] * rough[n] for n in names}
    shot = Shot(
        np.array([[150.0, 400.0], [450.0, 200.0]]),
        np.concatenate([line(0, 790, every=79, depth=d) for d in (10.0, 300.0)] * 2),
        components=("vz",) * 22 + ("p",) * 22,
        kinds=("explosion", "fz"),
    )
    survey = Survey((shot,), TimeAxis(2e-3, steps)).with_wavelet(ricker(10.0))
    boundary = Boundary(width, free_surface=free_surface)
    fastest = 1.2 * max(layer[n] for layer in layers for n in ("vp", "vs"))
    simulate = Propagator(physics, grid, survey, boundary=boundary, order=4, vp_max=max(fastest, FASTEST))
    gathers = simulate(Model(grid, **values))
    tenth, worst = steps // 10, 0.0
    for name in gathers.components:
        data = gathers.component(name).data[0].abs()
        worst = max(worst, float(data[:, -tenth:].max() / data[:, :tenth].max()))
    return worst
