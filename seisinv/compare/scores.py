"""Scores of a run: errors of its model, misfit of the data it predicts, cost.

PSNR = 20 log₁₀(R / RMSE),   R the data range: largest minus smallest true value, stated with every comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.core import Model
from seisinv.metrics.errors import metrics
from seisinv.metrics.wavenumber import by_depth, coherence, parted_rmse
from seisinv.runs.cost import Cost


@dataclass(frozen=True)
class ModelScores:
    """Errors of a model against the truth.

    Parameters
    ----------
    rmse, mae : float
        Root mean square and mean absolute error, in the parameter's SI unit.
    ssim : float
        Structural similarity.
    psnr : float, dB
        Peak signal-to-noise ratio.
    update_correlation : float or None
        Correlation of the update with the one that was needed.
    low_rmse, high_rmse : float
        RMSE in wavelengths longer and shorter than the split.
    half_wavenumber : float or None, 1/m
        Where the coherence with the truth falls to one half; None: nowhere.
    half_by_depth : tuple of (top, bottom, wavenumber)
        The same in bands of depth (m).

    Examples
    --------
    >>> from seisinv.compare import ModelScores, Scores
    >>> model = ModelScores(120.0, 90.0, 0.8, 24.0, 0.7, 80.0, 89.0, 0.004, ())
    >>> Scores(model=model).model.rmse
    120.0
    """

    rmse: float
    mae: float
    ssim: float
    psnr: float
    update_correlation: float | None
    low_rmse: float
    high_rmse: float
    half_wavenumber: float | None
    half_by_depth: tuple[tuple[float, float, float | None], ...]


@dataclass(frozen=True)
class DataScores:
    """Misfit of the data predicted in a model, as the share of the observed energy left unexplained.

    Parameters
    ----------
    misfit, ratio : float
        In the inverted shots, in the last band; and over that of the starting model.
    held_shots, held_shots_ratio : float or None
        The same in the hold-out shots.
    held_band : float or None
        In the inverted shots, in the hold-out band.
    delay_median, delay_high : float, periods
        Median and 95th percentile of the traces' absolute delays.
    skipped : float
        Share of the traces off by more than half a period.

    Examples
    --------
    >>> from seisinv.compare import DataScores, Scores
    >>> data = DataScores(0.02, 0.1, 0.03, 0.15, None, delay_median=0.05, delay_high=0.2, skipped=0.0)
    >>> Scores(data=data).data.held_shots
    0.03
    """

    misfit: float
    ratio: float
    held_shots: float | None
    held_shots_ratio: float | None
    held_band: float | None
    delay_median: float
    delay_high: float
    skipped: float


@dataclass(frozen=True)
class Scores:
    """Scores of a run; what is not known is None.

    Parameters
    ----------
    model : ModelScores, optional
        Of all cells.
    rock : ModelScores, optional
        Of the cells that are not water, where there is any.
    data : DataScores, optional
    cost : Cost, optional

    Examples
    --------
    >>> from seisinv.compare import Scores
    >>> Scores().model is None
    True
    """

    model: ModelScores | None = None
    rock: ModelScores | None = None
    data: DataScores | None = None
    cost: Cost | None = None


def model_scores(
    model: Model,
    truth: Model,
    *,
    start: Model | None = None,
    split: float,
    data_range: float,
    mask: np.ndarray | None = None,
) -> ModelScores:
    """Compare the velocity of a model with the truth.

    Parameters
    ----------
    model, truth : Model
        On one grid.
    start : Model, optional
        Where the inversion began; the update's correlation needs it.
    split : float, m
        Wavelength that separates low from high wavenumbers.
    data_range : float, m/s
        R of SSIM and PSNR.
    mask : bool array [z, x], optional
        Cells that count.

    Returns
    -------
    ModelScores

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from seisinv.compare import model_scores
    >>> truth = si.Model(si.Grid((12, 16), 20.0), vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> scores = model_scores(truth.replace(vp=truth.vp + 15), truth, split=100.0, data_range=150.0)
    >>> scores.rmse, scores.psnr
    (15.0, 20.0)
    """
    name = truth.leading
    m = metrics(model, truth, start=start, mask=mask, data_range=data_range, name=name)
    low, high = parted_rmse(model, truth, split=split, mask=mask, name=name)
    depths = tuple((*c.depth, c.half) for c in by_depth(model, truth, mask=mask, name=name))
    psnr = 20 * float(np.log10(data_range / m.rmse)) if m.rmse > 0 and data_range > 0 else float("inf")
    half = coherence(model, truth, mask=mask, name=name).half
    return ModelScores(m.rmse, m.mae, m.ssim, psnr, m.update_correlation, low, high, half, depths)
