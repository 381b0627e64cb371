"""How close a model is to the truth: RMSE, MAE, structural similarity, correlation of the update.

SSIM(a, b) = (2 μ_a μ_b + c₁)(2 σ_ab + c₂) / ((μ_a² + μ_b² + c₁)(σ_a² + σ_b² + c₂)), averaged over the model, with
Gaussian windows of 1.5 cells and c₁ = (0.01 R)², c₂ = (0.03 R)² for a truth of range R.

Source: Wang, Bovik, Sheikh & Simoncelli 2004, doi:10.1109/TIP.2003.819861, equation 13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.core import GeometryError, Model


@dataclass(frozen=True)
class Quality:
    """Errors of a model against the truth; `correlation` is that of the update with the true update."""

    rmse: float
    mae: float
    ssim: float
    correlation: float | None


def quality(model: Model, truth: Model, *, start: Model | None = None, name: str = "vp") -> Quality:
    """Compare one parameter of a model with the truth, over all cells.

    Parameters
    ----------
    model, truth : Model
        On one grid.
    start : Model, optional
        Where the inversion began; the correlation of (model − start) with (truth − start) needs it.
    name : str
        Which parameter.

    Returns
    -------
    Quality
        RMSE and MAE in the parameter's unit.

    Raises
    ------
    GeometryError
        If the models lie on different grids.
    """
    if model.grid.shape != truth.grid.shape:
        raise GeometryError(f"the model has {model.grid.shape} cells and the truth {truth.grid.shape}")
    a, b = _values(model, name), _values(truth, name)
    correlation = None
    if start is not None:
        update, wanted = a - _values(start, name), b - _values(start, name)
        norm = float(np.linalg.norm(update) * np.linalg.norm(wanted))
        correlation = float((update * wanted).sum() / norm) if norm > 0 else 0.0
    error = a - b
    return Quality(float(np.sqrt((error**2).mean())), float(np.abs(error).mean()), _ssim(a, b), correlation)


def _values(model: Model, name: str) -> np.ndarray:
    return model[name].detach().cpu().numpy().astype(float)


def _ssim(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.ndimage import gaussian_filter

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, truncate=3.5)

    span = float(np.ptp(b)) or 1.0
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    similarity = (
        (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    )
    return float(similarity.mean())
