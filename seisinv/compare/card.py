"""The report card of a run: how good its model is, how well it predicts, what it has cost.

PSNR = 20 log₁₀(R / RMSE),   R the data range: largest minus smallest true value, stated with every comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.core import Model
from seisinv.metrics import metrics
from seisinv.metrics.wavenumber import by_depth, coherence, parted_rmse
from seisinv.runs.cost import Cost


@dataclass(frozen=True)
class ModelScores:
    """A model beside the truth; errors in the parameter's SI unit, wavenumbers in 1/m.

    `low_rmse` and `high_rmse` are the errors in wavelengths longer and shorter than the split; `half_wavenumber` is
    where the coherence with the truth falls to one half (None: nowhere), `half_by_depth` the same in bands of depth.
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
    """How a model predicts the data; misfits are shares of the observed energy left unexplained, delays in periods.

    Parameters
    ----------
    misfit, ratio : float
        In the shots inverted, in the last band; and over that of the start model.
    held_shots, held_shots_ratio : float or None
        The same in the shots kept back.
    held_band : float or None
        In the shots inverted, at frequencies that were not.
    delay_median, delay_high : float, periods
        Median and 95th percentile of the traces' absolute delays.
    skipped : float
        Share of the traces off by more than half a period.
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
    """The report card of a run; what is not known is None.

    `rock` holds the scores of the model without the water, where there is any.
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
        Wavelength that parts low from high wavenumbers.
    data_range : float, m/s
        R of SSIM and PSNR.
    mask : bool array [z, x], optional
        Cells that count.
    """
    m = metrics(model, truth, start=start, mask=mask, data_range=data_range)
    low, high = parted_rmse(model, truth, split=split, mask=mask)
    depths = tuple((*c.depth, c.half) for c in by_depth(model, truth, mask=mask))
    psnr = 20 * float(np.log10(data_range / m.rmse)) if m.rmse > 0 and data_range > 0 else float("inf")
    half = coherence(model, truth, mask=mask).half
    return ModelScores(m.rmse, m.mae, m.ssim, psnr, m.update_correlation, low, high, half, depths)
