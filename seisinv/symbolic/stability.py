"""Von Neumann analysis of a program: what one step does to exp(i k·x), hence stability limit and dispersion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from seisinv.symbolic.poly import Read
from seisinv.symbolic.program import Program


def symbol(program: Program, coefficients: Mapping[str, float], wavenumbers: np.ndarray) -> np.ndarray:
    """Return the matrices [..., field, field] by which one step multiplies the amplitudes of the fields.

    `wavenumbers` [..., axis] are in radians per cell.  Coefficients are constant; absorbing boundaries and point
    symbols are left out.
    """
    fields = [f for f in program.fields if f not in program.memory]
    k = np.asarray(wavenumbers, float)
    unit = np.eye(len(fields), dtype=complex)
    layers = set(program.profiles)  # which are 1 where they multiply a field
    state = {f: np.broadcast_to(unit[i], (*k.shape[:-1], len(fields))) for i, f in enumerate(fields)}
    for s in program.body:
        if s.where or s.left not in state:
            continue
        factors: dict[str, np.ndarray] = {}
        for m, c in s.right:
            reads = [a for a, _ in m if isinstance(a, Read)]
            row = next((r for r in reads if r.name in state), None)
            if row is None:
                continue
            size = float(c) * float(
                np.prod([coefficients[r.name] for r in reads if r is not row and r.name not in layers])
            )
            factors[row.name] = factors.get(row.name, 0) + size * np.exp(1j * (k @ np.array(row.offset)))
        state[s.left] = sum((f[..., None] * state[name] for name, f in factors.items()), np.zeros_like(state[s.left]))
    for a, b in program.swaps:
        state[a], state[b] = state[b], state[a]
    return np.stack([state[f] for f in fields], -2)


def is_stable(program: Program, coefficients: Mapping[str, float], *, samples: int = 9) -> bool:
    """Whether no wavenumber grows: spectral radius at most 1 + 1e-5 on a grid of wavenumbers up to Nyquist."""
    axes = np.meshgrid(*[np.linspace(0, np.pi, samples)] * program.ndim, indexing="ij")
    radii = np.abs(np.linalg.eigvals(symbol(program, coefficients, np.stack(axes, -1))))
    return bool(radii.max() <= 1 + 1e-5)


def stable_step(program: Program, coefficients: Callable[[float], Mapping[str, float]], guess: float) -> float:
    """Return the largest stable step, by bisection to 0.1 % (von Neumann analysis).

    Parameters
    ----------
    program : Program
        The forward program.
    coefficients : callable
        From a step, s, to the program's coefficients by name.
    guess : float, s
        Where to begin.

    Returns
    -------
    float, s
        No plane wave grows at this step.

    Examples
    --------
    The limit of the second-order scheme in two dimensions is a Courant number of 1/√2:

    >>> from seisinv.physics import Acoustic
    >>> from seisinv.symbolic import Field, derive
    >>> program = derive(Acoustic().equations("zx"), "zx", order=2, records={"p": Field("p")}, ratios=(1, 1)).forward
    >>> round(stable_step(program, lambda courant: {"K": courant**2}, 1.0), 2)
    0.71
    """
    low, high = 0.0, guess
    while is_stable(program, coefficients(high)):
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if is_stable(program, coefficients(middle)) else (low, middle)
    return low


def dispersion(program: Program, coefficients: Mapping[str, float], wavenumber: Sequence[float], phase: float) -> float:
    """Return the relative error of the phase velocity of the mode that is nearest to the true one.

    Parameters
    ----------
    program : Program
        The forward program.
    coefficients : mapping of str to float
        Its coefficients.
    wavenumber : sequence of float, radians per cell
        Along each axis.
    phase : float, radians
        What a true wave of that wavenumber turns by in one step.

    Returns
    -------
    float
        Numerical over true phase velocity, minus 1.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.symbolic import Field, derive
    >>> program = derive(Acoustic().equations("zx"), "zx", order=2, records={"p": Field("p")}, ratios=(1, 1)).forward
    >>> round(dispersion(program, {"K": 1e-4}, (0.0, 0.5), 0.01 * 0.5), 4)  # −(k h)² / 24
    -0.0104
    """
    phases = np.abs(np.angle(np.linalg.eigvals(symbol(program, coefficients, np.asarray(wavenumber)))))
    return float(phases[np.argmin(np.abs(phases - phase))] / phase - 1)
