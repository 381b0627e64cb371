"""How certain a model is: its mean, its standard deviation, and the error where a truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import PARAMETERS, Model
from seisinv.plot.figure import styled
from seisinv.plot.models import DIVERGING, SEQUENTIAL, Panel, draw_panels, label, section, value_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPREAD = "cividis"  # another map than the models', so that a spread is never read as a velocity
WORST = 2.0  # half-widths of the interval at which the colours of misses end


@styled
def uncertainty(
    mean: Model,
    std: np.ndarray,
    name: str = "vp",
    *,
    truth: Model | None = None,
    half_width: np.ndarray | None = None,
) -> Figure:
    """Draw mean and standard deviation; with a truth also the error, and where the interval misses.

    Parameters
    ----------
    mean : Model
    std : array [z, x]
        Standard deviation, in the parameter's unit.
    name : str
        Which parameter.
    truth : Model, optional
        On the grid of the mean.
    half_width : array [z, x], optional
        Half the width of the interval that is to hold the truth, in the parameter's unit.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> len(uncertainty(model, np.full((11, 21), 50.0)).axes)
    4
    """
    average, spread, unit = section(mean, name), _slice(std), PARAMETERS[name].unit
    sections = [average] if truth is None else [average, section(truth, name)]
    panels = [
        Panel("mean of the members", average, value_range(sections), SEQUENTIAL, label(name)),
        Panel("standard deviation", spread, (0.0, _top(spread)), SPREAD, f"standard deviation ({unit})"),
    ]
    if truth is None:
        return draw_panels(panels, mean.grid)
    missed = sections[1].astype(float) - average
    if half_width is not None:
        # Where all members agree, any error is outside.
        share = missed / np.maximum(_slice(half_width), 1e-6 * np.abs(average))
        title = "(truth − mean) / half-width: outside beyond ±1"
        panels.append(Panel(title, share, (-WORST, WORST), DIVERGING, "half-widths"))
    error = np.abs(missed)
    panels.append(Panel("error of the mean, |mean − truth|", error, (0.0, _top(error)), SPREAD, f"error ({unit})"))
    return draw_panels(panels, mean.grid)


def _top(values: np.ndarray) -> float:
    """Return the end of a colour scale from 0: a few cells at an edge must not use up all the colours."""
    return float(np.percentile(values, 99.5)) or float(values.max()) or 1.0


def _slice(values: np.ndarray) -> np.ndarray:
    return values[:, values.shape[1] // 2] if values.ndim == 3 else values
