"""Maps and sections of where sources and receivers are, and one figure of a whole survey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.core import Grid, Observed, Survey
from seisinv.plot.figure import BLUE, INK, RED, length_unit, new_figure, styled
from seisinv.plot.gathers import amplitude, draw_gather, live_traces, rms_of
from seisinv.plot.spectra import draw_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


RECEIVERS: dict[str, Any] = {"color": BLUE, "linewidths": 0, "label": "receivers"}
STAR: dict[str, Any] = {"marker": "*", "s": 34, "linewidths": 0.3}
SOURCES: dict[str, Any] = {"color": RED, "edgecolors": INK, "label": "sources", **STAR}


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


@styled
def overview(observed: Observed, *, title: str = "") -> Figure:
    """Draw the geometry, the middle shot and its spectrum.

    Parameters
    ----------
    observed : Gathers, or a file opened by `io.read_segy`
        Only the middle shot is loaded.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 200, every=100), receivers=si.line(0, 200, every=20),
    ...                            wavelet=si.ricker(10), duration=0.2, dt=4e-3)
    >>> data = torch.randn(len(survey), survey.max_receivers, survey.time.samples)
    >>> gathers = si.Gathers(data, survey)
    >>> len(overview(gathers, title="line").axes)
    3
    """
    gathers = observed[[len(observed) // 2]]
    data, offsets = live_traces(gathers, 0)
    figure, axes = new_figure(12.0, 4.0, columns=3)
    draw_geometry(axes[0, 0], observed.survey)
    axes[0, 0].set_title("geometry")
    if title:
        figure.suptitle(title)
    if len(data):
        data = data / rms_of(data)
        draw_gather(axes[0, 1], data, offsets, gathers.survey.time, scale=amplitude(data, 98))
        draw_spectrum(axes[0, 2], gathers)
    axes[0, 1].set_title(f"shot {gathers.survey.shots[0].number}, each trace scaled")
    axes[0, 2].set_title("its amplitude spectrum")
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
        axes.set(xlabel=f"position along the line ({unit})", ylabel="shot, in file order")
        axes.set_ylim(0.5 - 0.02 * len(survey), len(survey) + 0.5 + 0.02 * len(survey))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        edges: tuple[float, ...] = grid.extent[-1] if grid is not None else ()
        for edge in edges:
            axes.axvline(factor * edge, color=INK, linestyle="--", linewidth=0.7)
    else:
        axes.scatter(factor * receivers[:, 2], factor * receivers[:, 1], marker="v", s=6, **RECEIVERS)
        axes.scatter(factor * sources[:, 2], factor * sources[:, 1], **SOURCES)
        axes.set(xlabel=f"x ({unit})", ylabel=f"y ({unit})", aspect="equal")
    axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.99), ncols=2, fontsize=8, markerscale=1.5, handletextpad=0.2)
