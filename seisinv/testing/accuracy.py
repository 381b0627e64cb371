"""Accuracy of the package's wave equations: exact solutions, convergence, absorption, stability, reciprocity."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.special import hankel2

from seisinv.core import Gathers, Grid, Model, Survey, line, ricker
from seisinv.physics import Acoustic, AcousticDensity, Elastic, ElasticSH, Physics
from seisinv.propagate import Boundary, Propagator
from seisinv.testing.exact import Experiment, Material, antiplane, full_space
from seisinv.testing.problem import relative, typical_speed, typical_values

Function = Callable[[np.ndarray], np.ndarray]
Exact = Callable[[Experiment], np.ndarray]  # traces [component, receiver, time]


@dataclass(frozen=True)
class Known:
    """What a source and receivers are, and what they must record.

    Parameters
    ----------
    kind : str
        Of the source.
    components : tuple of str
        Of the receivers; all of one unit.
    exact : callable
        From an experiment to exact traces.
    slowest : float, m/s
        Speed of the slowest wave.
    """

    kind: str
    components: tuple[str, ...]
    exact: Exact
    slowest: float = 2000.0

    def only(self, name: str) -> Exact:
        """Return the exact traces of one component."""
        k = self.components.index(name)
        return lambda experiment: self.exact(experiment)[k : k + 1]

    def error(self, gathers: Gathers, experiment: Experiment, samples: slice = slice(None)) -> float:
        """Return the largest relative L2 error of a receiver, all components together, absolute amplitude."""
        exact = self.exact(experiment)[..., samples]
        data = np.stack([gathers.component(c).data[0].numpy() for c in self.components])[..., samples]
        apart, size = ((v**2).sum((0, 2)) ** 0.5 for v in (data - exact, exact))
        return float((apart / size).max())


@dataclass(frozen=True)
class Homogeneous:
    """A homogeneous medium and its exact solutions.

    Parameters
    ----------
    values : mapping of str to float, SI units
        The parameters.
    cases : tuple of Known
        What is compared.
    """

    values: Mapping[str, float]
    cases: tuple[Known, ...]

    @property
    def slowest(self) -> float:
        """Speed of the slowest wave, m/s."""
        return min(case.slowest for case in self.cases)

    def model(self, grid: Grid) -> Model:
        """Return the medium on a grid, in float64."""
        return Model(grid, **self.values).to(torch.float64)

    def run(self, physics: Physics, grid: Grid, experiment: Experiment, case: Known, **options: Any) -> Gathers:
        """Simulate an experiment."""
        survey = Survey.surface(
            sources=np.array([experiment.source]), receivers=np.asarray(experiment.receivers),
            wavelet=experiment.wavelet, dt=experiment.times[1], duration=experiment.times[-1], kind=case.kind,
            components=case.components,
        )  # fmt: skip
        return Propagator(physics, grid, survey, **options)(self.model(grid))


def _rate(wavelet: Function) -> Function:
    """rho ∂s/∂t by fourth-order differences, error (ω h)⁴ / 30 < 1e-9."""
    h = 1e-4
    return lambda t: (
        1000.0 * (8 * (wavelet(t + h) - wavelet(t - h)) - (wavelet(t + 2 * h) - wavelet(t - 2 * h))) / (12 * h)
    )


def _pressure(source: Callable[[Function], Function]) -> Exact:
    return lambda e: green_2d(np.linalg.norm(e.offsets, axis=1), source(e.wavelet), e.times, 2000.0)[None]


SOLID = Material(2000.0, 1155.0, 2000.0)
MOTION = ("vz", "vx")
EXACT: Mapping[Physics, Homogeneous] = {
    Acoustic(): Homogeneous({"vp": 2000.0}, (Known("explosion", ("p",), _pressure(lambda wavelet: wavelet)),)),
    AcousticDensity(): Homogeneous(
        {"vp": 2000.0, "rho": 1000.0},
        (
            Known("explosion", ("p",), _pressure(_rate)),
            Known(
                "explosion", MOTION, lambda e: 4e9 * full_space(Material(2000.0, 0.0, 1000.0), e, "explosion").velocity
            ),
        ),
    ),
    Elastic(): Homogeneous(
        {"vp": SOLID.vp, "vs": SOLID.vs, "rho": SOLID.rho},
        (
            Known("fz", MOTION, lambda e: full_space(SOLID, e, (1, 0)).velocity, SOLID.vs),
            Known("fx", MOTION, lambda e: full_space(SOLID, e, (0, 1)).velocity, SOLID.vs),
            Known("explosion", MOTION, lambda e: full_space(SOLID, e, "explosion").velocity),
            Known("explosion", ("p",), lambda e: full_space(SOLID, e, "explosion").pressure[None]),
        ),
    ),
    ElasticSH(): Homogeneous(
        {"vs": SOLID.vs, "rho": SOLID.rho},
        (Known("fy", ("vy",), lambda e: antiplane(SOLID, e)[None], SOLID.vs),),
    ),
}


def green_2d(offset: np.ndarray, wavelet: Function, times: np.ndarray, speed: float) -> np.ndarray:
    """Exact pressure [receiver, time] of a line source: −(i/4) H₀⁽²⁾(ω r / c) S(ω) at complex frequencies.

    Parameters
    ----------
    offset : (receiver,) array, m
        Distances from the source.
    wavelet : callable
        Source time function of times in seconds.
    times : (time,) array, s
        Times, from 0.
    speed : float, m/s
        Wave speed c.

    Returns
    -------
    (receiver, time) array
        Pressure (Aki & Richards 2002, §4.1, in two dimensions).

    Examples
    --------
    >>> trace = green_2d(np.array([200.0]), ricker(10.0), 0.004 * np.arange(100), 2000.0)[0]
    >>> bool(np.abs(trace[:25]).max() < 1e-3 * np.abs(trace).max())  # nothing before 0.1 s
    True
    """
    dt, n = times[1] - times[0], 8 * len(times)
    eta = np.log(1e9) / (n * dt)  # damping that makes the wrapped-around tail 1e-9
    fine = dt * np.arange(n)
    spectrum = np.fft.rfft(wavelet(fine) * np.exp(-eta * fine)) * dt
    omega = 2 * np.pi * np.fft.rfftfreq(n, dt) - 1j * eta
    field = -0.25j * hankel2(0, omega * np.asarray(offset)[:, None] / speed) * spectrum
    return np.asarray(np.fft.irfft(field, n)[:, : len(times)] / dt * np.exp(eta * times))


def green_error(
    physics: Physics, *, wavelengths: float = 20, order: int = 8, per_wavelength: float = 10, cases: int | None = None
) -> float:
    """Return the largest relative L2 error of a receiver, absolute amplitude, against the exact 2-D solutions.

    `per_wavelength` points and `wavelengths` are those of the slowest wave at the highest frequency, 2.5 × the Ricker's
    peak.  Of the cases of `EXACT` only the first `cases` are done.
    """
    medium, h = EXACT[physics], 10.0
    top = medium.slowest / (per_wavelength * h)
    reach = wavelengths * medium.slowest / top
    nx = int(reach / h) + 41
    nz = 2 * int(0.35 * reach / h) + 81  # room on both sides: nothing grazes the absorbing layers within the record
    grid = Grid((nz, nx), h)
    source = np.array([nz // 2 * h + 3.0, 204.0])
    angles, distances = np.array([0, 0, 0, 0.15, -0.3]), reach * np.array([0.1, 0.5, 1.0, 1.0, 0.7])
    receivers = source + distances[:, None] * np.stack([np.sin(angles), np.cos(angles)], 1)
    keep = grid.contains(receivers)
    duration = distances[keep].max() / medium.slowest + 4 * 2.5 / top
    times = 2e-3 * np.arange(round(duration / 2e-3) + 1)
    experiment = Experiment(source, receivers[keep], ricker(top / 2.5), times)
    return max(
        case.error(medium.run(physics, grid, experiment, case, order=order), experiment)
        for case in medium.cases[:cases]
    )


def convergence_order(physics: Physics, order: int, spacings: tuple[float, float], peak: float = 2.5) -> float:
    """Return the observed order in space: slope of the L2 error of traces between two spacings.

    Spacings are in m for waves of 2000 m/s, and smaller in proportion for slower ones.

    For every component that is recorded at the places of the grid where a source of `EXACT` acts, both on the nodes:
    interpolation has an error of its own, 4e-4.  The last tenth of the record is left out: cutting a record off leaves
    an error in its last samples.
    """
    medium, slopes = EXACT[physics], []
    times = 4e-3 * np.arange(451)
    early = slice(0, int(0.9 * len(times)))
    for case in (replace(c, components=(name,), exact=c.only(name)) for c in medium.cases for name in c.components):
        errors, scale = [], case.slowest / 2000
        # Far enough from the edges that nothing comes back within the record; nodes at every spacing used.
        source = np.full(2, round(20 / scale**2) * 80.0 * scale)
        receivers = source + scale * np.array([[0.0, 640.0], [240.0, 400.0], [480.0, 640.0]])
        for h in np.array(spacings) * scale:
            n = round((source[0] + 2400) / h) + 1
            half = _shared_place(physics, case)
            if half is None:
                break
            shift = np.array([0.5 * h * (k in half) for k in range(2)])
            experiment = Experiment(source + shift, receivers + shift, ricker(peak, delay=2 / peak), times)
            gathers = medium.run(physics, Grid((n, n), h), experiment, case, order=order)
            errors.append(case.error(gathers, experiment, early))
        else:
            slopes.append(float(np.log(errors[0] / errors[-1]) / np.log(spacings[0] / spacings[-1])))
    return min(slopes)


def _shared_place(physics: Physics, case: Known) -> frozenset[int] | None:
    """Axes along which source and component are both half a cell off the nodes; None where they differ."""
    survey = Survey.surface(
        sources=line(0, 0, every=1), receivers=line(9, 9, every=1), wavelet=None, duration=1.0, dt=0.1,
        kind=case.kind, components=case.components,
    )  # fmt: skip
    program = Propagator(physics, Grid((20, 20), 1.0), survey).derived.forward
    places = {program.place[name] for name in (*program.sources, *program.records)}
    return places.pop() if len(places) == 1 else None


def reflection(physics: Physics, degrees: float, width: int = 20) -> float:
    """Return the largest reflected over the largest incident amplitude, for rays that meet the layer at an angle.

    Of every case of `EXACT`; a force radiates P and S waves, and what is reflected is that of both.
    """
    medium, h, depth = EXACT[physics], 10.0, 300.0
    half = depth * np.tan(np.radians(degrees))
    path = 2 * np.hypot(depth, half)
    n = int(2 * half / h) + 61
    sides = {"top": width, "bottom": 20, "left": 20, "right": 20}
    times = 2e-3 * np.arange(round((path / medium.slowest + 0.35) / 2e-3) + 1)
    experiment = Experiment((depth, 300.0), [[depth, 301.0 + 2 * half]], ricker(10.0), times)  # not at the source
    way = path * np.array([-np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])  # as far, but straight on
    incident = Experiment((depth, 300.0), [np.array([depth, 300.0]) + way], ricker(10.0), times)
    worst = 0.0
    for case in medium.cases:

        def run(extra: int, case: Known = case) -> np.ndarray:
            """Simulate with `extra` more cells before the layer on top."""
            grid = Grid((91 + extra, n), h, origin=(-extra * h, 0.0))
            return np.asarray(medium.run(physics, grid, experiment, case, boundary=Boundary(sides)).data[0])

        apart = ((run(0) - run(100)) ** 2).sum(0) ** 0.5
        straight = (case.exact(incident)[:, 0] ** 2).sum(0) ** 0.5
        worst = max(worst, float(apart.max() / straight.max()))
    return worst


def growth(physics: Physics, steps: int, typical: Mapping[str, float] | None = None) -> float:
    """Return the largest amplitude in the last tenth of a long record over the largest in the first tenth."""
    typical = typical_values(physics, typical)
    h = typical_speed(physics, typical) / 200
    grid = Grid((60, 80), h)
    survey = Survey.surface(
        sources=line(40 * h, 40 * h, every=1, depth=30 * h), receivers=line(0, 79 * h, every=7.9 * h, depth=h),
        wavelet=ricker(10.0), duration=(steps - 1) * 2e-3, dt=2e-3,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    values = {n: v * (1 + 0.2 * torch.rand(grid.shape, generator=generator)) for n, v in typical.items()}
    data = Propagator(physics, grid, survey)(Model(grid, **values)).data[0].abs()
    tenth = steps // 10
    return float(data[:, -tenth:].max() / data[:, :tenth].max())


def reciprocity_error(physics: Physics, *, free_surface: bool = False, order: int = 8) -> float:
    """Return the relative difference of data with source and receiver exchanged, off the nodes, in a rough model.

    For every two of the physics' pairs of a kind of source and a component; with a free surface one place is on it.
    """
    grid = Grid((40, 50), 10.0)
    a, b = np.array([[0.0 if free_surface else 83.7, 101.2]]), np.array([[251.9, 377.3]])
    values = {
        n: v * (1 + 0.2 * torch.rand(grid.shape, generator=torch.Generator().manual_seed(k), dtype=torch.float64))
        for k, (n, v) in enumerate(typical_values(physics, None).items())
    }
    usual = (
        (physics.kind or next(iter(physics.sources("zx"))), physics.record or next(iter(physics.components("zx")))),
    )
    worst = 0.0
    for first, second in itertools.combinations_with_replacement(physics.reciprocal or usual, 2):
        traces = []
        for source, receiver, kind, component in ((a, b, first[0], second[1]), (b, a, second[0], first[1])):
            survey = Survey.surface(
                sources=source, receivers=receiver, wavelet=ricker(15.0), duration=0.5, dt=2e-3, kind=kind,
                components=(component,),
            )  # fmt: skip
            boundary = Boundary(free_surface=free_surface)
            traces.append(Propagator(physics, grid, survey, order=order, boundary=boundary)(Model(grid, **values)).data)
        worst = max(worst, relative(traces[0], traces[1]))
    return worst
