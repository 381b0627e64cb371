"""Waves from a Gaussian, by other means: what the surrogate's tests and table compare with.  SI units."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.special import j0

import seisinv as si
from seisinv.surrogate import Initial

WIDTH = 200.0  # m, standard deviation of the Gaussian
SPEED = 1000.0  # m/s


def gaussian(z0: float = 0.0, x0: float = 0.0) -> Initial:
    return Initial(lambda z, x: np.exp(-((z - z0) ** 2 + (x - x0) ** 2) / (2 * WIDTH**2)))


def square(half: float, nodes: int = 65, lens: bool = False) -> si.Model:
    """Return a model on ±half, m; the lens is 20 % faster beside one 15 % slower."""
    grid = si.Grid((nodes, nodes), 2 * half / (nodes - 1), (-half, -half))
    z, x = np.meshgrid(grid.coordinates("z"), grid.coordinates("x"), indexing="ij")
    return si.Model(grid, vp=lens_velocity(z, x) if lens else SPEED)


def lens_velocity(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    fast = 0.20 * np.exp(-((x - 400) ** 2 + (z - 300) ** 2) / (2 * 250**2))
    slow = 0.15 * np.exp(-((x + 400) ** 2 + (z + 200) ** 2) / (2 * 300**2))
    return SPEED * (1 + fast - slow)


def scored(count: int, duration: float, seed: int = 7) -> np.ndarray:
    """Return points (z, x, t) at random in ±1000 m and the duration."""
    low, high = np.array([-1000, -1000, 0.0]), np.array([1000, 1000, duration])
    return low + (high - low) * np.random.default_rng(seed).uniform(size=(count, 3))


def free(points: np.ndarray) -> np.ndarray:
    """Return σ² ∫ exp(−σ²k²/2) cos(ckt) J₀(kr) k dk by Gauss–Legendre: exact to rounding."""
    k, w = np.polynomial.legendre.leggauss(300)
    k, w = (k + 1) * 0.5 * 9 / WIDTH, w * 0.5 * 9 / WIDTH  # exp(−9²/2) is below rounding
    r, t = np.hypot(points[:, 0], points[:, 1]), points[:, 2]
    return (np.cos(SPEED * t[:, None] * k) * j0(r[:, None] * k)) @ (w * k * WIDTH**2 * np.exp(-((WIDTH * k) ** 2) / 2))


def walled(points: np.ndarray, half: float = 1000.0, modes: int = 40) -> np.ndarray:
    """Return the sum of the modes of a square whose walls hold p = 0; the start vanishes there to 4e-6."""
    x, w = np.polynomial.legendre.leggauss(200)
    x, w = half * x, half * w
    wave = np.arange(1, modes + 1) * np.pi / (2 * half)
    amplitude = (np.sin(wave[:, None] * (x + half)) * np.exp(-(x**2) / (2 * WIDTH**2))) @ w / half
    z, x = (np.sin((points[:, k, None] + half) * wave) * amplitude for k in (0, 1))
    time = np.cos(SPEED * points[:, 2, None, None] * np.hypot(wave[:, None], wave))
    return np.einsum("pm,pn,pmn->p", z, x, time)


def steps_of(duration: float, h: float, c: np.ndarray) -> int:
    """Return the number of steps that `marched` needs for a duration."""
    return int(np.ceil(duration / (0.2 * h / np.sqrt((c**2).max()))))


def marched(p: np.ndarray, c: np.ndarray, h: float, dt: float) -> Iterator[np.ndarray]:
    """Yield a periodic field that starts at rest, every `dt`: pseudo-spectral in space, fourth order in time."""
    c2, k = c**2, 2 * np.pi * np.fft.fftfreq(len(p), h)
    minus = -(k[:, None] ** 2 + k[None, : len(p) // 2 + 1] ** 2)

    def rate(u: np.ndarray) -> np.ndarray:
        return c2 * np.fft.irfft2(minus * np.fft.rfft2(u), s=u.shape)

    yield p
    a = rate(p)
    before, p = p, p + dt**2 / 2 * a + dt**4 / 24 * rate(a)
    while True:
        yield p
        a = rate(p)
        before, p = p, 2 * p - before + dt**2 * a + dt**4 / 12 * rate(a)


def spectral(
    points: np.ndarray,
    nodes: int,
    *,
    half: float,
    velocity: Callable[[np.ndarray, np.ndarray], np.ndarray],
    walls: bool = False,
) -> tuple[np.ndarray, float]:
    """Simulate on a periodic square of ±half, m; return the field at the points and the CPU seconds of the time loop.

    `walls` at ±1000 m are made by odd images.
    """
    h, duration = 2 * half / nodes, points[:, 2].max()
    z, x = np.meshgrid(-half + h * np.arange(nodes), -half + h * np.arange(nodes), indexing="ij")
    c = velocity(z, x)
    images = [(m, (-1.0) ** m) for m in (-1, 0, 1)] if walls else [(0, 1.0)]
    line = sum(s * np.exp(-((z[:, 0] - 2000 * m) ** 2) / (2 * WIDTH**2)) for m, s in images)
    steps = steps_of(duration, h, c)
    dt = duration / steps
    start = time.process_time()
    kept = list(islice(marched(line[:, None] * line[None], c, h, dt), steps + 2))
    seconds = time.process_time() - start
    axis = z[:, 0]
    look = RegularGridInterpolator((dt * np.arange(len(kept)), axis, axis), np.array(kept), method="cubic")
    return look(points[:, [2, 0, 1]]), seconds
