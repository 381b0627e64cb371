"""Uncertainty by an ensemble: randomise, then optimise (Bardsley et al. 2014, doi:10.1137/140964023).

Member 0 is the inversion as it is. Every other member inverts the data plus noise, with a seed of its own, so that a
learned prior draws other structures wherever the data leave it free. The noise is made of member 0's residuals with
random phases: trace by trace it has their spectrum and their power, whatever they come from (Theiler et al. 1992,
doi:10.1016/0167-2789(92)90102-S).

The spread of few, optimised members is too narrow a measure of the error; `calibration` widens it by a factor that
has been found on models whose truth is known (`calibrate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seisinv.core import ConfigError, Gathers, Model
from seisinv.inversion.optimizers import Optimizer
from seisinv.inversion.problem import Inversion
from seisinv.inversion.processing import Band
from seisinv.inversion.result import Progress, Result


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Models that fit the data about equally well.

    Parameters
    ----------
    members : sequence of Model
        The first is that of the unperturbed data.
    calibration : float
        Factor from the members' standard deviation to that of the error.
    """

    members: Sequence[Model]
    calibration: float = 1.0

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ConfigError(f"members is {len(self.members)}; a spread needs at least 2, and 8 to be of use")
        if not self.calibration > 0:
            raise ConfigError(
                f"calibration is {self.calibration:g}; it must be positive, 1 to trust the spread as it is"
            )

    @property
    def mean(self) -> Model:
        """Mean of the members."""
        first = self.members[0]
        return first.replace(**{n: torch.stack([m[n].detach() for m in self.members]).mean(dim=0) for n in first})

    def std(self, name: str = "vp") -> np.ndarray:
        """Return the calibrated standard deviation [z, x] of a parameter, in its SI unit."""
        return self.calibration * self._values(name).std(axis=0, ddof=1)

    def interval(self, level: float = 0.9, name: str = "vp") -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper end [z, x] of the central credible interval of a parameter.

        The error of a mean is taken to be Gaussian, its deviation to be estimated from the members (Student's t).
        """
        from scipy.stats import t

        if not 0 < level < 1:
            raise ConfigError(f"level is {level:g}; it is a share between 0 and 1, such as 0.9")
        values = self._values(name)
        half = float(t.ppf(0.5 + level / 2, len(values) - 1)) * self.std(name)
        return values.mean(axis=0) - half, values.mean(axis=0) + half

    def coverage(self, truth: Model, level: float = 0.9, *, name: str = "vp", mask: np.ndarray | None = None) -> float:
        """Return the share of cells whose true value lies in the interval: `level`, if the intervals are honest."""
        low, high = self.interval(level, name)
        true = truth[name].detach().cpu().numpy()
        return float(_chosen((low <= true) & (true <= high), mask).mean())

    def spread_error_correlation(self, truth: Model, *, name: str = "vp", mask: np.ndarray | None = None) -> float:
        """Return the rank correlation of standard deviation and absolute error of the mean (Spearman)."""
        from scipy.stats import spearmanr

        error = np.abs(self._values(name).mean(axis=0) - truth[name].detach().cpu().numpy())
        return float(spearmanr(_chosen(self.std(name), mask), _chosen(error, mask)).statistic)

    def _values(self, name: str) -> np.ndarray:
        return np.stack([m[name].detach().double().cpu().numpy() for m in self.members])


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
) -> Ensemble:
    """Invert the data, then the data with noise, `members` times in all.

    Parameters
    ----------
    problem : Inversion
    optimizer, bands, progress, budget : as for `Inversion.run`
        Each member spends the budget.
    members : int
    run_directory : path, optional
        Members are kept in its folders member-00, member-01, …
    resume : bool
        Go on where an earlier call was stopped; what is there must be of the same problem.
    seed : int
        Of the noise and of the members.
    calibration : float
        As `calibrate` found it.
    """
    if members < 2:
        raise ConfigError(f"members is {members}; a spread needs at least 2, and 8 to be of use")

    def invert(k: int, observed: Any) -> Result:
        folder = None if run_directory is None else Path(run_directory) / f"member-{k:02d}"
        there = folder is not None and (folder / "run.toml").exists()
        return replace(problem, observed=observed).run(
            optimizer, bands=bands, run_directory=folder, resume=resume and there, progress=progress,
            seed=seed + k, budget=budget,
        )  # fmt: skip

    first = invert(0, problem.observed)
    observed: Gathers = problem.observed[list(range(len(problem.observed)))]
    predicted = first.predicted()
    residual = torch.where(observed.live[..., None], observed.data - predicted.data.to(observed.data.dtype), 0.0)
    models = [first.model]
    for k in range(1, members):
        noise = random_phases(residual.numpy(), np.random.default_rng([seed, k]))
        models.append(invert(k, observed.replace(data=observed.data + torch.from_numpy(noise))).model)
    return Ensemble(models, calibration)


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
    """
    from scipy.stats import t

    scores = []
    for k, (ensemble, truth) in enumerate(zip(ensembles, truths, strict=True)):
        spread = replace(ensemble, calibration=1.0).std()
        error = np.abs(ensemble.mean["vp"].double().numpy() - truth["vp"].detach().double().numpy())
        half = float(t.ppf(0.5 + level / 2, len(ensemble.members) - 1)) * np.maximum(spread, 1e-6)
        scores.append(_chosen(error / half, None if masks is None else masks[k]))
    return float(np.quantile(np.concatenate(scores), level))


def _chosen(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    return values.ravel() if mask is None else values[np.asarray(mask, bool)]
