"""Training pairs: small inversions of procedural models with poor data, and the models that they should have found.

Synthetic errors of inversions are not those of inversions: what waves of a coarse grid, noise, missing traces and a
starting model without detail do to a model is seen by inverting. Every pair is a function of (seed, index).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from seisinv import inversion, priors, synthetic
from seisinv.core import Gathers, Grid, Survey
from seisinv.geology import Geology
from seisinv.geology.curves import log_uniform
from seisinv.physics import Acoustic
from seisinv.priors.learned import load, refinement
from seisinv.priors.learned.pairs import TrainingPair
from seisinv.propagate import Boundary, Propagator
from seisinv.signal.processing import Band
from seisinv.spread import Executor, spread_over
from seisinv.unknowns import Bounded

FIRST = 1_000_000  # index in the stream of the first model: synthetic examples are cut from those before
BOUNDS = (1450.0, 5700.0)  # m/s
KEPT = (5, 10)  # updates of a band after which the model is kept, beside its last


@dataclass(frozen=True)
class Plan:
    """A survey for a model, what is wrong with its data, and how it is inverted.

    Parameters
    ----------
    shape, spacing : of the grid, m
    shots, gradients : int
    low, highs : Hz
        Amplitudes vanish below low / 1.5; upper ends of the bands.
    smooth : float, cells
        The starting model is the truth, its slowness smoothed by a Gaussian.
    trend : float
        Relative error of the starting model, of long wavelength.
    snr : float, dB
        Against the RMS of the median trace.
    missing : float
        Share of the traces.
    kind, weight : penalty and its weight
    """

    shape: tuple[int, int]
    spacing: float
    shots: int
    gradients: int
    low: float
    highs: tuple[float, ...]
    smooth: float
    trend: float
    snr: float
    missing: float
    kind: str
    weight: float

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Plan:
        """Draw a plan; with larger cells come longer waves and times, so that all are as expensive."""
        spacing = log_uniform(random, 10.0, 35.0)
        ratio = 25.0 / spacing
        kind = str(random.choice(["none", "tikhonov", "learned"]))
        return cls(
            shape=(48, 128) if random.random() < 0.7 else (64, 96),
            spacing=spacing,
            shots=int(random.integers(3, 7)),
            gradients=int(random.integers(15, 28)),
            low=ratio * min(7.5, random.uniform(3.5, 8.0)),
            highs=tuple(ratio * f for f in ((8.0, 10.0, 13.0) if random.random() < 0.7 else (8.0, 11.0, 15.0))),
            smooth=log_uniform(random, 5.0, 16.0),
            trend=random.uniform(0.0, 0.04) if random.random() < 0.25 else 0.0,
            snr=random.uniform(6.0, 20.0),
            missing=random.uniform(0.0, 0.6),
            kind=kind,
            weight={
                "none": 0.0,
                "tikhonov": log_uniform(random, 0.1, 1.0),
                "learned": log_uniform(random, 0.03, 0.2),
            }[kind],
        )

    @property
    def grid(self) -> Grid:
        """Grid of the inversion."""
        return Grid(self.shape, self.spacing)

    @property
    def bands(self) -> list[tuple[float, float]]:
        """(low, high) of the bands, Hz."""
        return [(self.low, high) for high in self.highs]

    def survey(self) -> Survey:
        """Return shots at equal distances, and a receiver in every column, one cell deep."""
        ratio = 25.0 / self.spacing
        return synthetic.surface_survey(
            self.grid, shots=self.shots, peak=8.0 * ratio, duration=2.2 / ratio, dt=4e-3 / ratio
        )

    def penalty(self, weights: Path | None) -> priors.Penalty | priors.PlugAndPlay | None:
        """Return the penalty; a learned one with the weights of a file."""
        if self.kind == "tikhonov":
            return priors.Tikhonov(self.weight)
        if self.kind == "learned":
            return priors.Learned(weight=self.weight, weights=weights, finish=False)
        return None


def refine(
    path: Path,
    count: int,
    *,
    steps: int = 400,
    progress: Callable[[str], None] | None = None,
    executor: Executor = None,
) -> dict[str, Any]:
    """Make training pairs with the weights in a file, add a network for the last target to it, and return its card.

    The pairs are kept in the folder `pairs` beside the file; those that are there are not made again.

    Parameters
    ----------
    path : Path
        Weights of a training.
    count : int
        Number of pairs.
    steps : int
        Updates of the network.
    progress : callable, optional
        Called with one line after every pair and every tenth update.
    executor : optional
        Where pairs are made; see `seisinv.spread`. The folder must be on a disk that all workers share.

    Returns
    -------
    dict
        The card of the weights.

    Raises
    ------
    ConfigError
        If there is no pair.
    """
    tell, folder, seed = progress or (lambda _: None), path.parent / "pairs", int(load(path)[1]["recipe"]["seed"])
    folder.mkdir(exist_ok=True)
    tasks = [_Pair(index, (path.resolve(), folder.resolve(), seed)) for index in range(count)]
    pairs = []
    for index, file in enumerate(spread_over(executor).map(_kept_pair, tasks)):
        pairs.append(TrainingPair.load(file))
        tell(f"training pair {index + 1} of {count}")

    def show(step: int, loss: float) -> None:
        if step % 10 == 0 or step == steps:
            tell(f"refinement, step {step} of {steps}: loss {loss:.3f}")

    refinement.refine(path, pairs, steps=steps, progress=show).save(path)
    return load(path)[1]


@dataclass(frozen=True)
class _Pair:
    """A training pair to be made, and (weights, folder, seed)."""

    index: int
    shared: tuple[Path, Path, int]

    @property
    def name(self) -> str:
        """What it is called where it is lost."""
        return f"training pair {self.index + 1}"


def _kept_pair(task: _Pair) -> Path:
    """Make a training pair, unless it is there, and return its file."""
    weights, folder, seed = task.shared
    file = folder / f"{task.index:04d}.safetensors"
    if not file.exists():
        training_pair(task.index, seed=seed, weights=weights).save(file)
    return file


def training_pair(index: int, *, seed: int, weights: Path | None = None) -> TrainingPair:
    """Invert a procedural model and return it with the starting model and what was found on the way.

    Parameters
    ----------
    index : int
        Number of the pair.
    seed : int
        Of the stream of models and of all else that is drawn.
    weights : path, optional
        Of the learned prior that a third of the inversions use; default: those that come with the package.

    Returns
    -------
    TrainingPair
    """
    plan, case = plan_and_case(index, seed=seed)
    found = _invert(plan, case, weights)
    return TrainingPair(case.truth.vp.numpy(), case.start.vp.numpy(), np.stack(found), plan.spacing)


def plan_and_case(index: int, *, seed: int) -> tuple[Plan, synthetic.Case]:
    """Draw what is inverted, and how."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng([seed, index, 77])
    plan = Plan.drawn(random)
    trend = gaussian_filter(random.standard_normal(plan.shape), min(plan.shape) / 4, mode="nearest")
    case = synthetic.Case.modelled(
        lambda grid: Geology().vp(grid, seed=seed, index=FIRST + index),
        plan.survey(),
        plan.grid,
        smooth=plan.smooth,
        error=plan.trend * trend / trend.std(),
        threads=1,
    )
    start = case.start.replace(vp=case.start.vp.clamp(*BOUNDS))
    return plan, replace(case, start=start, observed=_spoilt(plan, case.observed, random))


def _spoilt(plan: Plan, observed: Gathers, random: np.random.Generator) -> Gathers:
    """Add noise of the band, drop traces."""
    whole, dt, ratio = Band(plan.highs[-1], plan.low), observed.survey.time.step, 10 ** (-plan.snr / 20)
    level = synthetic.median_rms(whole(observed.data.double(), dt))
    noisy = synthetic.with_noise(observed.data, ratio, dt=dt, band=whole, random=random, level=level)
    return synthetic.without_traces(observed.replace(data=noisy), plan.missing, random)


def _invert(plan: Plan, case: synthetic.Case, weights: Path | None) -> Sequence[np.ndarray]:
    """Return vp after some updates of every band and at its end."""
    simulate = Propagator(
        Acoustic(), plan.grid, case.observed.survey, vp_max=BOUNDS[1], boundary=Boundary(width=15), threads=1
    )
    unknown = Bounded(case.start, vp=BOUNDS, water=case.water)
    problem = inversion.Inversion(
        propagator=simulate, observed=case.observed, unknown=unknown, penalty=plan.penalty(weights)
    )
    optimizer = inversion.LBFGS(iterations=1000, tolerance=1e-5)
    models: list[np.ndarray] = []

    def note(event: inversion.Event) -> None:
        if event.model is not None:
            models.append(np.asarray(event.model.vp.detach().numpy()).copy())

    budget = 2 * plan.shots * plan.gradients
    rows = inversion.invert(problem, optimizer, bands=plan.bands, budget=budget, progress=note).history
    ends = [row["band"] != after["band"] for row, after in pairwise(rows)] + [True]
    return [models[k] for k, row in enumerate(rows) if ends[k] or row["iteration"] in KEPT]
