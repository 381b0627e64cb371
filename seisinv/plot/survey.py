"""Maps and sections of where sources and receivers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.core import Grid, Survey
from seisinv.plot.figure import BLUE, INK, RED, length_unit, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


RECEIVERS: dict[str, Any] = {"color": BLUE, "linewidths": 0, "label": "receivers"}
SOURCES: dict[str, Any] = {
    "marker": "*",
    "s": 34,
    "color": RED,
    "edgecolors": INK,
    "linewidths": 0.3,
    "label": "sources",
}


@styled
def geometry(survey: Survey, *, grid: Grid | None = None, title: str = "geometry") -> Figure:
    """Draw sources and receivers: shots against position along the line in 2-D, a map in 3-D.

    Parameters
    ----------
    survey : Survey
    grid : Grid, optional
        Its sides are drawn as dashed lines.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 200, every=100), receivers=si.line(0, 200, every=20),
    ...                            wavelet=si.ricker(10), duration=0.2, dt=4e-3)
    >>> geometry(survey).axes[0].get_title("left")
    'geometry'
    """
    figure, axes = new_figure(7.4, 4.4)
    draw_geometry(axes[0, 0], survey, grid=grid)
    axes[0, 0].set_title(title)
    return figure


def draw_geometry(axes: Axes, survey: Survey, *, grid: Grid | None = None) -> None:
    """Draw the geometry into `axes`; a 2-D survey as a stacking chart (one row per shot)."""
    from matplotlib.ticker import MaxNLocator

    sources = np.concatenate([shot.sources for shot in survey.shots])
    receivers = np.concatenate([shot.receivers for shot in survey.shots])
    factor, unit = length_unit(float(np.ptp(np.concatenate([sources, receivers])[:, 1:])))
    if survey.ndim == 2:
        rows = np.repeat(np.arange(1, len(survey) + 1), [len(shot.receivers) for shot in survey.shots])
        source_rows = np.repeat(np.arange(1, len(survey) + 1), [len(shot.sources) for shot in survey.shots])
        axes.scatter(factor * receivers[:, 1], rows, marker=".", s=4, rasterized=True, **RECEIVERS)
        axes.scatter(factor * sources[:, 1], source_rows, **SOURCES)
        axes.set_xlabel(f"position along the line ({unit})")
        axes.set_ylabel("shot, in file order")
        axes.set_ylim(0.5 - 0.02 * len(survey), len(survey) + 0.5 + 0.02 * len(survey))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        edges: tuple[float, ...] = grid.extent[-1] if grid is not None else ()
        for edge in edges:
            axes.axvline(factor * edge, color=INK, linestyle="--", linewidth=0.7)
    else:
        axes.scatter(factor * receivers[:, 2], factor * receivers[:, 1], marker="v", s=6, **RECEIVERS)
        axes.scatter(factor * sources[:, 2], factor * sources[:, 1], **SOURCES)
        axes.set_xlabel(f"x ({unit})")
        axes.set_ylabel(f"y ({unit})")
        axes.set_aspect("equal")
    axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.99), ncols=2, fontsize=8, markerscale=1.5, handletextpad=0.2)
