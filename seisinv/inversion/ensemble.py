"""Uncertainty by an ensemble: randomise, then optimise (Bardsley et al. 2014, doi:10.1137/140964023).

Member 0 is the inversion as it is. Every other member inverts the data plus noise, with its own seed, so that a
learned prior draws other structures wherever the data do not determine them. The noise is made of member 0's residuals
with random phases: trace by trace it has their spectrum and their power, whatever they come from (Theiler et al. 1992,
doi:10.1016/0167-2789(92)90102-S). Muted samples do not contribute.

The spread of few, optimised members underestimates the error; `calibration` widens it by a factor found on known
models (`calibrate`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Gathers, Model
from seisinv.inversion.invert import invert
from seisinv.inversion.optimizers import Optimizer
from seisinv.inversion.problem import BATCH, Inversion, batches
from seisinv.inversion.result import Event, Progress, Result
from seisinv.inversion.wavelet import of_shots
from seisinv.runs.directory import RunDirectory
from seisinv.runs.uncertainty import FILE, Uncertainty, arrays_of, checked_level, chosen, values
from seisinv.signal.processing import Band, processed
from seisinv.spread import Executor, TaskRunner, simulated, spread_over

log = logging.getLogger("seisinv.run")


@dataclass(frozen=True, eq=False)
class Ensemble(Uncertainty):
    """Models that fit the data about equally well.

    Parameters
    ----------
    members : sequence of Model
        The first is that of the unperturbed data.
    calibration : float
        Factor from the members' standard deviation to that of the error.
    level : float
        Share of the true values that intervals should contain, for which the calibration was found.

    Raises
    ------
    ConfigError
        If there are less than 2 members, or a number is out of its range.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.inversion import Ensemble
    >>> grid = si.Grid((3, 4), 10.0)
    >>> ensemble = Ensemble([si.Model(grid, vp=vp) for vp in (1990.0, 2000.0, 2010.0)])
    >>> float(ensemble.mean.vp[0, 0]), float(ensemble.std()[0, 0])
    (2000.0, 10.0)
    """

    members: Sequence[Model]
    calibration: float = 1.0
    level: float = 0.9

    def __post_init__(self) -> None:
        _check(len(self.members), self.calibration, self.level)

    @property
    def size(self) -> int:
        """Number of members."""
        return len(self.members)

    @cached_property
    def mean(self) -> Model:
        """Mean of the members."""
        first = self.members[0]
        return first.replace(**{n: torch.stack([m[n].detach() for m in self.members]).mean(dim=0) for n in first})

    def std(self, name: str = "vp") -> np.ndarray:
        """Return the calibrated standard deviation [z, x] of a parameter, in its SI unit.

        Parameters
        ----------
        name : str
        """
        return self.calibration * np.stack([values(m, name) for m in self.members]).std(axis=0, ddof=1)


def run_ensemble(
    problem: Inversion,
    optimizer: Optimizer,
    *,
    members: int = 8,
    bands: Sequence[float | tuple[float, float] | Band] | None = None,
    run_directory: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    seed: int = 0,
    budget: int | None = None,
    calibration: float = 1.0,
    level: float = 0.9,
    first: Result | None = None,
    executor: Executor = None,
) -> Ensemble:
    """Invert the data, then the data with noise, `members` times in all.

    Parameters
    ----------
    problem : Inversion
    optimizer, bands, budget
        As for `invert`; each member may spend the budget.
    members : int
        Number of members.
    run_directory : path, optional
        Member 0 is kept in it, the others in its folders members/01, members/02, …, the outcome in ensemble.npz.
    resume : bool
        Continue an earlier call, also with more members; its runs must be of the same problem.
    progress : callable, optional
        Called with an `Event` after every evaluation; its `eta` is that of all members.
    seed : int
        Of the noise and of the members.
    calibration, level : float
        Result of `calibrate`, and the level it was found for.
    first : Result, optional
        Result of `invert` with the same optimiser, bands, seed and budget: member 0 is then not run.
    executor : optional
        As for `invert`. Where there are at least as many members as workers, each worker does whole members, without
        reports of their progress, and the run directory must be on a disk that all workers share.

    Returns
    -------
    Ensemble

    Raises
    ------
    ConfigError, RunError
        As `invert`; or if there are less than 2 members.

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((13, 21), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 300, every=200, depth=20), wavelet=si.ricker(6),
    ...                            receivers=si.line(0, 400, every=40, depth=220), duration=0.5, dt=4e-3)
    >>> simulate = si.Propagator(si.Acoustic(), grid, survey, vp_max=2600)
    >>> start = si.Model(grid, vp=2000.0)
    >>> problem = si.Inversion(propagator=simulate, observed=simulate(start.replace(vp=2050.0)),
    ...                        unknown=si.unknowns.Bounded(start, vp=(1500, 2600)))
    >>> ensemble = si.inversion.run_ensemble(problem, si.LBFGS(iterations=1), members=2)
    >>> ensemble.size, ensemble.std().shape
    (2, (13, 21))
    """
    _check(members, calibration, level)

    spread, folder = spread_over(executor), None if run_directory is None else Path(run_directory).resolve()
    how = _Members(problem, optimizer, bands, folder, resume, seed, budget)
    first = first or how.inverted(0, problem.observed, of_member(progress, 0, members), spread)
    observed: Gathers = problem.observed[list(range(len(problem.observed)))]
    how = replace(how, residual=_residual(problem, first, observed, spread), recorded=observed)
    if members - 1 >= spread.workers > 1:
        tasks = [_Member(k, how) for k in range(1, members)]
        others = list(spread.map(_member_model, tasks, lambda done: log.info("%d of %d members", done + 1, members)))
    else:
        others = [how.inverted(k, how.noisy(k), of_member(progress, k, members), spread).model
                  for k in range(1, members)]  # fmt: skip
    models = [first.model, *others]
    ensemble = Ensemble(models, calibration, level)
    if run_directory is not None:
        RunDirectory(Path(run_directory)).write_npz(FILE, **arrays_of(ensemble, range(seed, seed + members)))
    return ensemble


@dataclass(frozen=True, eq=False)
class _Members:
    """What the members of an ensemble have in common."""

    problem: Inversion
    optimizer: Optimizer
    bands: Sequence[float | tuple[float, float] | Band] | None
    folder: Path | None
    resume: bool
    seed: int
    budget: int | None
    residual: Tensor | None = None
    recorded: Gathers | None = None

    def inverted(self, k: int, observed: Any, progress: Progress | None, executor: Executor) -> Result:
        """Invert the data of a member."""
        folder = None if self.folder is None else Path(self.folder, *(("members", f"{k:02d}") if k else ()))
        there = folder is not None and (folder / "run.toml").exists()
        # A member that another worker has begun and lost is gone on with.
        return invert(
            replace(self.problem, observed=observed), self.optimizer, bands=self.bands, run_directory=folder,
            resume=there and (self.resume or k > 0), progress=progress, seed=self.seed + k, budget=self.budget,
            executor=executor,
        )  # fmt: skip

    def noisy(self, k: int) -> Gathers:
        """Return the data of a member."""
        assert self.residual is not None  # of member 0, which comes first
        assert self.recorded is not None
        noise = _noise(self.residual, np.random.default_rng([self.seed, k]))
        return self.recorded.replace(data=noise.add_(self.recorded.data))


@dataclass(frozen=True, eq=False)
class _Member:
    """A member to be inverted as a whole."""

    k: int
    shared: _Members
    is_long: bool = True

    @property
    def name(self) -> str:
        """What it is called where it is lost."""
        return f"member {self.k + 1}"


def _member_model(member: _Member) -> Model:
    how = member.shared
    return how.inverted(member.k, how.noisy(member.k), None, None).model


def of_member(progress: Progress | None, k: int, members: int) -> Progress | None:
    """Return a progress callback whose events are of member `k`, with the time left for all members."""
    if progress is None:
        return None
    report = progress

    def reported(event: Event) -> None:
        eta = event.eta if event.eta is None else event.eta + (members - k - 1) * (event.seconds + event.eta)
        report(replace(event, member=k + 1, members=members, eta=eta))

    return reported


def _check(members: int, calibration: float, level: float) -> None:
    if members < 2:
        raise ConfigError(f"members is {members}; a spread needs at least 2, better 8")
    if not 0 < calibration < np.inf:
        raise ConfigError(f"calibration is {calibration:g}; it must be positive, 1 for the spread as it is")
    checked_level(level)


def _residual(problem: Inversion, first: Result, observed: Gathers, spread: TaskRunner) -> Tensor:
    """Return the residuals of member 0 [shot, receiver, time], zero where data are muted or dead."""
    out = torch.zeros_like(observed.data)
    wavelet = next(reversed([*first.wavelets.values()]), None)
    source = of_shots(wavelet, list(range(len(observed))))
    whole = simulated(first.simulator, first.model, size=BATCH, source=source, spread=spread)
    for shots in batches(len(observed)):
        recorded = processed(observed[shots], None, problem.window)
        predicted = processed(whole[shots], None, problem.window)
        missed = torch.where(recorded.live[..., None], recorded.data - predicted.data, 0.0)
        out[shots, : missed.shape[1]] = missed.to(out.dtype)
    return out


def _noise(residual: Tensor, random: np.random.Generator) -> Tensor:
    """Return the residuals with random phases, a few shots at a time: transforms take several times their memory."""
    return torch.cat([torch.from_numpy(random_phases(residual[s].numpy(), random)) for s in batches(len(residual))])


def random_phases(data: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return traces [..., time] with the amplitude spectra of `data` and random phases."""
    n = data.shape[-1]
    spectrum = np.fft.rfft(data.astype(float), axis=-1)
    turned = np.abs(spectrum) * np.exp(2j * np.pi * random.random(spectrum.shape))
    turned[..., 0] = np.abs(spectrum[..., 0]) * np.where(random.random(spectrum.shape[:-1]) < 0.5, -1, 1)
    if n % 2 == 0:
        turned[..., -1] = np.abs(spectrum[..., -1])
    return np.fft.irfft(turned, n, axis=-1).astype(data.dtype)


def calibrate(
    ensembles: Sequence[Ensemble], truths: Sequence[Model], *, level: float = 0.9, masks: Sequence[Any] | None = None
) -> float:
    """Return the factor with which the intervals of ensembles cover `level` of the cells of known models.

    Split conformal prediction scaled by the deviation (Lei et al. 2018, doi:10.1080/01621459.2017.1307116).

    Parameters
    ----------
    ensembles : sequence of Ensemble
    truths : sequence of Model
        The true models, one for each ensemble.
    level : float
        Share of the cells, between 0 and 1.
    masks : sequence of bool array [z, x], optional
        Cells that count, one mask for each ensemble.

    Returns
    -------
    float

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.inversion import Ensemble, calibrate
    >>> grid = si.Grid((3, 4), 10.0)
    >>> ensemble = Ensemble([si.Model(grid, vp=vp) for vp in (1990.0, 2000.0, 2010.0)])
    >>> round(calibrate([ensemble], [si.Model(grid, vp=2060.0)]), 2)  # the error is 60 m/s, the half-width 29 m/s
    2.05
    """
    scores = []
    for k, (ensemble, truth) in enumerate(zip(ensembles, truths, strict=True)):
        half = replace(ensemble, calibration=1.0).half_width(level)
        error = np.abs(values(ensemble.mean, "vp") - values(truth, "vp"))
        scores.append(chosen(error / np.maximum(half, 1e-6), None if masks is None else masks[k]))
    return float(np.quantile(np.concatenate(scores), level))
