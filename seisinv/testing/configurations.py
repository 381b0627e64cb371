"""Random configurations of the engine, tiny and odd ones above all, and what must hold for each of them.

`scripts/engine` runs any number of them, the tests some.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Grid, SeisinvError, Shot, Survey, TimeAxis
from seisinv.physics import Physics
from seisinv.propagate import Automatic, Boundary, Checkpointed, Memory, Propagator, StoreAll
from seisinv.testing.problem import ForwardOperator, inner, normal, of_all_kinds, typical_speed, typical_values

STRATEGIES: tuple[Memory, ...] = (StoreAll(), Checkpointed(), Checkpointed(3), Automatic(budget=0), Automatic())
CELLS = 8_000  # of a padded grid at most: torch's own operations, one by one, must bear it

# The largest value of each measure in float64 and in float32.  Inner products are relative to ‖A x‖ ‖y‖, with
# y = A x + noise: relative to themselves they can cancel.
BARS: Mapping[str, tuple[float, float]] = {
    "⟨F s, y⟩ = ⟨s, Fᵀ y⟩": (1e-12, 1e-5),
    "⟨J m, y⟩ = ⟨m, Jᵀ y⟩": (1e-12, 1e-5),
    "⟨H u, v⟩ = ⟨u, H v⟩": (1e-10, 1e-3),
    "data against the reference backend": (1e-12, 1e-4),
    "gradients against the reference backend": (1e-9, 1e-3),
    "values that depend on memory or threads": (0, 0),
}


@dataclass(frozen=True)
class Choices:
    """What is drawn from; fewer orders and physics need fewer kernels."""

    physics: Sequence[Physics]
    orders: Sequence[int] = (2, 4, 6, 8, 10, 12)
    ratios: Sequence[float] = (1.0, 0.5, 1.7)
    dtypes: Sequence[torch.dtype] = (torch.float64, torch.float64, torch.float32)
    layers: Sequence[int] = (0, 1, 2, 3, 5, 8, 13, 20, 30)
    sizes: Sequence[int] = (*range(2, 10), 13, 17, 24)


def draw(seed: int, choices: Choices) -> ForwardOperator:
    """Return a random problem.

    Parameters
    ----------
    seed : int
        The same seed and choices give the same problem.
    choices : Choices
        What is drawn from.

    Returns
    -------
    ForwardOperator

    Raises
    ------
    SeisinvError
        If what was drawn is refused: one node along an axis, one axis, a step above the stability limit.
    """
    rng = np.random.default_rng(seed)
    pick = lambda values: values[int(rng.integers(len(values)))]  # noqa: E731 (numpy's choice makes arrays of them)
    physics, order, dtype = pick(choices.physics), pick(choices.orders), pick(choices.dtypes)
    ndim = int(rng.choice([1, 2, 3], p=[0.01, 0.79, 0.2]))
    shape, sides = _shape(rng, ndim, choices)
    values = typical_values(physics, None)
    speed = typical_speed(physics, values)
    h = speed / 200
    grid = Grid(shape, [h] if ndim == 1 else [h * pick(choices.ratios), *[h] * (ndim - 1)], rng.uniform(-99, 99, ndim))
    dt = 5e-3 * pick([0.1, 0.3, 0.77, 1.0, 2.3, 4.0])
    samples = int(rng.integers(2, max(3, min(30, 0.06 / dt))))
    shots = tuple(of_all_kinds(physics, shot) for shot in _shots(rng, grid)) if ndim > 1 else _shots(rng, grid)
    survey = Survey(shots, TimeAxis(dt, samples))
    generator = torch.Generator().manual_seed(seed)
    rough = pick([0.0, 0.15, 1.0])
    vectors = tuple((v * (1 + rough * torch.rand(shape, generator=generator))).to(dtype) for v in values.values())
    wavelet = torch.randn(len(survey), survey.max_sources, samples, generator=generator, dtype=torch.float64)
    simulate = Propagator(
        physics, grid, survey, order=order, boundary=Boundary(sides, free_surface=bool(rng.integers(2))),
        memory=pick(STRATEGIES), threads=pick([1, 2, 3]), vp_max=pick([None, 2.5 * speed]),
    )  # fmt: skip
    problem = ForwardOperator(simulate, vectors, wavelet.to(dtype))
    share = pick([None, None, None, 0.3, 0.99, 1.1])
    return problem if share is None else problem.replace(step=share * simulate.stable_step(problem.model))


def measured(p: ForwardOperator, *, hessian: bool = True) -> Iterator[tuple[str, float]]:
    """Yield what is measured of a problem, by the names in `BARS`."""
    leaf = p.wavelet.clone().requires_grad_()
    data = p.data(wavelet=leaf)
    y = _noisy(data.detach(), 1)
    (back,) = torch.autograd.grad((data * y).sum(), leaf)
    data = data.detach()
    yield "⟨F s, y⟩ = ⟨s, Fᵀ y⟩", _mismatch((data,), (y,), (p.wavelet,), (back,))
    along = p.directions(2)
    change = p.born(along)
    y = _noisy(change, 3)
    gradient = p.gradient(y)
    yield "⟨J m, y⟩ = ⟨m, Jᵀ y⟩", _mismatch((change,), (y,), along, gradient)
    if hessian:
        u, v = along, p.directions(20)
        yield "⟨H u, v⟩ = ⟨u, H v⟩", _mismatch(p.hessian(y, u), v, u, p.hessian(y, v))
    other = p.replace(backend="reference")
    yield "data against the reference backend", _apart((data,), (other.data(),))
    yield "gradients against the reference backend", _apart(gradient, other.gradient(y))
    changed = 0
    for memory, threads in ((StoreAll(), 1), (Checkpointed(3), 1), (StoreAll(), 2), (Checkpointed(), 3)):
        same = p.replace(memory=memory, threads=threads)
        pairs = zip((data, *gradient), (same.data(), *same.gradient(y)), strict=True)
        changed += sum(int((a != b).sum()) for a, b in pairs)
    yield "values that depend on memory or threads", changed


def missed(p: ForwardOperator, *, hessian: bool = True) -> dict[str, float]:
    """Return what is above its bar, by name; a value that is not a number is."""
    column = 0 if p.wavelet.dtype == torch.float64 else 1
    return {n: v for n, v in measured(p, hessian=hessian) if not v <= BARS[n][column]}


def is_helpful(error: SeisinvError) -> bool:
    """Return whether a refusal is one line with a remedy or a limit."""
    text = str(error)
    return "\n" not in text and bool(error.remedy or error.limit or ";" in text)


def described(p: ForwardOperator) -> str:
    """Return a problem in one line."""
    s = p.simulate
    return (
        f"{s.physics} {s.grid.shape} order {s.order} {s.boundary} {len(s.survey)} shots, {s.survey.time.samples} × "
        f"{s.survey.time.step:g} s, step {s.step}, {s.memory}, threads {s.threads}, {p.wavelet.dtype}"
    )


def _shape(rng: np.random.Generator, ndim: int, choices: Choices) -> tuple[tuple[int, ...], dict[str, int]]:
    """Nodes and layers: often thin along one axis, seldom one node; not too many cells."""
    axes = {1: "z", 2: "zx", 3: "zyx"}[ndim]
    while True:
        shape = [int(rng.choice(choices.sizes)) for _ in range(ndim)]
        if rng.random() < 0.4:
            shape[int(rng.integers(ndim))] = 1 if rng.random() < 0.05 else int(rng.integers(2, 5))
        widths = {side: int(rng.choice(choices.layers)) for axis in axes for side in Boundary.SIDES[axis]}
        padded = [n + sum(widths[s] for s in Boundary.SIDES[a]) for a, n in zip(axes, shape, strict=True)]
        if np.prod(padded) <= CELLS:
            return tuple(shape), widths


def _shots(rng: np.random.Generator, grid: Grid) -> tuple[Shot, ...]:
    low, high = np.array(grid.extent).T
    last = np.array(grid.shape) - 1

    def somewhere() -> np.ndarray:
        share = rng.uniform(0, 1, grid.ndim)
        place = rng.integers(5)
        if place == 1:  # a corner
            share = share.round()
        elif place == 2:  # an edge
            share[rng.integers(grid.ndim)] = rng.integers(2)
        elif place > 2:  # a node, or halfway between two
            share = np.floor(share * last * (place - 2)) / np.maximum(last * (place - 2), 1)
        return np.clip(low + share * (high - low), low, high)

    def some(count: int) -> np.ndarray:
        points = np.array([somewhere() for _ in range(count)])
        return np.concatenate([points, points[:1]]) if rng.random() < 0.3 else points  # a duplicate

    return tuple(
        Shot(some(int(rng.integers(1, 4))), some(int(rng.integers(1, 7))), k + 1) for k in range(rng.integers(1, 4))
    )


def _noisy(a: Tensor, seed: int) -> Tensor:
    noise = normal(a, seed)
    return a / (a.norm() or 1) + noise / noise.norm()


def _mismatch(
    image: tuple[Tensor, ...], y: tuple[Tensor, ...], x: tuple[Tensor, ...], back: tuple[Tensor, ...]
) -> float:
    """Return |⟨A x, y⟩ − ⟨x, Aᵀ y⟩| / (‖A x‖ ‖y‖); nothing must come back where nothing arrives."""
    image, y, x, back = (tuple(t.double() for t in part) for part in (image, y, x, back))
    difference, scale = abs(inner(image, y) - inner(x, back)), (inner(image, image) * inner(y, y)) ** 0.5
    return difference / scale if difference else 0.0


def _apart(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> float:
    """Return the largest ‖a − b‖ / ‖b‖."""
    return max(float((x - y).norm() / y.norm()) if bool((x != y).any()) else 0.0 for x, y in zip(a, b, strict=True))
