"""Uncertainty of a model: mean, standard deviation, credible intervals, and their coverage of a known truth.

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

from seisinv.core import ConfigError, Grid, Model, RunError
from seisinv.core.arrays import numbers
from seisinv.runs.directory import read_arrays, undamaged

FILE = "ensemble.npz"  # in a run directory


class Uncertainty(abc.ABC):
    """A mean model with the standard deviation of its error; `Ensemble` and `Spread` are ones.

    Parameters
    ----------
    calibration : float
        Factor from the members' standard deviation to that of the error; an attribute.
    level : float
        Share of the true values that intervals should contain; an attribute.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from seisinv.runs import Spread
    >>> mean = si.Model(si.Grid((3, 4), 10.0), vp=2000.0)
    >>> spread = Spread(mean, {"vp": np.full((3, 4), 20.0)}, seeds=range(8))
    >>> low, high = spread.interval(0.9)
    >>> round(float(high[0, 0] - low[0, 0]), 1)
    75.8
    """

    calibration: float
    level: float

    @property
    @abc.abstractmethod
    def mean(self) -> Model:
        """Mean of the members."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of members."""

    @abc.abstractmethod
    def std(self, name: str = "vp") -> np.ndarray:
        """Return the calibrated standard deviation [z, x] of a parameter, in its SI unit.

        Parameters
        ----------
        name : str
        """

    def half_width(self, level: float | None = None, name: str = "vp") -> np.ndarray:
        """Return half the width of the central credible interval of a parameter.

        Parameters
        ----------
        level, name
            As for `interval`.

        Returns
        -------
        array [z, x]
            In the parameter's SI unit.

        Raises
        ------
        ConfigError
            If the level is not between 0 and 1.
        """
        from scipy.stats import t

        level = checked_level(self.level if level is None else level)
        return float(t.ppf(0.5 + level / 2, self.size - 1)) * self.std(name)

    def interval(self, level: float | None = None, name: str = "vp") -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper end [z, x] of the central credible interval of a parameter.

        Parameters
        ----------
        level : float, optional
            Share of the true values that the interval should contain; default: the level of the calibration.
        name : str
            Of the parameter.

        Returns
        -------
        lower, upper : array [z, x]
            In the parameter's SI unit.
        """
        centre, half = values(self.mean, name), self.half_width(level, name)
        return centre - half, centre + half

    def coverage(
        self, truth: Model, level: float | None = None, *, name: str = "vp", mask: np.ndarray | None = None
    ) -> float:
        """Return the share of cells whose true value lies in the interval: `level`, if it is well calibrated.

        Parameters
        ----------
        truth : Model
        level, name
            As for `interval`.
        mask : bool array [z, x], optional
            Cells that count; for example those that are not water.

        Returns
        -------
        float
        """
        low, high = self.interval(level, name)
        true = values(truth, name)
        return float(chosen((low <= true) & (true <= high), mask).mean())

    def spread_error_correlation(self, truth: Model, *, name: str = "vp", mask: np.ndarray | None = None) -> float:
        """Return the rank correlation of standard deviation and absolute error of the mean (Spearman).

        It is NaN where all cells have one deviation, or one error.

        Parameters
        ----------
        truth : Model
        name : str
        mask : bool array [z, x], optional
            Cells that count (default: all).
        """
        from scipy.stats import spearmanr

        spread = chosen(self.std(name), mask)
        error = chosen(np.abs(values(self.mean, name) - values(truth, name)), mask)
        if len(spread) == 0 or np.ptp(spread) == 0 or np.ptp(error) == 0:
            return float("nan")
        return float(spearmanr(spread, error).statistic)


@dataclass(frozen=True, eq=False)
class Spread(Uncertainty):
    """Mean and standard deviation of an ensemble, as kept in ensemble.npz.

    Parameters
    ----------
    centre : Model
        The mean.
    deviations : mapping of str to array [z, x]
        Calibrated standard deviations by parameter, SI units.
    seeds : sequence of int
        One per member.
    calibration, level : float
        Factor that is included in `deviations`, and the level for which it was found.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from seisinv.runs import Spread
    >>> mean = si.Model(si.Grid((3, 4), 10.0), vp=2000.0)
    >>> spread = Spread(mean, {"vp": np.full((3, 4), 20.0)}, seeds=range(8))
    >>> spread.size, float(spread.std()[0, 0])
    (8, 20.0)
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
        """Number of members."""
        return len(self.seeds)

    def std(self, name: str = "vp") -> np.ndarray:
        """Return the calibrated standard deviation [z, x] of a parameter, in its SI unit.

        Parameters
        ----------
        name : str
        """
        return self.deviations[name]


def arrays_of(ensemble: Uncertainty, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Return the content of ensemble.npz: `vp` and `vp_std` (m/s) and so on, the grid, calibration, level and seeds."""
    out: dict[str, np.ndarray] = {}
    for name in ensemble.mean:
        out |= {name: ensemble.mean[name].detach().cpu().numpy(), f"{name}_std": ensemble.std(name)}
    grid = ensemble.mean.grid
    numbers = {"calibration": ensemble.calibration, "level": ensemble.level, "seeds": list(seeds)}
    place = {"spacing": grid.spacing, "origin": grid.origin}
    return out | {name: np.array(value) for name, value in {**place, **numbers}.items()}


def read_ensemble(path: str | os.PathLike[str]) -> Spread:
    """Read the mean and the standard deviation of a run's ensemble.

    Parameters
    ----------
    path : path
        A run directory, or its ensemble.npz.

    Returns
    -------
    Spread

    Raises
    ------
    RunError
        If there is none, or it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.runs import read_ensemble
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "ensemble.npz"), vp=np.full((3, 4), 2000.0), vp_std=np.full((3, 4), 20.0),
    ...              spacing=[10.0, 10.0], origin=[0.0, 0.0], calibration=1.0, level=0.9, seeds=range(8))
    ...     read_ensemble(folder).size
    8
    """
    path = Path(path) / FILE if Path(path).is_dir() else Path(path)
    arrays = read_arrays(path, "spacing", "origin", "calibration", "level", "seeds")
    if arrays is None:
        raise RunError(f"{path} is not there; an ensemble is made by ensemble.members = 8 or `run_ensemble`")
    with undamaged(path):
        names = [name for name in arrays if f"{name}_std" in arrays]
        grid = Grid(arrays[names[0]].shape, arrays["spacing"].tolist(), arrays["origin"].tolist())
        deviations = {name: numbers(arrays[f"{name}_std"], f"{name}_std", shape=grid.shape) for name in names}
        seeds, calibration, level = arrays["seeds"].tolist(), float(arrays["calibration"]), float(arrays["level"])
        mean = Model(grid, **{name: torch.from_numpy(arrays[name]) for name in names})
        return Spread(mean, deviations, seeds, calibration, level)


def checked_level(level: float) -> float:
    """Return a level, refused unless it is between 0 and 1."""
    if not 0 < level < 1:
        raise ConfigError(f"level is {level:g}; it is a share between 0 and 1, such as 0.9")
    return level


def values(model: Model, name: str) -> np.ndarray:
    """Return a parameter as a float64 array [z, x]."""
    return np.asarray(model[name].detach().double().cpu().numpy())


def chosen(array: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the cells of a mask, or all, as one row."""
    return array.ravel() if mask is None else array[np.asarray(mask, bool)]
