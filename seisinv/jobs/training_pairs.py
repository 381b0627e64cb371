"""Rehearsals: small inversions of procedural models with poor data, that a learned prior learns from how they end.

Synthetic errors of inversions are not those of inversions: what waves of a coarse grid, noise, gaps and a start model
without detail do to a model is seen by inverting. Every rehearsal is a function of (seed, index).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv import inversion, priors
from seisinv.core import Gathers, Grid, Model, Survey, line, ricker
from seisinv.geology import Geology
from seisinv.physics import Acoustic
from seisinv.priors.learned import load, refinement
from seisinv.priors.learned.pairs import TrainingPair
from seisinv.propagate import Boundary, Propagator
from seisinv.signal.processing import Band
from seisinv.unknowns import Bounded

FIRST = 1_000_000  # index in the stream of the first model: synthetic examples are cut from those before
BOUNDS = (1450.0, 5700.0)  # m/s
WATER = 1560.0  # m/s, what is slower and reaches the surface is water
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
        The start is the truth, its slowness smoothed by a Gaussian.
    trend : float
        Relative error of the start, of long wavelength.
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
        spacing = _log_uniform(random, 10.0, 35.0)
        ratio = 25.0 / spacing
        kind = str(random.choice(["none", "tikhonov", "learned"]))
        return cls(
            shape=(48, 128) if random.random() < 0.7 else (64, 96),
            spacing=spacing,
            shots=int(random.integers(3, 7)),
            gradients=int(random.integers(15, 28)),
            low=ratio * min(7.5, random.uniform(3.5, 8.0)),
            highs=tuple(ratio * f for f in ((8.0, 10.0, 13.0) if random.random() < 0.7 else (8.0, 11.0, 15.0))),
            smooth=_log_uniform(random, 5.0, 16.0),
            trend=random.uniform(0.0, 0.04) if random.random() < 0.25 else 0.0,
            snr=random.uniform(6.0, 20.0),
            missing=random.uniform(0.0, 0.6),
            kind=kind,
            weight={
                "none": 0.0,
                "tikhonov": _log_uniform(random, 0.1, 1.0),
                "learned": _log_uniform(random, 0.03, 0.2),
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
        """Return shots in equal distances, and a receiver in every column, one cell deep."""
        h, width = self.spacing, self.grid.extent[1][1]
        ratio = 25.0 / h
        return Survey.surface(
            sources=line(width / (2 * self.shots), width, every=width / self.shots, depth=h),
            receivers=line(0, width, every=h, depth=h),
            wavelet=ricker(8.0 * ratio),
            duration=2.2 / ratio,
            dt=4e-3 / ratio,
        )

    def penalty(self, weights: Path | None) -> priors.Penalty | priors.PlugAndPlay | None:
        """Return the penalty; a learned one with the weights of a file."""
        if self.kind == "tikhonov":
            return priors.Tikhonov(self.weight)
        if self.kind == "learned":
            return priors.Learned(weight=self.weight, weights=weights, finish=False)
        return None


def refine(
    path: Path, count: int, *, steps: int = 400, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Run rehearsals with the weights in a file, add a network for the last target to it, and return its card.

    The rehearsals are kept in the folder `pairs` beside the file; those that are there are not run again.

    Parameters
    ----------
    path : Path
        Weights of a training.
    count : int
        Rehearsals.
    steps : int
        Updates of the network.
    progress : callable, optional
        Called with one line after every rehearsal and every tenth update.

    Raises
    ------
    ConfigError
        If there is no rehearsal.
    """
    tell, folder, seed = progress or (lambda _: None), path.parent / "pairs", int(load(path)[1]["recipe"]["seed"])
    folder.mkdir(exist_ok=True)
    pairs = []
    for index in range(count):
        file = folder / f"{index:04d}.safetensors"
        if not file.exists():
            rehearse(index, seed=seed, weights=path).save(file)
        pairs.append(TrainingPair.load(file))
        tell(f"rehearsal {index + 1} of {count}")

    def show(step: int, loss: float) -> None:
        if step % 10 == 0 or step == steps:
            tell(f"refinement, step {step} of {steps}: loss {loss:.3f}")

    refinement.refine(path, pairs, steps=steps, progress=show).save(path)
    return load(path)[1]


def rehearse(index: int, *, seed: int, weights: Path | None = None) -> TrainingPair:
    """Invert a procedural model and return it with the start and what was found on the way.

    Parameters
    ----------
    index : int
        Of the rehearsal.
    seed : int
        Of the stream of models and of all else that is drawn.
    weights : path, optional
        Of the learned prior that a third of the rehearsals use; default: those that come with the package.
    """
    random = np.random.default_rng([seed, index, 77])
    plan = Plan.drawn(random)
    fine = Grid((2 * plan.shape[0] - 1, 2 * plan.shape[1] - 1), plan.spacing / 2)
    vp = Geology().vp(fine, seed=seed, index=FIRST + index)
    truth = vp[::2, ::2].copy()
    water = np.logical_and.accumulate(truth < WATER, axis=0)
    start = _start(truth, water, plan, random)
    found = _invert(plan, _observed(plan, Model(fine, vp=vp), random), Model(plan.grid, vp=start), water, weights)
    return TrainingPair(truth, start, np.stack(found), plan.spacing)


def _observed(plan: Plan, model: Model, random: np.random.Generator) -> Gathers:
    """Model data on a grid twice as fine with another stencil, add noise of the band, drop traces."""
    survey = plan.survey()
    simulate = Propagator(Acoustic(), model.grid, survey, order=10, boundary=Boundary(width=30), threads=1)
    with torch.no_grad():
        gathers = simulate(model)
    whole, dt = Band(plan.highs[-1], plan.low), survey.time.step
    level = float(whole(gathers.data.double(), dt).square().mean(dim=-1).sqrt().median())
    noise = whole(torch.from_numpy(random.standard_normal(gathers.data.shape)), dt)
    noisy = gathers.data + (10 ** (-plan.snr / 20) * level / noise.std() * noise).to(gathers.data.dtype)
    kept: Tensor = torch.from_numpy(random.random(gathers.data.shape[:2]) >= plan.missing)
    return gathers.replace(data=noisy, live=gathers.live & kept)


def _start(truth: np.ndarray, water: np.ndarray, plan: Plan, random: np.random.Generator) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    smooth = partial(gaussian_filter, sigma=plan.smooth, mode="nearest")
    rock = np.where(water, 0.0, 1.0)
    slowness = smooth(rock / truth) / np.maximum(smooth(rock), 1e-6)  # a Gaussian that does not see the water
    trend = gaussian_filter(random.standard_normal(truth.shape), min(truth.shape) / 4, mode="nearest")
    vp = (1.0 + plan.trend * trend / trend.std()) / np.maximum(slowness, 1e-5)
    return np.where(water, truth, np.clip(vp, *BOUNDS)).astype(np.float32)


def _invert(
    plan: Plan, observed: Gathers, start: Model, water: np.ndarray, weights: Path | None
) -> Sequence[np.ndarray]:
    """Return vp after some updates of every band and at its end."""
    simulate = Propagator(
        Acoustic(), plan.grid, observed.survey, vp_max=BOUNDS[1], boundary=Boundary(width=15), threads=1
    )
    unknown = Bounded(start, vp=BOUNDS, water=water)
    problem = inversion.Inversion(
        propagator=simulate, observed=observed, unknown=unknown, penalty=plan.penalty(weights)
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


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))
