"""Tests of one propagator in one model: adjoints, first and second derivatives, and one backend against another.

The tests are those of every operator and its derivatives: inner products (Claerbout 1992, "Earth Soundings Analysis",
ch. 5, the dot-product test), Taylor remainders, and differences of gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from seisinv.core import DataError, Model
from seisinv.propagate import Propagator
from seisinv.testing.problem import ForwardOperator, inner, normal, relative

ROUNDING = 4500  # units of rounding error: 1e-12 in float64, 5e-4 in float32


def dot_test(
    propagator: Propagator,
    model: Model,
    wavelet: Tensor | None = None,
    *,
    of: Literal["model", "wavelet"] = "model",
    rtol: float | None = None,
    seed: int = 0,
) -> float:
    """Test that the gradient is the transpose of the derivative to rounding, by two inner products.

    Parameters
    ----------
    propagator : Propagator
        What is tested.
    model : Model
        Where; its dtype is that of the computation.
    wavelet : (time,) or (shot, source, time) tensor, optional
        Source time functions; by default those of the survey.
    of : {"model", "wavelet"}
        Test the Jacobian with respect to the model, or the linear map from source time functions to data.
    rtol : float, optional
        Largest relative difference; by default 4500 units of rounding error, 1e-12 in float64 and 5e-4 in float32,
        which leaves room for cancellation among some thousand random terms.
    seed : int
        Of the random vectors.

    Returns
    -------
    float
        Their relative difference, |⟨A x, y⟩ − ⟨x, Aᵀ y⟩| / |⟨A x, y⟩|.

    Raises
    ------
    AssertionError
        If it is above `rtol`, with both inner products.

    Notes
    -----
    Aᵀ is the transpose of A if ⟨A x, y⟩ = ⟨x, Aᵀ y⟩ for all x and y, here random ones.  For `of="model"`, A x comes
    from forward-mode differentiation, for `of="wavelet"` from a simulation; Aᵀ y comes from reverse mode.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.testing import random_problem
    >>> p = random_problem(Acoustic(), steps=10)
    >>> dot_test(p.simulate, p.model, p.wavelet) < 1e-12
    True
    """
    p = _problem(propagator, model, wavelet)
    if of == "wavelet":
        leaf = p.wavelet.clone().requires_grad_()
        data = p.data(wavelet=leaf)
        y = normal(data, seed + 1)
        back = torch.autograd.grad((data * y).sum(), leaf)
        left, right = inner((data.detach(),), (y,)), inner((leaf.detach(),), back)
    else:
        along = p.directions(seed + 2)
        change = p.born(along)
        y = normal(change, seed + 1)
        left, right = inner((change,), (y,)), inner(along, p.gradient(y))
    error = abs(left - right) / abs(left)
    limit = ROUNDING * torch.finfo(p.vectors[0].dtype).eps if rtol is None else rtol
    if not error <= limit:
        raise AssertionError(
            f"the gradient with respect to the {of} is not the transpose of the derivative: ⟨A x, y⟩ = "
            f"{left:.12g} but ⟨x, Aᵀ y⟩ = {right:.12g}, a relative difference of {error:.3g}, above {limit:.3g}"
        )
    return error


def taylor_test(
    propagator: Propagator,
    model: Model,
    wavelet: Tensor | None = None,
    *,
    exponents: Sequence[float] | np.ndarray = (-3.0, -2.0, -1.0, 0.0),
    atol: float = 0.02,
    seed: int = 0,
) -> np.ndarray:
    """Test that the derivative is that of the simulation: the Taylor remainder falls with the square of the step.

    Parameters
    ----------
    propagator : Propagator
        What is tested.
    model : Model
        Where; the computation is in float64.
    wavelet : (time,) or (shot, source, time) tensor, optional
        Source time functions; by default those of the survey.
    exponents : sequence of float
        Logarithms of the steps h, in units of about a thousandth of each parameter (1 m/s at 2000 m/s).
    atol : float
        Largest difference of a slope from 2.  The third-order term makes about 0.01 of it at the largest step, rounding
        at the smallest.
    seed : int
        Of the random direction.

    Returns
    -------
    array
        Slopes of log remainder against log h, between neighbouring steps.

    Raises
    ------
    AssertionError
        If a slope differs from 2 by more than `atol`.

    Notes
    -----
    ‖F(m + h v) − F(m) − h J v‖ = O(h²) if and only if J v is the derivative of F along v.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.testing import random_problem
    >>> p = random_problem(Acoustic(), steps=10)
    >>> taylor_test(p.simulate, p.model, p.wavelet).round(1)
    array([2., 2., 2.])
    """
    p = _problem(propagator, model.to(torch.float64), wavelet)
    along = p.directions(seed + 5)
    base, change = p.data(), p.born(along)
    rest = []
    for h in 10.0 ** np.asarray(exponents):
        moved = p.data(*(v + h * a for v, a in zip(p.vectors, along, strict=True)))
        rest.append(float((moved - base - h * change).norm()))
    slopes = np.diff(np.log10(rest)) / np.diff(exponents)
    if not np.abs(slopes - 2).max() <= atol:
        raise AssertionError(
            f"the Taylor remainders {', '.join(f'{r:.3g}' for r in rest)} fall with slopes "
            f"{', '.join(f'{s:.3f}' for s in slopes)}; they must be within {atol:g} of 2: the derivative is wrong, or "
            "the steps are too large or too small"
        )
    return np.asarray(slopes)


def hessian_test(
    propagator: Propagator,
    model: Model,
    wavelet: Tensor | None = None,
    *,
    step: float = 0.1,
    limits: tuple[float, float] = (1e-10, 1e-6),
) -> tuple[float, float]:
    """Test that second derivatives are symmetric, and the derivatives of the gradient.

    Parameters
    ----------
    propagator : Propagator
        What is tested.
    model : Model
        Where; the computation is in float64.
    wavelet : (time,) or (shot, source, time) tensor, optional
        Source time functions; by default those of the survey.
    step : float
        Step of the differences, in units of about a thousandth of each parameter (1 m/s at 2000 m/s).
    limits : (float, float)
        Largest relative difference of ⟨H u, v⟩ and ⟨u, H v⟩, from rounding; and of H u from differences of gradients,
        which are good to 1e-8.

    Returns
    -------
    (float, float)
        The two relative differences.

    Raises
    ------
    AssertionError
        If one of them is too large.

    Notes
    -----
    H is the Hessian of ⟨F(m), y⟩ for random data y.  Differences are central, at two steps, extrapolated (Richardson).

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.testing import random_problem
    >>> p = random_problem(Acoustic(), shape=(12, 14), steps=10, shots=1)
    >>> max(hessian_test(p.simulate, p.model, p.wavelet)) < 1e-6
    True
    """
    p = _problem(propagator, model.to(torch.float64), wavelet)
    y = normal(p.data(), 1)
    u, v = p.directions(10), p.directions(20)
    hu, hv = p.hessian(y, u), p.hessian(y, v)
    left, right = inner(hu, v), inner(u, hv)

    def difference(h: float) -> tuple[Tensor, ...]:
        ends = [p.gradient(y, *(x + s * h * d for x, d in zip(p.vectors, u, strict=True))) for s in (1, -1)]
        return tuple((a - b) / (2 * h) for a, b in zip(*ends, strict=True))

    coarse, fine = difference(step), difference(step / 2)
    best = tuple((4 * f - c) / 3 for c, f in zip(coarse, fine, strict=True))
    errors = abs(left - right) / abs(left), max(map(relative, hu, best))
    if not (errors[0] <= limits[0] and errors[1] <= limits[1]):
        raise AssertionError(
            f"the Hessian is wrong: ⟨H u, v⟩ = {left:.12g} and ⟨u, H v⟩ = {right:.12g} differ by "
            f"{errors[0]:.3g} (at most {limits[0]:g}); H u differs from differences of gradients by "
            f"{errors[1]:.3g} (at most {limits[1]:g})"
        )
    return errors


def backend_test(
    propagator: Propagator,
    model: Model,
    wavelet: Tensor | None = None,
    *,
    against: str = "reference",
    limits: tuple[float, float] = (1e-12, 1e-9),
) -> tuple[float, float]:
    """Test a propagator's backend against another one.

    Parameters
    ----------
    propagator : Propagator
        What is tested.
    model : Model
        Where; the computation is in float64.
    wavelet : (time,) or (shot, source, time) tensor, optional
        Source time functions; by default those of the survey.
    against : str
        The other backend; "reference" differentiates with torch's own autograd, and is slow.
    limits : (float, float)
        Largest relative difference of data and of gradients, from rounding over a few hundred steps.

    Returns
    -------
    (float, float)
        Relative differences of data, and of the gradient of the worst parameter.

    Raises
    ------
    AssertionError
        If one of them is too large.

    Notes
    -----
    Differences are ‖a − b‖ / ‖b‖ in the L2 norm; the gradient is Jᵀ y for random data y.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.testing import random_problem
    >>> p = random_problem(Acoustic(), shape=(12, 14), steps=5, shots=1)
    >>> max(backend_test(p.simulate, p.model, p.wavelet)) < 1e-12
    True
    """
    p = _problem(propagator, model.to(torch.float64), wavelet)
    other = p.replace(backend=against)
    data = p.data()
    y = normal(data, 1)
    errors = relative(data, other.data()), max(map(relative, p.gradient(y), other.gradient(y)))
    if not (errors[0] <= limits[0] and errors[1] <= limits[1]):
        raise AssertionError(
            f"the backend {propagator.backend!r} differs from {against!r}: data by {errors[0]:.3g} (at most "
            f"{limits[0]:g}), gradients by {errors[1]:.3g} (at most {limits[1]:g})"
        )
    return errors


def _problem(propagator: Propagator, model: Model, wavelet: Tensor | None) -> ForwardOperator:
    wavelet = propagator.survey.wavelet if wavelet is None else wavelet
    if wavelet is None:
        raise DataError("there is no wavelet; pass one, or a propagator whose survey has one")
    return ForwardOperator(propagator, tuple(model[n].detach() for n in propagator.physics.parameters), wavelet)
