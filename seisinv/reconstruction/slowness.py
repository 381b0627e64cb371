"""The model from given fields: a linear solve for m = 1/vp², with a penalty, within bounds.

    minimise over m   Σ |m v − s|² / E + R(m)

v and s are the two parts of the equation on the fields, E its misfit in the current model, R the penalty as a quadratic
form around the current velocity: Tikhonov is one, total variation is replaced by the one that touches it there (Vogel &
Oman 1996, doi 10.1137/0917016), and a prior pulls towards its target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seisinv.core import ConfigError, Model
from seisinv.priors import Penalty, Tikhonov, TotalVariation
from seisinv.priors.penalty import UNIT, Attraction


@dataclass
class Normal:
    """Normal equations of m, summed over frequencies and sources.

    Parameters
    ----------
    matrix : sparse (nodes, nodes)
    right : (nodes,) array
    misfit : float
        Σ |m v − s|² in the current model.
    """

    matrix: Any
    right: np.ndarray
    misfit: float


def normal(spread: Any, value: np.ndarray, space: np.ndarray, m: np.ndarray) -> Normal:
    """Return the normal equations of Σ |(B m) v − s|², B interpolating from nodes to points."""
    from scipy.sparse import diags

    at = (spread @ m.ravel())[:, None]
    weight = np.sum(np.abs(value) ** 2, axis=1)
    right = np.sum((value.conj() * space).real, axis=1)
    misfit = float(np.sum(np.abs(at * value - space) ** 2))
    return Normal(spread.T @ diags(weight) @ spread, spread.T @ right, misfit)


def solve(equations: Normal, model: Model, penalties: list[Penalty], *, box: tuple[np.ndarray, np.ndarray]) -> Model:
    """Return the model that fits best; nodes whose bounds meet keep their value.

    Parameters
    ----------
    equations : Normal
    model : Model
        The current one.
    penalties : list of Tikhonov, TotalVariation, or what a prior's `penalty` gives
    box : lowest and highest vp (nz, nx), m/s
    """
    from scipy.sparse import csr_matrix, diags
    from scipy.sparse.linalg import spsolve

    vp = model["vp"].detach().double().numpy()
    m = 1 / vp.ravel() ** 2
    unit = float(m.mean())  # unknowns are m / unit
    misfit = max(equations.misfit, np.finfo(float).tiny)
    matrix, right = equations.matrix * (2 * unit**2 / misfit), equations.right * (2 * unit / misfit)
    # vp / 1000 = 1.5 vp₀ / 1000 − ½ vp₀³ m / 1000 to first order around the current vp₀.
    slope, constant = diags(-0.5 * vp.ravel() ** 3 * unit / UNIT), 1.5 * vp.ravel() / UNIT
    for penalty in penalties:
        form, target = quadratic(penalty, model)
        matrix = matrix + slope @ form @ slope
        right = right - slope @ (form @ (constant - target))
    least = 1e-9 * float(matrix.diagonal().mean())  # nodes that no row sees and no penalty holds stay as they are
    matrix, right = matrix + diags(np.full(len(m), least)), right + least * m / unit
    free = (box[0] < box[1]).ravel()
    x = m / unit
    kept = csr_matrix(matrix)[free]
    x[free] = spsolve(kept[:, free].tocsc(), right[free] - kept[:, ~free] @ x[~free])
    low, high = (np.broadcast_to(b, vp.shape).ravel() for b in box)
    found = np.clip(np.maximum(x * unit, 1 / high.max() ** 2) ** -0.5, low, high).reshape(vp.shape)
    return model.replace(vp=np.where(free.reshape(vp.shape), found, vp)).to(model["vp"].dtype)


def quadratic(penalty: Penalty, model: Model) -> tuple[Any, np.ndarray]:
    """Return Q and y₀ such that the penalty is ½ (y − y₀)ᵀ Q (y − y₀) near the model, y = vp / 1000."""
    from scipy.sparse import diags, identity

    shape, n = model.grid.shape, model["vp"].numel()
    y = model["vp"].detach().double().numpy().ravel() / UNIT
    if isinstance(penalty, Attraction):
        target = penalty.target["vp"].detach().double().numpy().ravel() / UNIT
        return identity(n) * (penalty.weight / n * (UNIT / penalty.distance) ** 2), target
    if not isinstance(penalty, Tikhonov | TotalVariation):
        raise ConfigError(f"penalty is {penalty!r}; here it must be Tikhonov, TotalVariation or a prior")
    axes = penalty.axes or (1.0,) * len(shape)
    order = penalty.order if isinstance(penalty, Tikhonov) else 1
    steps = [
        (_difference(shape, k, order) * (penalty.length / h) ** order, c)
        for k, (h, c) in enumerate(zip(model.grid.spacing, axes, strict=True))
    ]
    if isinstance(penalty, Tikhonov):
        zero = np.zeros(n) if penalty.reference is None else penalty.reference["vp"].double().numpy().ravel() / UNIT
        return sum(d.T @ d * (penalty.weight * c / d.shape[0]) for d, c in steps), zero
    wide = [(_padded(d, shape, k), c) for k, (d, c) in enumerate(steps)]
    size = np.sqrt(sum(c * (d @ y) ** 2 for d, c in wide) + penalty.smoothing**2)
    return sum(d.T @ diags(c / size) @ d for d, c in wide) * (penalty.weight / n), np.zeros(n)


def _difference(shape: tuple[int, ...], axis: int, order: int) -> Any:
    from scipy.sparse import csr_matrix

    return _along(csr_matrix(np.diff(np.eye(shape[axis]), n=order, axis=0)), shape, axis).tocsr()


def _padded(difference: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Return first differences with a row of zeros at the end of the axis: one for each node."""
    from scipy.sparse import eye

    return _along(eye(shape[axis], shape[axis] - 1), shape, axis) @ difference


def _along(matrix: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Return a matrix along one axis for the nodes of a grid [z, x]."""
    from scipy.sparse import identity, kron

    return kron(matrix, identity(shape[1])) if axis == 0 else kron(identity(shape[0]), matrix)
