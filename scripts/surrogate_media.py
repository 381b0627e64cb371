"""Media of the surrogate's table and a simulator for them: what rows P3 and P4 compare with.  SI units."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from scipy.interpolate import RectBivariateSpline
from surrogate_waves import marched, steps_of

from seisinv.surrogate import Initial

Velocity = Callable[[np.ndarray, np.ndarray], np.ndarray]


def mixture(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return 1000 m/s and a hundred Gaussians of 400 m and up to ±300 m/s in ±3 km.

    The wave example of FBPINNs (Moseley, Markham & Nissen-Meyer 2023) in units of km and km/s: the same generator,
    seed 0 and order of draws.
    """
    random = np.random.RandomState(0)
    place = random.uniform(-3, 3, (100, 2))
    size = 0.3 * random.uniform(-1, 1, (100, 1))[:, 0]
    c = np.ones_like(z)
    for (x0, z0), a in zip(place, size, strict=True):
        c = c + a * np.exp(-((x / 1e3 - x0) ** 2 + (z / 1e3 - z0) ** 2) / (2 * 0.4**2))
    return 1e3 * c


def layers(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return 1500 m/s above 200 m and 2500 m/s below, sharp."""
    return np.where(z < 200.0, 1500.0, 2500.0) + 0 * x


JUMPS: dict[str, Velocity] = {  # 1500 and 2500 m/s, in places 1800 m/s
    "dip of 17°": lambda z, x: np.where(z < 200 + 0.3 * x, 1500.0, 2500.0),
    "bowl": lambda z, x: np.where(z > 150 + 300 * np.cos(x / 350), 2500.0, 1500.0),
    "three layers": lambda z, x: np.where(z < 100, 1500.0, np.where(z < 500, 2500.0, 1800.0)) + 0 * x,
    "body of 400 m radius": lambda z, x: np.where((z - 250) ** 2 + (x - 100) ** 2 < 400**2, 2500.0, 1500.0),
}


def snapshots(
    points: Sequence[np.ndarray], nodes: int, *, half: float, velocity: Velocity, start: Initial
) -> tuple[np.ndarray, float]:
    """Simulate on a periodic square of ±half, m; `points` are (z, x, t) of one equidistant time after the other.

    Returns the field at the points and the CPU seconds of the loop.
    """
    h = 2 * half / nodes
    axis = -half + h * (np.arange(nodes) + 0.5)
    z, x = np.meshgrid(axis, axis, indexing="ij")
    c, between = velocity(z, x), float(points[0][0, 2])
    per = steps_of(between, h, c)
    fields, seconds, out = marched(start.value(z, x), c, h, between / per), 0.0, []
    next(fields)
    for at in points:
        began = time.process_time()
        *_, p = islice(fields, per)
        seconds += time.process_time() - began
        out.append(RectBivariateSpline(axis, axis, p, kx=5, ky=5).ev(at[:, 0], at[:, 1]))
    return np.concatenate(out), seconds


def times(duration: float, half: float, *, count: int = 30, each: int = 130) -> list[np.ndarray]:
    """Return points (z, x, t) at random places of ±half, for equidistant times up to the duration."""
    random = np.random.default_rng(7)
    return [
        np.column_stack([random.uniform(-half, half, (each, 2)), np.full(each, (n + 1) * duration / count)])
        for n in range(count)
    ]
