"""What must hold for any wave equation, as a table; `check_physics` runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from seisinv.core import Model
from seisinv.physics import Physics
from seisinv.propagate import Automatic, Checkpointed, StoreAll
from seisinv.testing.accuracy import growth
from seisinv.testing.operators import backend_test, dot_test, hessian_test, taylor_test
from seisinv.testing.problem import ForwardOperator, normal, random_problem, typical_speed, typical_values

Values = Mapping[str, float] | None


@dataclass(frozen=True)
class Check:
    """One property of a wave equation.

    Parameters
    ----------
    title : str
        What is measured.
    measure : callable
        From a physics and typical values of its parameters to the number.
    limit : float
        Its largest value.
    origin : str
        Where the limit comes from.

    Examples
    --------
    >>> [c.title for c in CHECKS][:2]
    ['⟨F s, y⟩ = ⟨s, Fᵀ y⟩', '⟨J m, y⟩ = ⟨m, Jᵀ y⟩']
    """

    title: str
    measure: Callable[[Physics, Values], float]
    limit: float
    origin: str

    def __call__(self, physics: Physics, typical: Values = None) -> float:
        """Return the number.

        Raises
        ------
        AssertionError
            If it is above the limit.
        """
        try:
            value = self.measure(physics, typical)
        except AssertionError as error:
            raise AssertionError(f"{physics}: {self.title}: {error} ({self.origin})") from error
        if not value <= self.limit:
            raise AssertionError(f"{physics}: {self.title}: {value:.3g}, above {self.limit:g} ({self.origin})")
        return value


def check_physics(physics: Physics, typical: Values = None, *, only: str = "") -> dict[str, float]:
    """Check a wave equation: adjoints, derivatives, backends, memory strategies, speeds, absorbing layers.

    Parameters
    ----------
    physics : Physics
        An instance of your subclass.
    typical : mapping of str to float, SI units, optional
        A value of each parameter that is not vp, vs or rho, for the models of the checks.
    only : str
        Run the checks whose title holds this text.

    Returns
    -------
    dict of str to float
        What was measured, by the title of the check.

    Raises
    ------
    AssertionError
        At the first check that fails, with the number, its limit, and where the limit comes from.
    ConfigError
        If a typical value is missing.

    Notes
    -----
    Models are typical values times 1 to 1.15 at random; sources and receivers lie off the nodes, wavelets are noise,
    the sampling interval is not the solver's step, with and without a free surface, in orders 2 to 12.  There, an error
    in a derivative, a transpose, a boundary or a staggered position does not cancel.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> check_physics(Acoustic(), only="speed")["speed against the equations"] < 1e-3
    True
    """
    return {c.title: c(physics, typical) for c in CHECKS if only in c.title}


def _problems(physics: Physics, typical: Values, *, orders: tuple[int, ...] = (4,)) -> Iterator[ForwardOperator]:
    for order in orders:
        for surface in (False, True):
            yield random_problem(physics, order=order, free_surface=surface, typical=typical)


def _transposes(of: Any) -> Callable[[Physics, Values], float]:
    def measure(physics: Physics, typical: Values) -> float:
        steps = (random_problem(physics, dt=dt, steps=30, typical=typical) for dt in (0.7e-3, 2e-3, 4.1e-3))
        problems = [*_problems(physics, typical, orders=(2, 4, 8, 12)), *steps]
        return max(dot_test(p.simulate, p.model, p.wavelet, of=of) for p in problems)

    return measure


def _backends(physics: Physics, typical: Values) -> float:
    tests = (backend_test(p.simulate, p.model, p.wavelet) for p in _problems(physics, typical))
    return max(gradient for _, gradient in tests)


def _taylor(physics: Physics, typical: Values) -> float:
    p = random_problem(physics, typical=typical)
    return float(abs(taylor_test(p.simulate, p.model, p.wavelet) - 2).max())


def _hessian(physics: Physics, typical: Values) -> float:
    return max(hessian_test(p.simulate, p.model, p.wavelet)[1] for p in _problems(physics, typical))


def _bits(physics: Physics, typical: Values) -> float:
    """How many values of gradients change with the memory strategy or the number of threads."""
    p = random_problem(physics, shape=(46, 30), typical=typical)
    strategies = [StoreAll(), Checkpointed(), Checkpointed(7), Automatic(budget=0), Automatic()]
    changed = 0
    for dtype in (torch.float32, torch.float64):
        vectors = tuple(v.to(dtype) for v in p.vectors)
        y = normal(p.data(*vectors), 1)
        for shots in ([0, 1], [0]):
            some = p.simulate.subset(shots)
            found = [
                ForwardOperator(some.replace(memory=m, threads=t), vectors, p.wavelet[shots]).gradient(
                    y[shots, : some.survey.max_receivers]
                )
                for m in strategies
                for t in (1, 2)
            ]
            changed += sum(int((a != b).sum()) for g in found for a, b in zip(g, found[0], strict=True))
    return changed


def _speeds(physics: Physics, typical: Values) -> float:
    """Relative difference of the stated slowest speed from the phase velocity of the discrete equations."""
    values = typical_values(physics, typical)
    simulate = random_problem(physics, order=8, typical=typical).simulate
    model = Model(simulate.grid, **values).to(torch.float64)
    return abs(simulate.dispersion(model, typical_speed(physics, values) / (20 * simulate.grid.spacing[0])))


CHECKS = (
    Check("⟨F s, y⟩ = ⟨s, Fᵀ y⟩", _transposes("wavelet"), 1e-12, "rounding of some thousand terms"),
    Check("⟨J m, y⟩ = ⟨m, Jᵀ y⟩", _transposes("model"), 1e-12, "rounding of some thousand terms"),
    Check("gradient against torch's autograd", _backends, 1e-9, "rounding over 100 steps and back"),
    Check("Taylor slope − 2", _taylor, 0.02, "the third-order term at the largest step"),
    Check("Hessian against differences", _hessian, 1e-6, "differences of gradients are good to 1e-8"),
    Check("values that depend on memory or threads", _bits, 0, "the same operations in the same order"),
    Check(
        "speed against the equations", _speeds, 1e-3, "differences of order 8 at 20 nodes a wavelength are good to 1e-7"
    ),
    Check(
        "amplitude after 4000 steps / at the start",
        lambda p, t: growth(p, 4000, t),
        1e-3,
        "absorbing layers of 20 cells",
    ),
)
