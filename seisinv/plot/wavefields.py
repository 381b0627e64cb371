"""Figures of wavefields: snapshots at several times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import ConfigError, Grid
from seisinv.plot.figure import colour_bar, new_figure, styled
from seisinv.plot.models import DIVERGING, draw_section, stretch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def snapshots(
    values: np.ndarray,
    grid: Grid,
    titles: Sequence[str],
    *,
    columns: int = 3,
    limit: float | None = None,
    label: str = "pressure (Pa)",
) -> Figure:
    """Draw sections of one quantity side by side on one scale that is symmetric about zero.

    Parameters
    ----------
    values : (n, nz, nx) array
        On the nodes of the grid.
    grid : Grid
    titles : n texts
    columns : int
    limit : float, optional
        End of the colour scale; by default the largest value.
    label : str
        What is drawn, with its unit.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        If values, grid and titles do not fit one another.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> waves = np.random.default_rng(0).standard_normal((2, 11, 21))
    >>> len(snapshots(waves, Grid((11, 21), 10.0), ["0.1 s", "0.2 s"]).axes)
    3
    """
    values = np.asarray(values)
    if values.shape != (len(titles), *grid.shape):
        raise ConfigError(f"values have shape {values.shape}; give {len(titles)} sections of the grid {grid.shape}")
    limit = limit or float(np.abs(values).max()) or 1.0
    columns = min(columns, len(titles))
    rows = math.ceil(len(titles) / columns)
    (top, bottom), (left, right) = grid.extent[0], grid.extent[-1]
    height = rows * (8.0 / columns * stretch(grid) * (bottom - top) / (right - left) + 0.45) + 0.3
    figure, axes = new_figure(10.0, height, rows=rows, columns=columns, share=True)
    for place in axes.flat[len(titles) :]:
        place.set_visible(False)
    for k, (place, title) in enumerate(zip(axes.flat, titles, strict=False)):
        image = draw_section(place, values[k], grid, limits=(-limit, limit), cmap=DIVERGING)
        place.set_title(title, fontsize=9)
        if k + columns < len(titles):
            place.set_xlabel("")
        if k % columns:
            place.set_ylabel("")
    colour_bar(figure, image, axes=list(axes.flat), label=label)
    return figure
