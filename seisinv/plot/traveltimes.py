"""Figures of first breaks: where they were picked, how well a model explains them, and where its rays run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import PARAMETERS, Gathers, Model, Survey
from seisinv.plot.figure import BLUE, INK, ORANGE, RED, new_figure, styled
from seisinv.plot.gathers import amplitude, draw_gather, live_traces, rms_of, trace_axis
from seisinv.plot.models import (
    SEQUENTIAL,
    Panel,
    draw_positions,
    label_outer,
    new_places,
    proportion,
    section,
    value_range,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIP = 80.0  # percentile of the amplitudes, after every trace is divided by its RMS


@styled
def first_breaks(
    gathers: Gathers, *, picked: np.ndarray, predicted: np.ndarray | None = None, lag: float = 0.0
) -> Figure:
    """Draw gathers with the observed and the predicted first breaks on top.

    Parameters
    ----------
    gathers : Gathers
        Up to a handful of shots, drawn side by side.
    picked, predicted : (shot, receiver) arrays, s
        NaN where there is none.
    lag : float, s
        What was subtracted from the picks for the wavelet; they are drawn where they were seen.

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
    >>> len(first_breaks(gathers, picked=np.abs(survey.offsets) / 2000.0).axes)
    3
    """
    figure, axes = new_figure(max(6.4, min(12.0, 3.8 * len(gathers))), 4.6, columns=len(gathers))
    for k, panel in enumerate(axes[0]):
        data, offsets = live_traces(gathers, k)
        data, live = data / rms_of(data), gathers.live[k].numpy()
        draw_gather(panel, data, offsets, gathers.survey.time, scale=amplitude(data, CLIP))
        order, position, _ = trace_axis(offsets)
        seen = picked[k, : len(live)][live][order] + lag
        panel.scatter(position, seen, s=18, color=RED, linewidths=0, label="picked")
        if predicted is not None:  # a thin line with a pale edge: it shows on dots, and dots show on both of its sides
            t = predicted[k, : len(live)][live][order] + lag
            panel.plot(position, t, color="white", linewidth=2.2)
            panel.plot(position, t, color=BLUE, linewidth=1.2, label="predicted")
        last = np.nanmax(picked[k]) if np.isfinite(picked[k]).any() else gathers.survey.time.end
        low, high = min(gathers.survey.time.end, 1.4 * (last + lag) + 0.02), max(gathers.survey.time.start, -0.1 * last)
        panel.set(ylim=(low, high), title=f"shot {gathers.survey.shots[k].number}")
        if k:
            panel.set_ylabel("")
    axes[0, 0].legend(loc="lower left", fontsize=8, markerscale=2, frameon=True, framealpha=0.85)
    return figure


@styled
def traveltime_fit(
    survey: Survey, *, picked: np.ndarray, before: np.ndarray | None = None, after: np.ndarray
) -> Figure:
    """Draw predicted − picked times against offset, and how they are distributed.

    Parameters
    ----------
    survey : Survey
    picked, after : (shot, receiver) arrays, s
    before : (shot, receiver) array, s, optional
        Times in the starting model.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 200, every=100), receivers=si.line(0, 200, every=20),
    ...                            wavelet=si.ricker(10), duration=0.2, dt=4e-3)
    >>> times = np.abs(survey.offsets) / 2000.0
    >>> len(traveltime_fit(survey, picked=times, after=times + 1e-3).axes)
    2
    """
    figure, axes = new_figure(10.0, 3.6, columns=2)
    distance = np.abs(survey.reaches)
    sets = [(before, ORANGE, "gradient medium")] if before is not None else []
    drawn = [(1e3 * (t - picked), colour, name) for t, colour, name in [*sets, (after, BLUE, "tomography")]]
    finite = [rest[np.isfinite(rest)] for rest, _, _ in drawn]
    limit = 1.2 * float(np.percentile(np.abs(finite[0]), 99)) + 1e-3
    bins = np.linspace(-limit, limit, _bars(finite[-1], 2 * limit) + 1).tolist()
    for (rest, colour, name), values in zip(drawn, finite, strict=True):
        good = np.isfinite(rest)
        rms = float(np.sqrt(np.mean(values**2)))
        axes[0, 0].scatter(distance[good], values, s=4, color=colour, linewidths=0, alpha=0.6, rasterized=True)
        axes[0, 1].hist(values, bins=bins, histtype="stepfilled", color=colour, alpha=0.55,
                        label=f"{name}: RMS {rms:.3g} ms")  # fmt: skip
    axes[0, 0].axhline(0, color=INK, linewidth=0.6)
    words = "predicted − picked (ms)"
    axes[0, 0].set(ylim=(-limit, limit), xlabel="distance (m)", ylabel=words, title="residuals against distance")
    axes[0, 1].set(xlabel=words, ylabel="picks", title="residuals")
    axes[0, 1].set_ylim(0, 1.25 * axes[0, 1].get_ylim()[1])  # room for the legend above the bars
    axes[0, 1].legend(fontsize=8, loc="upper center", ncols=len(drawn))
    return figure


def _bars(values: np.ndarray, width: float) -> int:
    """Return how many bars show values over an axis of that width (Freedman & Diaconis 1981), 24 to 120."""
    low, high = np.percentile(values, [25, 75])
    return int(np.clip(np.ceil(width / max(2 * (high - low) / len(values) ** (1 / 3), 1e-9)), 24, 120))


@styled
def tomogram(model: Model, gradient: Model, *, coverage: np.ndarray, survey: Survey | None = None) -> Figure:
    """Draw the gradient medium, the tomography's model faded where no ray runs, and the length of ray in each cell.

    Parameters
    ----------
    model, gradient : Model
    coverage : (nz, nx) array
    survey : Survey, optional
        Its positions are drawn on the model.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> len(tomogram(model, model, coverage=np.ones((11, 21))).axes)
    6
    """
    grid, values, start = model.grid, section(model, "vp"), section(gradient, "vp")
    figure, places = new_places(3, 1, width=8.6, height=max(1.1, min(3.5, 7.0 * proportion(grid))) + 0.6)
    limits, unit = value_range([values, start]), f"vp ({PARAMETERS['vp'].unit})"
    most = float(np.sqrt(np.percentile(coverage, 99)))
    panels = (
        Panel("gradient medium fitted to the picks", start, limits, SEQUENTIAL, unit),
        Panel("tomography, pale where no ray runs", values, limits, SEQUENTIAL, unit),
        Panel("rays", np.sqrt(np.maximum(coverage, 0)), (0, most), "magma", "√(length of ray / cell)"),
    )
    images = [panel.draw(figure, place, grid) for place, panel in zip(places, panels, strict=True)]
    images[1].set_alpha(np.where(coverage > 0.02 * coverage.max(), 1.0, 0.45))  # type: ignore[arg-type]
    label_outer(places, 1)
    if survey is not None:
        draw_positions(places[1], survey, grid)
    return figure
