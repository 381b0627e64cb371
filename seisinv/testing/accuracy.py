"""Accuracy of the package's wave equations: exact solutions, convergence, absorption, stability, reciprocity."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import hankel2

from seisinv.core import Grid, Model, Survey, line, ricker
from seisinv.physics import Acoustic, AcousticDensity, Physics
from seisinv.propagate import Boundary, Propagator
from seisinv.testing.problem import relative, typical_speed, typical_values

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Homogeneous:
    """A homogeneous medium and its exact solution.

    Parameters
    ----------
    values : mapping of str to float, SI units
        The parameters.
    source : callable
        From a source time function to the right-hand side of the scalar wave equation (1/c²) ∂²p/∂t² − ∇²p.
    """

    values: Mapping[str, float]
    source: Callable[[Function], Function]
    speed: float = 2000.0

    def model(self, grid: Grid) -> Model:
        """Return the medium on a grid, in float64."""
        return Model(grid, **self.values).to(torch.float64)

    def pressure(self, distance: np.ndarray, wavelet: Function, times: np.ndarray) -> np.ndarray:
        """Return the exact pressure [receiver, time], Pa, at distances in metres."""
        return green_2d(distance, self.source(wavelet), times, self.speed)


def _rate(wavelet: Function) -> Function:
    """rho ∂s/∂t by fourth-order differences, error (ω h)⁴ / 30 < 1e-9."""
    h = 1e-4
    return lambda t: (
        1000.0 * (8 * (wavelet(t + h) - wavelet(t - h)) - (wavelet(t + 2 * h) - wavelet(t - 2 * h))) / (12 * h)
    )


EXACT: Mapping[Physics, Homogeneous] = {
    Acoustic(): Homogeneous({"vp": 2000.0}, lambda wavelet: wavelet),
    AcousticDensity(): Homogeneous({"vp": 2000.0, "rho": 1000.0}, _rate),
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


def green_error(physics: Physics, *, wavelengths: float = 20, order: int = 8, per_wavelength: float = 10) -> float:
    """Return the largest relative L2 error of a trace, absolute amplitude, against the exact 2-D solution.

    `per_wavelength` points and `wavelengths` are counted at the highest frequency, 2.5 × the Ricker's peak.
    """
    medium, h = EXACT[physics], 10.0
    top = medium.speed / (per_wavelength * h)
    reach = wavelengths * medium.speed / top
    nx = int(reach / h) + 41
    nz = 2 * int(0.35 * reach / h) + 81  # room on both sides: nothing grazes the absorbing layers within the record
    grid = Grid((nz, nx), h)
    source = np.array([[nz // 2 * h + 3.0, 204.0]])
    angles, distances = np.array([0, 0, 0, 0.15, -0.3]), reach * np.array([0.1, 0.5, 1.0, 1.0, 0.7])
    receivers = source + distances[:, None] * np.stack([np.sin(angles), np.cos(angles)], 1)
    keep = grid.contains(receivers)
    receivers, distances = receivers[keep], distances[keep]
    wavelet = ricker(top / 2.5)
    duration = distances.max() / medium.speed + 4 * 2.5 / top
    survey = Survey.surface(sources=source, receivers=receivers, wavelet=wavelet, duration=duration, dt=2e-3)
    data = Propagator(physics, grid, survey, order=order)(medium.model(grid)).data[0].numpy()
    exact = medium.pressure(distances, wavelet, survey.time.times)
    return float((np.linalg.norm(data - exact, axis=1) / np.linalg.norm(exact, axis=1)).max())


def convergence_order(physics: Physics, order: int, spacings: tuple[float, float], peak: float = 2.5) -> float:
    """Return the observed order in space: slope of the L2 error of traces between two spacings (m).

    The last tenth of the record is left out: cutting a record off leaves an error in its last samples.
    """
    medium, errors = EXACT[physics], []
    wavelet = ricker(peak, delay=2 / peak)
    source = np.array([[1600.0, 1600.0]])  # far enough from the edges that nothing comes back within the record
    receivers = source + np.array([[0.0, 640.0], [240.0, 400.0], [480.0, 640.0]])  # nodes at every spacing used
    for h in spacings:
        n = round(4000 / h) + 1
        grid = Grid((n, n), h)
        survey = Survey.surface(sources=source, receivers=receivers, wavelet=wavelet, duration=1.8, dt=4e-3)
        data = Propagator(physics, grid, survey, order=order)(medium.model(grid)).data[0].numpy()
        exact = medium.pressure(np.linalg.norm(receivers - source, axis=1), wavelet, survey.time.times)
        early = slice(0, int(0.9 * survey.time.samples))
        errors.append(np.linalg.norm((data - exact)[:, early]) / np.linalg.norm(exact[:, early]))
    return float(np.log(errors[0] / errors[-1]) / np.log(spacings[0] / spacings[-1]))


def reflection(physics: Physics, degrees: float, width: int = 20) -> float:
    """Return the largest reflected over the largest incident amplitude, for a ray that meets the layer at an angle."""
    medium, h, depth = EXACT[physics], 10.0, 300.0
    half = depth * np.tan(np.radians(degrees))
    path = 2 * np.hypot(depth, half)
    n = int(2 * half / h) + 61
    sides = {"top": width, "bottom": 20, "left": 20, "right": 20}
    survey = Survey.surface(
        sources=np.array([[depth, 300.0]]), receivers=np.array([[depth, 300.0 + 2 * half]]), wavelet=ricker(10.0),
        dt=2e-3, duration=path / 2000 + 0.35,
    )  # fmt: skip

    def run(extra: int) -> np.ndarray:
        """Simulate with `extra` more cells before the layer on top."""
        grid = Grid((91 + extra, n), h, origin=(-extra * h, 0.0))
        simulate = Propagator(physics, grid, survey, boundary=Boundary(sides))
        return np.asarray(simulate(medium.model(grid)).data[0, 0])

    near, far = run(0), run(100)
    incident = medium.pressure(np.array([path]), ricker(10.0), 2e-3 * np.arange(len(near)))
    return float(np.abs(near - far).max() / np.abs(incident).max())


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
