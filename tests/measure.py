"""What the engine is measured by; the tests assert on small cases, `scripts/verify` prints the large ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import hankel2
from torch import Tensor

import seisinv as si

PHYSICS: tuple[si.Physics, ...] = tuple(cls() for cls in si.Physics.__subclasses__())


@dataclass(frozen=True)
class Problem:
    """A rough random model, off-grid sources and receivers, random source time functions."""

    simulate: si.Propagator
    vectors: tuple[Tensor, ...]
    wavelet: Tensor

    def data(self, *vectors: Tensor, wavelet: Tensor | None = None) -> Tensor:
        names = self.simulate.physics.parameters
        model = si.Model(self.simulate.grid, **dict(zip(names, vectors or self.vectors, strict=True)))
        return self.simulate(model, self.wavelet if wavelet is None else wavelet).data

    def with_leaves(self) -> tuple[Tensor, ...]:
        return tuple(v.clone().requires_grad_() for v in self.vectors)


MEANS = {"vp": 2000.0, "vs": 1000.0, "rho": 2000.0}


def problem(
    physics: si.Physics,
    *,
    shape: tuple[int, ...] = (24, 28),
    steps: int = 40,
    order: int = 4,
    free_surface: bool = False,
    seed: int = 0,
    dt: float = 4e-3,
    shots: int = 2,
    **options: object,
) -> Problem:
    """Build a problem whose data step differs from the solver's."""
    grid = si.Grid(shape, 10.0)
    rng = np.random.default_rng(seed)
    extent = np.array(grid.extent)[:, 1]
    survey = si.Survey(
        tuple(
            si.Shot(
                rng.uniform(0, 1, (1 + k, grid.ndim)) * extent, rng.uniform(0, 1, (9 - k, grid.ndim)) * extent, k + 1
            )
            for k in range(shots)
        ),
        si.TimeAxis(dt, steps),
    )
    generator = torch.Generator().manual_seed(seed)
    vectors = tuple(
        MEANS[n] * (1 + 0.15 * torch.rand(shape, generator=generator, dtype=torch.float64)) for n in physics.parameters
    )
    wavelet = torch.randn(shots, survey.max_sources, steps, generator=generator, dtype=torch.float64)
    boundary = si.Boundary(width=8, free_surface=free_surface)
    simulate = si.Propagator(physics, grid, survey, order=order, boundary=boundary, vp_max=2600.0, **options)  # type: ignore[arg-type]
    return Problem(simulate, vectors, wavelet)


def like(t: Tensor, seed: int) -> Tensor:
    return torch.randn(t.shape, generator=torch.Generator().manual_seed(seed), dtype=t.dtype)


def inner(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> float:
    return float(sum((x * y).sum() for x, y in zip(a, b, strict=True)))


def adjoint_error(p: Problem) -> float:
    """|⟨F s, y⟩ − ⟨s, Fᵀ y⟩| / |⟨F s, y⟩|."""
    wavelet = p.wavelet.clone().requires_grad_()
    data = p.data(wavelet=wavelet)
    y = like(data, 1)
    (back,) = torch.autograd.grad((data * y).sum(), wavelet)
    forward = float((data.detach() * y).sum())
    return abs(forward - float((wavelet.detach() * back).sum())) / abs(forward)


def born(p: Problem, along: tuple[Tensor, ...]) -> Tensor:
    return torch.func.jvp(p.data, p.vectors, along)[1]


def gradient(p: Problem, y: Tensor, vectors: tuple[Tensor, ...] | None = None) -> tuple[Tensor, ...]:
    leaves = tuple(v.clone().requires_grad_() for v in (vectors or p.vectors))
    return torch.autograd.grad((p.data(*leaves) * y).sum(), leaves)


def born_adjoint_error(p: Problem) -> float:
    """|⟨J m, y⟩ − ⟨m, Jᵀ y⟩| / |⟨J m, y⟩|."""
    along = tuple(like(v, 2 + k) for k, v in enumerate(p.vectors))
    change = born(p, along)
    y = like(change, 1)
    left = float((change * y).sum())
    return abs(left - inner(along, gradient(p, y))) / abs(left)


def taylor_slopes(p: Problem, exponents: np.ndarray) -> np.ndarray:
    """Slopes of log |F(m + h v) − F(m) − h J v| against log h, per decade; 10^exponents are the h in units of 1 m/s."""
    along = tuple(like(v, 5 + k) for k, v in enumerate(p.vectors))
    base, change = p.data(), born(p, along)
    rest = []
    for h in 10.0**exponents:
        moved = p.data(*(v + h * a for v, a in zip(p.vectors, along, strict=True)))
        rest.append(float((moved - base - h * change).norm()))
    return np.diff(np.log10(rest)) / np.diff(exponents)


def reference_error(p: Problem) -> tuple[float, float]:
    """Relative difference of data and gradient from torch autograd through the reference backend."""
    slow = Problem(p.simulate.replace(backend="reference"), p.vectors, p.wavelet)
    data, truth = p.data(), slow.data()
    y = like(data, 1)
    pairs = zip(gradient(p, y), gradient(slow, y), strict=True)
    return relative(data, truth), max(relative(a, b) for a, b in pairs)


def relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


def hessian_product(p: Problem, y: Tensor, along: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    leaves = p.with_leaves()
    first = torch.autograd.grad((p.data(*leaves) * y).sum(), leaves, create_graph=True)
    return torch.autograd.grad(first, leaves, grad_outputs=along)


def hessian_errors(p: Problem, step: float = 0.1) -> tuple[float, float]:
    """Asymmetry ⟨H u, v⟩ against ⟨u, H v⟩, and difference from central differences of gradients (Richardson)."""
    y = like(p.data(), 1)
    u, v = (tuple(like(x, s + k) for k, x in enumerate(p.vectors)) for s in (10, 20))
    hu, hv = hessian_product(p, y, u), hessian_product(p, y, v)
    asymmetry = abs(inner(hu, v) - inner(u, hv)) / abs(inner(hu, v))

    def difference(h: float) -> tuple[Tensor, ...]:
        ends = [gradient(p, y, tuple(x + s * h * d for x, d in zip(p.vectors, u, strict=True))) for s in (1, -1)]
        return tuple((a - b) / (2 * h) for a, b in zip(*ends, strict=True))

    coarse, fine = difference(step), difference(step / 2)
    best = tuple((4 * f - c) / 3 for c, f in zip(coarse, fine, strict=True))
    return asymmetry, max(relative(a, b) for a, b in zip(hu, best, strict=True))


def green_2d(
    offset: np.ndarray, wavelet: Callable[[np.ndarray], np.ndarray], times: np.ndarray, speed: float
) -> np.ndarray:
    """Exact pressure [receiver, time] of a line source: −(i/4) H₀⁽²⁾(ω r / c) S(ω) at complex frequencies."""
    dt, n = times[1] - times[0], 8 * len(times)
    eta = np.log(1e9) / (n * dt)  # damping that makes the wrapped-around tail 1e-9
    fine = dt * np.arange(n)
    spectrum = np.fft.rfft(wavelet(fine) * np.exp(-eta * fine)) * dt
    omega = 2 * np.pi * np.fft.rfftfreq(n, dt) - 1j * eta
    field = -0.25j * hankel2(0, omega * np.asarray(offset)[:, None] / speed) * spectrum
    return np.fft.irfft(field, n)[:, : len(times)] / dt * np.exp(eta * times)


def green_error(physics: si.Physics, *, wavelengths: float = 20, order: int = 8, per_wavelength: float = 10) -> float:
    """Largest relative L2 error of a trace, absolute amplitude, against the exact 2-D solution.

    `per_wavelength` points and `wavelengths` are counted at the highest frequency, 2.5 × the Ricker's peak.
    """
    speed, h = 2000.0, 10.0
    top = speed / (per_wavelength * h)
    reach = wavelengths * speed / top
    nx = int(reach / h) + 41
    nz = (
        2 * int(0.35 * reach / h) + 81
    )  # room on both sides, so that nothing grazes the absorbing layers within the record
    grid = si.Grid((nz, nx), h)
    source = np.array([[nz // 2 * h + 3.0, 204.0]])
    angles, distances = np.array([0, 0, 0, 0.15, -0.3]), reach * np.array([0.1, 0.5, 1.0, 1.0, 0.7])
    receivers = source + distances[:, None] * np.stack([np.sin(angles), np.cos(angles)], 1)
    keep = grid.contains(receivers)
    receivers, distances = receivers[keep], distances[keep]
    wavelet = si.ricker(top / 2.5)
    duration = distances.max() / speed + 4 * 2.5 / top
    survey = si.Survey.surface(sources=source, receivers=receivers, wavelet=wavelet, duration=duration, dt=2e-3)
    simulate = si.Propagator(physics, grid, survey, order=order)
    values = {
        n: torch.full(grid.shape, {"vp": speed, "rho": 1.0}.get(n, 1.0) if n == "vp" else 1000.0, dtype=torch.float64)
        for n in physics.parameters
    }
    data = simulate(si.Model(grid, **values)).data[0].numpy()
    exact = exact_pressure(physics, distances, wavelet, survey.time.times, speed)
    return float((np.linalg.norm(data - exact, axis=1) / np.linalg.norm(exact, axis=1)).max())


def exact_pressure(
    physics: si.Physics,
    distance: np.ndarray,
    wavelet: Callable[[np.ndarray], np.ndarray],
    times: np.ndarray,
    speed: float,
) -> np.ndarray:
    """Exact pressure in a homogeneous medium of density 1000 kg/m³ for the physics' own source."""
    if "rho" not in physics.parameters:
        return green_2d(distance, wavelet, times, speed)
    h = 1e-4

    def rate(t: np.ndarray) -> np.ndarray:
        """The scalar equation's source is rho ∂s/∂t: fourth-order difference, error (ω h)⁴ / 30 < 1e-9."""
        return 1000.0 * (8 * (wavelet(t + h) - wavelet(t - h)) - (wavelet(t + 2 * h) - wavelet(t - 2 * h))) / (12 * h)

    return green_2d(distance, rate, times, speed)


def convergence_order(physics: si.Physics, order: int, spacings: tuple[float, float], peak: float = 2.5) -> float:
    """Observed order in space: slope of the L2 error of traces between two spacings.

    The last tenth of the record is left out: cutting a record off leaves an error in its last samples.
    """
    speed, errors = 2000.0, []
    wavelet = si.ricker(peak, delay=2 / peak)
    source = np.array([[1600.0, 1600.0]])  # far enough from the edges that nothing comes back within the record
    receivers = source + np.array([[0.0, 640.0], [240.0, 400.0], [480.0, 640.0]])  # nodes at every spacing used
    for h in spacings:
        n = round(4000 / h) + 1
        grid = si.Grid((n, n), h)
        survey = si.Survey.surface(sources=source, receivers=receivers, wavelet=wavelet, duration=1.8, dt=4e-3)
        simulate = si.Propagator(physics, grid, survey, order=order)
        values = {
            p: torch.full(grid.shape, speed if p == "vp" else 1000.0, dtype=torch.float64) for p in physics.parameters
        }
        data = simulate(si.Model(grid, **values)).data[0].numpy()
        distance = np.linalg.norm(receivers - source, axis=1)
        exact = exact_pressure(physics, distance, wavelet, survey.time.times, speed)
        early = slice(0, int(0.9 * survey.time.samples))
        errors.append(np.linalg.norm((data - exact)[:, early]) / np.linalg.norm(exact[:, early]))
    return float(np.log(errors[0] / errors[-1]) / np.log(spacings[0] / spacings[-1]))


def reflection(physics: si.Physics, degrees: float, width: int = 20) -> float:
    """Largest reflected over largest incident amplitude at a receiver, for a ray that meets the layer at an angle."""
    h, depth = 10.0, 300.0
    half = depth * np.tan(np.radians(degrees))
    n = int(2 * half / h) + 61
    source, receiver = np.array([[depth, 300.0]]), np.array([[depth, 300.0 + 2 * half]])

    def run(extra: int) -> np.ndarray:
        """Simulate with `extra` more cells before the layer on top."""
        grid = si.Grid((91 + extra, n), h, origin=(-extra * h, 0.0))
        survey = si.Survey.surface(
            sources=source, receivers=receiver, wavelet=si.ricker(10.0), dt=2e-3,
            duration=2 * np.hypot(depth, half) / 2000 + 0.35,
        )  # fmt: skip
        sides = {"top": width, "bottom": 20, "left": 20, "right": 20}  # the same in both runs
        simulate = si.Propagator(physics, grid, survey, boundary=si.Boundary(sides))
        values = {
            p: torch.full(grid.shape, 2000.0 if p == "vp" else 1000.0, dtype=torch.float64) for p in physics.parameters
        }
        return simulate(si.Model(grid, **values)).data[0, 0].numpy()

    near, far = run(0), run(100)
    path = 2 * np.hypot(depth, half)
    incident = exact_pressure(physics, np.array([path]), si.ricker(10.0), 2e-3 * np.arange(len(near)), 2000.0)
    return float(np.abs(near - far).max() / np.abs(incident).max())


def growth(physics: si.Physics, steps: int) -> float:
    """Largest amplitude in the last tenth of a long record over the largest in the first tenth."""
    grid = si.Grid((60, 80), 10.0)
    survey = si.Survey.surface(
        sources=si.line(400, 400, every=1, depth=300), receivers=si.line(0, 790, every=79, depth=10),
        wavelet=si.ricker(10.0), duration=(steps - 1) * 2e-3, dt=2e-3,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    values = {
        p: (2000.0 if p == "vp" else 1000.0) * (1 + 0.2 * torch.rand(grid.shape, generator=generator))
        for p in physics.parameters
    }
    simulate = si.Propagator(physics, grid, survey)
    data = simulate(si.Model(grid, **values)).data[0].abs()
    tenth = steps // 10
    return float(data[:, -tenth:].max() / data[:, :tenth].max())


def reciprocity_error(physics: si.Physics) -> float:
    """Relative difference between data with source and receiver exchanged, off-grid, in a rough model."""
    grid = si.Grid((40, 50), 10.0)
    a, b = np.array([[83.7, 101.2]]), np.array([[251.9, 377.3]])
    values = {
        n: MEANS[n]
        * (1 + 0.2 * torch.rand(grid.shape, generator=torch.Generator().manual_seed(k), dtype=torch.float64))
        for k, n in enumerate(physics.parameters)
    }
    traces = []
    for source, receiver in ((a, b), (b, a)):
        survey = si.Survey.surface(sources=source, receivers=receiver, wavelet=si.ricker(15.0), duration=0.5, dt=2e-3)
        traces.append(si.Propagator(physics, grid, survey)(si.Model(grid, **values)).data)
    return relative(traces[0], traces[1])
