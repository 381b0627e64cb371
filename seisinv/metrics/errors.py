"""How close a model is to the truth: RMSE, MAE, structural similarity, correlation of the update.

SSIM(a, b) = (2 μ_a μ_b + c₁)(2 σ_ab + c₂) / ((μ_a² + μ_b² + c₁)(σ_a² + σ_b² + c₂))   (Wang et al. 2004, eq. 13)

averaged over the model, with means, variances and covariance under an 11 × 11 Gaussian window of standard deviation
1.5 cells, c₁ = (0.01 R)², c₂ = (0.03 R)², R the data range (doi:10.1109/TIP.2003.819861).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.core import GeometryError, Model


@dataclass(frozen=True)
class Metrics:
    """Errors of a parameter: RMSE and MAE in its SI unit, SSIM, and the correlation of update and true update.

    Parameters
    ----------
    rmse, mae : float
        Root mean square and mean absolute error, SI unit of the parameter.
    ssim : float
        Structural similarity, 1 for equal models.
    update_correlation : float or None
        Correlation of the update with the true update; None without a starting model.

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((12, 12), 10.0)
    >>> found = metrics(si.Model(grid, vp=2030.0), si.Model(grid, vp=2000.0), data_range=100.0)
    >>> found.rmse, found.mae, found.update_correlation is None
    (30.0, 30.0, True)
    """

    rmse: float
    mae: float
    ssim: float
    update_correlation: float | None


def metrics(
    model: Model,
    truth: Model,
    *,
    start: Model | None = None,
    name: str = "vp",
    mask: np.ndarray | None = None,
    data_range: float | None = None,
) -> Metrics:
    """Compare one parameter of a model with the truth.

    Parameters
    ----------
    model, truth : Model
        On grids of one shape.
    start : Model, optional
        Where the inversion began; `update_correlation` needs it.
    name : str
    mask : bool array [z, x], optional
        Cells that count (default: all).
    data_range : float, SI unit, optional
        R of SSIM; default: largest minus smallest true value.

    Returns
    -------
    Metrics

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((12, 12), 10.0)
    >>> start, truth, model = (si.Model(grid, vp=v) for v in (1900.0, 2000.0, 1950.0))
    >>> metrics(model, truth, start=start, data_range=100.0).update_correlation
    1.0
    """
    return Metrics(
        rmse(model, truth, name=name, mask=mask),
        mae(model, truth, name=name, mask=mask),
        ssim(model, truth, name=name, mask=mask, data_range=data_range),
        None if start is None else update_correlation(model, truth, start=start, name=name, mask=mask),
    )


def rmse(model: Model, truth: Model, *, name: str = "vp", mask: np.ndarray | None = None) -> float:
    """Return the root mean square error.

    Parameters
    ----------
    model, truth : Model
        On grids of one shape.
    name : str
        The parameter to compare.
    mask : bool array [z, x], optional
        Cells that count (default: all).

    Returns
    -------
    float, SI unit of the parameter

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((3, 4), 10.0)
    >>> truth, model = si.Model(grid, vp=2000.0), si.Model(grid, vp=2030.0)
    >>> rmse(model, truth)
    30.0
    """
    a, b = _values(model, truth, name)
    return float(np.sqrt(np.mean(_chosen(a - b, mask) ** 2)))


def mae(model: Model, truth: Model, *, name: str = "vp", mask: np.ndarray | None = None) -> float:
    """Return the mean absolute error.

    Parameters
    ----------
    model, truth : Model
        On grids of one shape.
    name : str
        The parameter to compare.
    mask : bool array [z, x], optional
        Cells that count (default: all).

    Returns
    -------
    float, SI unit of the parameter

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((3, 4), 10.0)
    >>> truth, model = si.Model(grid, vp=2000.0), si.Model(grid, vp=2030.0)
    >>> mae(model, truth)
    30.0
    """
    a, b = _values(model, truth, name)
    return float(np.mean(np.abs(_chosen(a - b, mask))))


def ssim(
    model: Model,
    truth: Model,
    *,
    name: str = "vp",
    mask: np.ndarray | None = None,
    data_range: float | None = None,
) -> float:
    """Return the mean structural similarity, 1 for equal models.

    Parameters
    ----------
    model, truth : Model
        On grids of one shape.
    name : str
        The parameter to compare.
    mask : bool array [z, x], optional
        Cells that count (default: all).
    data_range : float, SI unit, optional
        R of the constants; default: largest minus smallest true value.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> grid = si.Grid((32, 48), 10.0)
    >>> waves = np.cos(2 * np.pi * grid.coordinates("x") / 120)[None] * np.ones((32, 1))
    >>> truth, start = si.Model(grid, vp=2000 + 100 * waves), si.Model(grid, vp=2000.0)
    >>> ssim(truth, truth), bool(ssim(start, truth) < 0.1)
    (1.0, True)
    """
    from scipy.ndimage import gaussian_filter

    a, b = _values(model, truth, name)
    r = float(b.max() - b.min()) if data_range is None else data_range
    if r == 0:
        return 1.0 if np.array_equal(a, b) else 0.0

    def mean(u: np.ndarray) -> np.ndarray:
        return gaussian_filter(u, 1.5, radius=5, mode="reflect")

    c1, c2 = (0.01 * r) ** 2, (0.03 * r) ** 2
    ma, mb = mean(a), mean(b)
    # Deviations from a common constant: variances as differences of squares of thousands lose digits.
    da, db = a - b.mean(), b - b.mean()
    va, vb = mean(da**2) - mean(da) ** 2, mean(db**2) - mean(db) ** 2
    cov = mean(da * db) - mean(da) * mean(db)
    value = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return float(np.mean(_chosen(value, mask)))


def update_correlation(
    model: Model, truth: Model, *, start: Model, name: str = "vp", mask: np.ndarray | None = None
) -> float:
    """Return ⟨m − m₀, m* − m₀⟩ / (‖m − m₀‖ ‖m* − m₀‖), 0 where one of them vanishes.

    Parameters
    ----------
    model, truth : Model
        On grids of one shape.
    start : Model
        The starting model m₀.
    name : str
        The parameter to compare.
    mask : bool array [z, x], optional
        Cells that count (default: all).

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> grid = si.Grid((32, 48), 10.0)
    >>> waves = np.cos(2 * np.pi * grid.coordinates("x") / 120)[None] * np.ones((32, 1))
    >>> truth, start = si.Model(grid, vp=2000 + 100 * waves), si.Model(grid, vp=2000.0)
    >>> half = si.Model(grid, vp=2000 + 50 * waves)
    >>> round(update_correlation(half, truth, start=start), 6)
    1.0
    """
    a, b = _values(model, truth, name)
    s = _values(start, truth, name)[0]
    return correlation(_chosen(a - s, mask), _chosen(b - s, mask))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return ⟨a, b⟩ / (‖a‖ ‖b‖), 0 where one of them vanishes."""
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.sum(a * b) / size) if size > 0 else 0.0


def _values(model: Model, truth: Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    if model.grid.shape != truth.grid.shape:
        raise GeometryError(f"the model has {model.grid.shape} nodes and the truth {truth.grid.shape}; use one grid")
    a, b = (m[name].detach().double().cpu().numpy() for m in (model, truth))
    return a, b


def _chosen(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    return values if mask is None else values[np.asarray(mask, bool)]
