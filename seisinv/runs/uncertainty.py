"""How certain a model is: mean, standard deviation, intervals, and whether a known truth lies in them.

The error of a mean is taken to be Gaussian, its deviation σ to be estimated from n members. The central interval of a
share p is then mean ± t σ, with t the (1 + p)/2 quantile of Student's distribution of n − 1 degrees of freedom.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from seisinv.core import PARAMETERS, ConfigError, Grid, Model, RunError
from seisinv.runs.directory import read_arrays

FILE = "ensemble.npz"  # in a run directory


class Uncertainty(abc.ABC):
    """A mean model with the deviation of its error."""

    calibration: float
    level: float

    @property
    @abc.abstractmethod
    def mean(self) -> Model:
        """Mean of the members."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many members there are."""

    @abc.abstractmethod
    def std(self, name: str = "vp") -> np.ndarray:
        """Return the calibrated standard deviation [z, x] of a parameter, in its SI unit."""

    def half_width(self, level: float | None = None, name: str = "vp") -> np.ndarray:
        """Return half the width [z, x] of the central credible interval of a parameter, in its SI unit."""
        from scipy.stats import t

        level = checked_level(self.level if level is None else level)
        return float(t.ppf(0.5 + level / 2, self.size - 1)) * self.std(name)

    def interval(self, level: float | None = None, name: str = "vp") -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper end [z, x] of the central credible interval of a parameter.

        Parameters
        ----------
        level : float, optional
            Share of the truth that the interval is to hold; default: the level that the calibration was found for.
        name : str
            Which parameter.
        """
        centre, half = values(self.mean, name), self.half_width(level, name)
        return centre - half, centre + half

    def coverage(
        self, truth: Model, level: float | None = None, *, name: str = "vp", mask: np.ndarray | None = None
    ) -> float:
        """Return the share of cells whose true value lies in the interval: `level`, if the intervals are honest.

        Parameters
        ----------
        truth : Model
        level, name : as for `interval`
        mask : bool array [z, x], optional
            Cells that count; for example those that are not water.
        """
        low, high = self.interval(level, name)
        true = values(truth, name)
        return float(chosen((low <= true) & (true <= high), mask).mean())

    def spread_error_correlation(self, truth: Model, *, name: str = "vp", mask: np.ndarray | None = None) -> float:
        """Return the rank correlation of standard deviation and absolute error of the mean (Spearman).

        It is NaN where all cells have one deviation, or one error.
        """
        from scipy.stats import spearmanr

        spread = chosen(self.std(name), mask)
        error = chosen(np.abs(values(self.mean, name) - values(truth, name)), mask)
        if len(spread) == 0 or np.ptp(spread) == 0 or np.ptp(error) == 0:
            return float("nan")
        return float(spearmanr(spread, error).statistic)


@dataclass(frozen=True, eq=False)
class Spread(Uncertainty):
    """What is kept of an ensemble in ensemble.npz.

    Parameters
    ----------
    centre : Model
        The mean.
    deviations : arrays [z, x] by parameter, SI units
        Calibrated.
    seeds : sequence of int
        One per member.
    calibration, level : float
        Factor that is in `deviations`, and the level for which it was found.
    """

    centre: Model
    deviations: Mapping[str, np.ndarray]
    seeds: Sequence[int]
    calibration: float = 1.0
    level: float = 0.9

    @property
    def mean(self) -> Model:
        """Mean of the members."""
        return self.centre

    @property
    def size(self) -> int:
        """How many members there were."""
        return len(self.seeds)

    def std(self, name: str = "vp") -> np.ndarray:
        """Return the calibrated standard deviation [z, x] of a parameter, in its SI unit."""
        return self.deviations[name]


def arrays_of(ensemble: Uncertainty, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Return what ensemble.npz holds: `vp` and `vp_std` (m/s) and so on, the grid, and how they were made."""
    out: dict[str, np.ndarray] = {}
    for name in ensemble.mean:
        out |= {name: ensemble.mean[name].detach().cpu().numpy(), f"{name}_std": ensemble.std(name)}
    grid = ensemble.mean.grid
    numbers = {"calibration": ensemble.calibration, "level": ensemble.level, "seeds": list(seeds)}
    place = {"spacing": grid.spacing, "origin": grid.origin}
    return out | {name: np.array(value) for name, value in {**place, **numbers}.items()}


def read_ensemble(path: str | os.PathLike[str]) -> Spread:
    """Read what a run has kept of its ensemble.

    Parameters
    ----------
    path : path
        A run directory, or its ensemble.npz.

    Raises
    ------
    RunError
        If there is none, or it cannot be read.
    """
    path = Path(path) / FILE if Path(path).is_dir() else Path(path)
    arrays = read_arrays(path)
    if arrays is None:
        raise RunError(f"{path} is not there; an ensemble is made by ensemble.members = 8 or `run_ensemble`")
    try:
        names = [name for name in arrays if name in PARAMETERS]
        grid = Grid(arrays[names[0]].shape, arrays["spacing"].tolist(), arrays["origin"].tolist())
        return Spread(
            Model(grid, **{name: torch.from_numpy(arrays[name]) for name in names}),
            {name: arrays[f"{name}_std"] for name in names},
            arrays["seeds"].tolist(),
            float(arrays["calibration"]),
            float(arrays["level"]),
        )
    except (ValueError, KeyError, IndexError) as error:
        raise RunError(f"{path} cannot be read: {error}; delete it and resume the run to write it again") from None


def checked_level(level: float) -> float:
    """Return a level between 0 and 1, or say that it is none."""
    if not 0 < level < 1:
        raise ConfigError(f"level is {level:g}; it is a share between 0 and 1, such as 0.9")
    return level


def values(model: Model, name: str) -> np.ndarray:
    """Return a parameter as a float64 array [z, x]."""
    return np.asarray(model[name].detach().double().cpu().numpy())


def chosen(array: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the cells of a mask, or all, as one row."""
    return array.ravel() if mask is None else array[np.asarray(mask, bool)]
