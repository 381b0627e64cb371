"""Small random problems, on which what must hold exactly is tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Grid, Model, Shot, Survey, TimeAxis
from seisinv.core.grid import AXES
from seisinv.physics import Physics
from seisinv.propagate import Boundary, Propagator

TYPICAL = {"vp": 2000.0, "vs": 1000.0, "rho": 2000.0}  # m/s, m/s, kg/m³


@dataclass(frozen=True, eq=False)
class ForwardOperator:
    """A propagator as a function of plain tensors.

    Parameters
    ----------
    simulate : Propagator
        What is tested.
    vectors : tuple of tensors of the grid's shape
        The model's parameters, in the order of `simulate.physics.parameters`.
    wavelet : (time,) or (shot, source, time) tensor
        Source time functions.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> random_problem(Acoustic(), steps=10).data().shape
    torch.Size([2, 9, 10])
    """

    simulate: Propagator
    vectors: tuple[Tensor, ...]
    wavelet: Tensor

    @property
    def model(self) -> Model:
        """The parameters as a model."""
        return self._model(self.vectors)

    def data(self, *vectors: Tensor, wavelet: Tensor | None = None) -> Tensor:
        """Return data [shot, receiver, time], of other vectors of parameters or another wavelet if given.

        Where receivers measure several components, traces are divided by their size: no component hides another.
        """
        model = self._model(vectors or self.vectors)
        return self.simulate(model, self.wavelet if wavelet is None else wavelet).data * self._scale

    @cached_property
    def _scale(self) -> Tensor:
        if len({c for shot in self.simulate.survey.shots for c in shot.components or ()}) < 2:
            return torch.ones((), dtype=self.wavelet.dtype)
        with torch.no_grad():
            size = self.simulate(self._model(tuple(v.detach() for v in self.vectors)), self.wavelet.detach()).data
        size = size.square().mean(-1, keepdim=True).sqrt()
        return torch.where(size > 0, 1 / torch.where(size > 0, size, 1), 0)

    def gradient(self, y: Tensor, *vectors: Tensor) -> tuple[Tensor, ...]:
        """Return the transposed Jacobian applied to data `y`, by parameter, at other vectors of parameters if given."""
        leaves = tuple(v.clone().requires_grad_() for v in vectors or self.vectors)
        return torch.autograd.grad((self.data(*leaves) * y).sum(), leaves)

    def born(self, along: tuple[Tensor, ...]) -> Tensor:
        """Return the Jacobian applied to `along`, a change of the parameters."""
        change: Tensor = torch.func.jvp(self.data, self.vectors, along)[1]
        return change

    def hessian(self, y: Tensor, along: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the second derivative of ⟨data, y⟩ applied to `along`, a change of the parameters."""
        leaves = tuple(v.clone().requires_grad_() for v in self.vectors)
        first = torch.autograd.grad((self.data(*leaves) * y).sum(), leaves, create_graph=True)
        return torch.autograd.grad(first, leaves, grad_outputs=along)

    def directions(self, seed: int) -> tuple[Tensor, ...]:
        """Return random changes of the parameters, about a thousandth of each (1 m/s at 2000 m/s), from a seed."""
        return tuple(normal(v, seed + k) * 10.0 ** (_magnitude(v) - 3) for k, v in enumerate(self.vectors))

    def replace(self, **changes: object) -> ForwardOperator:
        """Return the problem with some settings of the propagator changed."""
        return ForwardOperator(self.simulate.replace(**changes), self.vectors, self.wavelet)

    def _model(self, vectors: tuple[Tensor, ...]) -> Model:
        return Model(self.simulate.grid, **dict(zip(self.simulate.physics.parameters, vectors, strict=True)))


def random_problem(
    physics: Physics,
    *,
    shape: tuple[int, ...] = (24, 28),
    steps: int = 40,
    free_surface: bool = False,
    dt: float = 4e-3,
    shots: int = 2,
    order: int = 4,
    typical: Mapping[str, float] | None = None,
) -> ForwardOperator:
    """Return a problem in float64 with a rough model, sources and receivers off the nodes, and noise as wavelets.

    Sources and receivers take turns in being what the physics knows of kinds and components.

    Parameters
    ----------
    physics : Physics
        The wave equation.
    shape : tuple of int
        Nodes of the grid; their spacing is what the fastest wave travels in 5 ms.
    steps : int
        Number of samples of the data.
    free_surface : bool
        Whether the first row is a free surface.
    dt : float, s
        Sampling interval of the data, which is not the solver's step.
    shots : int
        Number of shots.
    order : int
        Even order of the differences in space.
    typical : mapping of str to float, SI units, optional
        A value for each parameter of the physics that is not vp, vs or rho.

    Returns
    -------
    ForwardOperator
        The same for the same arguments.

    Raises
    ------
    ConfigError
        If a typical value is missing.

    Examples
    --------
    >>> from seisinv.physics import AcousticDensity
    >>> problem = random_problem(AcousticDensity(), shape=(12, 14), steps=5, shots=1)
    >>> [tuple(g.shape) for g in problem.gradient(problem.data())]
    [(12, 14), (12, 14)]
    """
    values = typical_values(physics, typical)
    speed = typical_speed(physics, values)
    grid = Grid(shape, speed / 200)
    rng = np.random.default_rng(0)
    extent = np.array(grid.extent)[:, 1]

    def anywhere(count: int) -> np.ndarray:
        return rng.uniform(0, 1, (count, grid.ndim)) * extent

    survey = Survey(
        tuple(of_all_kinds(physics, Shot(anywhere(1 + k), anywhere(9 - k), k + 1)) for k in range(shots)),
        TimeAxis(dt, steps),
    )
    generator = torch.Generator().manual_seed(0)
    vectors = tuple(
        v * (1 + 0.15 * torch.rand(shape, generator=generator, dtype=torch.float64)) for v in values.values()
    )
    wavelet = torch.randn(shots, survey.max_sources, steps, generator=generator, dtype=torch.float64)
    boundary = Boundary(width=8, free_surface=free_surface)
    fastest = max(1.3 * speed, typical_speed(physics, {n: 1.15 * v for n, v in values.items()}))
    simulate = Propagator(physics, grid, survey, order=order, boundary=boundary, vp_max=fastest)
    return ForwardOperator(simulate, vectors, wavelet)


def of_all_kinds(physics: Physics, shot: Shot) -> Shot:
    """Return a shot whose sources and receivers are in turn all that a physics knows; the last source is two."""
    axes = AXES[shot.sources.shape[1]]
    kinds, components = list(physics.sources(axes)), list(physics.components(axes))
    fired: list[str | dict[str, float]] = [kinds[(shot.number + k) % len(kinds)] for k in range(len(shot.sources))]
    if len(kinds) > 1:
        fired[-1] = {kinds[(shot.number + k) % len(kinds)]: 1.5 - k for k in range(2)}
    heard = tuple(components[(shot.number + k) % len(components)] for k in range(len(shot.receivers)))
    return dataclasses.replace(shot, kinds=tuple(fired), components=heard)


def typical_values(physics: Physics, typical: Mapping[str, float] | None) -> dict[str, float]:
    """Return a typical value of each parameter of a physics, in SI units."""
    known = TYPICAL | dict(typical or {})
    lacking = [n for n in physics.parameters if n not in known]
    if lacking:
        raise ConfigError(
            f"typical has no {lacking[0]}; pass a value in SI units, for example {{{lacking[0]!r}: 2000.0}}"
        )
    return {n: known[n] for n in physics.parameters}


def typical_speed(physics: Physics, values: Mapping[str, float]) -> float:
    """Return the speed of the fastest wave where the parameters have these values, m/s."""
    model = {n: torch.full((1,), v, dtype=torch.float64) for n, v in values.items()}
    return float(physics.speeds(model)[1])


def normal(like: Tensor, seed: int) -> Tensor:
    """Return normal random numbers of the shape and type of a tensor."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed), dtype=like.dtype)


def inner(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> float:
    """Return the inner product of two tuples of tensors."""
    return float(sum((x * y).sum() for x, y in zip(a, b, strict=True)))


def relative(a: Tensor, b: Tensor) -> float:
    """Return ‖a − b‖ / ‖b‖."""
    return float((a - b).norm() / b.norm())


def _magnitude(v: Tensor) -> int:
    return int(np.floor(np.log10(float(v.detach().abs().mean()))))
