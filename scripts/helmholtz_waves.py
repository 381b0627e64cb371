"""Harmonic waves by other means: finite differences of the Helmholtz equation, refined until they no longer change.

The scattered field u of a point source in a medium m = 1/c², around the field u₀ of the same source in m₀:

    Σ_a (1/s_a ∂/∂a)² u + ω² m u = −ω² (m − m₀) u₀

with e^{iωt}, s_a = 1 − iσ_a/ω in layers outside the model (Chew & Weedon 1994, doi 10.1002/mop.4650071304).  Staggered
differences of fourth order, sparse LU.  Written without the package's residual, so that it can disagree.  SI units.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu
from scipy.special import hankel2

import seisinv as si


@dataclass(frozen=True)
class Scattered:
    """A scattered field on a fine grid."""

    grid: si.Grid
    field: np.ndarray
    seconds: float  # CPU seconds of this process: assembly, factorisation, one solution

    def at(self, points: np.ndarray) -> np.ndarray:
        from scipy.interpolate import RegularGridInterpolator

        axes = [self.grid.coordinates(a) for a in "zx"]
        return RegularGridInterpolator(axes, self.field, method="cubic")(points)


def differences(
    model: si.Model, source: tuple[float, float], *, frequency: float, refine: int = 1, layer: float = 400.0
) -> Scattered:
    """Solve on `refine` times finer nodes; velocities between nodes are bilinear, outside those of the edge."""
    from scipy.interpolate import RegularGridInterpolator

    start, omega = time.process_time(), 2 * np.pi * frequency
    h = model.grid.spacing[0] / refine
    pad = round(layer / h)
    inner = [np.arange((n - 1) * refine + 1) * h + o for n, o in zip(model.grid.shape, model.grid.origin, strict=True)]
    axes = [np.concatenate([x[0] - h * np.arange(pad, 0, -1), x, x[-1] + h * np.arange(1, pad + 1)]) for x in inner]
    vp = model.vp.double().numpy()
    look = RegularGridInterpolator([model.grid.coordinates(a) for a in "zx"], vp)
    clipped = np.meshgrid(*[np.clip(a, x[0], x[-1]) for a, x in zip(axes, inner, strict=True)], indexing="ij")
    m = 1 / look(np.stack(clipped, -1)) ** 2
    m0 = 1 / float(look(np.array([source]))[0]) ** 2
    fastest, edges = float(vp.max()), [(x[0], x[-1]) for x in inner]
    second, stretched = [], []
    for a, (low, high), at in zip(axes, edges, source, strict=True):
        damping = [_damping(p, low, high, layer, fastest) for p in (a, a[:-1] + h / 2)]
        up = _staggered(len(a), h)
        g = [sp.diags(1 / (1 - 1j * d / omega)) for d, _ in damping]
        second.append(g[0] @ (-up.T) @ g[1] @ up)
        stretched.append(a - at - 1j / omega * (damping[0][1] - _damping(np.array([at]), low, high, layer, fastest)[1]))
    eye = [sp.identity(len(a)) for a in axes]
    matrix = sp.kron(second[0], eye[1]) + sp.kron(eye[0], second[1]) + omega**2 * sp.diags(m.ravel())
    r = np.sqrt(stretched[0][:, None] ** 2 + stretched[1][None] ** 2)
    near = np.abs(r) < 1e-6 * h
    background = -0.25j * hankel2(0, omega * np.sqrt(m0) * np.where(near, h, r))
    right = np.where(near, 0, -(omega**2) * (m - m0) * background)
    u = splu(sp.csc_matrix(matrix)).solve(right.ravel()).reshape(m.shape)
    keep = u[pad : len(axes[0]) - pad, pad : len(axes[1]) - pad]
    return Scattered(si.Grid(keep.shape, h, model.grid.origin), keep, time.process_time() - start)


def _damping(x: np.ndarray, low: float, high: float, layer: float, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Return σ(x), 1/s, and its integral from the edge, m/s: cubic, theoretical reflection 1e-5."""
    strength = 4 * speed * np.log(1e5) / (2 * layer)
    depth = np.maximum(x - high, 0) - np.maximum(low - x, 0)
    return strength * np.abs(depth / layer) ** 3, np.sign(depth) * strength * layer / 4 * np.abs(depth / layer) ** 4


def _staggered(n: int, h: float) -> sp.csr_matrix:
    """First derivative halfway between nodes [n − 1, n], fourth order, zero outside."""
    shape = (n - 1, n)
    return sp.diags([1 / 24, -9 / 8, 9 / 8, -1 / 24], [-1, 0, 1, 2], shape=shape, format="csr") / h
